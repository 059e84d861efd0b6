package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/cli"
)

// mailState is a folder with a sandbox whose mail server answers.
func mailState(t *testing.T) map[string]string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const head = `"id":7,"at":"2026-01-02T03:04:05Z","from":"no-reply@stack.localhost","to":["ada@example.com"],"subject":"Confirm \u001b[31mit"`
		switch r.URL.RequestURI() {
		case "/letters?to=ada%40example.com":
			fmt.Fprint(w, `[{`+head+`}]`)
		case "/letters?to=":
			fmt.Fprint(w, `[]`)
		case "/letters/7":
			fmt.Fprint(w, `{`+head+`,"text":"Open https://stack.localhost/verify#token=abc"}`)
		default:
			http.Error(w, "there is no letter", http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	return map[string]string{"stackctl.yaml": "project: shop\n", ".stackctl/sandbox/state.json": fmt.Sprintf(`{"name":"x","mail":%q}`, server.URL)}
}

func TestMailsOfTheSandboxAreListedAndShown(t *testing.T) {
	state := mailState(t)
	for _, c := range []struct {
		args string
		exit int
		says string
	}{
		{"sandbox mail --to ada@example.com", 0, "   7  "},
		{"sandbox mail", 0, "0 mails; also at http://127.0.0.1:"},
		{"sandbox mail 7", 0, "https://stack.localhost/verify#token=abc"},
		{"sandbox mail 8", cli.ExitStep, "404"},
		{"sandbox mail seven", cli.ExitUsage, "not a mail's number"},
	} {
		exit, text, _ := run(t, state, strings.Fields(c.args)...)
		if exit != c.exit || !strings.Contains(text, c.says) || strings.Contains(text, "\x1b") {
			t.Errorf("%s: exit code %d, %q", c.args, exit, text)
		}
	}
	_, text, _ := run(t, state, "sandbox", "mail", "7", "--output", "json")
	var one struct{ Text string }
	if err := json.Unmarshal([]byte(text), &one); err != nil || !strings.HasPrefix(one.Text, "Open ") {
		t.Errorf("%v: %s", err, text)
	}
}

func TestMailsNeedASandbox(t *testing.T) {
	exit, text, _ := run(t, map[string]string{"stackctl.yaml": "project: shop\n"}, "sandbox", "mail")
	if exit != cli.ExitUsage || !strings.Contains(text, "stackctl sandbox up") {
		t.Errorf("exit code %d, %s", exit, text)
	}
}
