package httpapi_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"stackctl/pkg/server/apptest"
)

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// The commands of docs/api.md are run as they stand, one after another, over
// https as the edge speaks it: curl keeps the cookies by the rules.
func TestTheCommandsOfTheGuideWork(t *testing.T) {
	text, err := os.ReadFile("../../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	blocks := shellBlock.FindAllStringSubmatch(string(text), -1)
	for _, b := range blocks {
		script.WriteString(b[1] + "\necho\n")
	}
	if len(blocks) < 5 {
		t.Fatalf("only %d blocks of commands", len(blocks))
	}
	s := apptest.New(t)
	s.Start("api")
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script.String())
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "API=" + apptest.Secure(t, s.URLs["api"]), "CURL_HOME=" + cmd.Dir, "HOME=" + cmd.Dir}
	if err := os.WriteFile(cmd.Dir+"/.curlrc", []byte("insecure\nfail-with-body\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, want := range []string{`"status":"ok"`, `"release":"testrelease1"`, `"status":"accepted"`, `"email":"ada@example.com"`, `"display_name":"Ada"`, `"current":true`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	var left int
	if err := s.DB.SQL.Get(&left, `SELECT count(*) FROM sessions`); err != nil || left != 0 {
		t.Errorf("%d sessions are left after logging out, err %v", left, err)
	}
}
