package cli

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"stackctl/pkg/stackctl/update"
)

// asked is stackctl in a process of its own, which believes the root of a server.
func asked(t *testing.T, address, root string, args ...string) (exit int, text string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "STACKCTL_TEST_RUNS=1", update.Variable+"="+address, "SSL_CERT_FILE="+root, "SSL_CERT_DIR="+filepath.Dir(root))
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState.ExitCode() < 0 {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func TestVersionLooksForANewerReleaseOnlyWhenAsked(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		fmt.Fprint(w, `{"format": 1, "version": "v9.1.0", "date": "2026-03-14T09:26:53Z", "notes": "https://example.org/v9.1.0"}`)
	}))
	t.Cleanup(server.Close)
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if exit, text := asked(t, server.URL, root, "version"); exit != ExitDone || requests.Load() != 0 {
		t.Errorf("unasked: exit code %d, %d requests\n%s", exit, requests.Load(), text)
	}
	exit, text := asked(t, server.URL, root, "version", "--check")
	if exit != ExitDone || requests.Load() != 1 || !strings.Contains(text, "v9.1.0 of 2026-03-14") || !strings.Contains(text, "https://example.org/v9.1.0") {
		t.Errorf("exit code %d, %d requests\n%s", exit, requests.Load(), text)
	}
	var a update.Answer
	exit, text = asked(t, server.URL, root, "version", "--check", "--output", "json")
	if err := json.Unmarshal([]byte(text), &a); err != nil || exit != ExitDone || a.Newest != "v9.1.0" || a.Standing != update.Unknown || a.Index != server.URL {
		t.Errorf("exit code %d, %v\n%s", exit, err, text)
	}
}

func TestVersionSaysWhyItCannotCheck(t *testing.T) {
	for address, c := range map[string]struct {
		exit int
		says string
	}{
		"":                               {ExitUsage, update.Variable + " is not set"},
		"http://example.org/latest.json": {ExitUsage, "no plain https URL"},
		"https://127.0.0.1:1/x.json":     {ExitUnreachable, "try again with a network"},
	} {
		exit, text := asked(t, address, "none/none.pem", "version", "--check")
		if exit != c.exit || !strings.Contains(text, c.says) {
			t.Errorf("%q: exit code %d, want %d with %q in\n%s", address, exit, c.exit, c.says, text)
		}
	}
}
