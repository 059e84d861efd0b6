//go:build unix

package cli_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/notice"
)

const watchCompose = "services:\n  web: {image: \"shop/web:1\"}\n"

func watchSettings(url string) string {
	return "project: shop\npolicy: standard\ncompose: {files: [compose.yaml], env_example: \"\"}\n" +
		"targets:\n  prod: {host: 127.0.0.1, port: 1, user: deploy, domain: shop.example, ssh_config: none, key: id}\nnotices:\n  - {webhook: \"" + url + "\"}\n"
}

// watchFiles are a project whose server answers nobody.
func watchFiles(t *testing.T, url string) map[string]string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"stackctl.yaml": watchSettings(url), "compose.yaml": watchCompose, "id": string(pem.EncodeToMemory(key))}
}

// A server that cannot be reached is one change, however often one looks.
func TestWatchSendsOneNoticeForEachChange(t *testing.T) {
	var n atomic.Int32
	var last atomic.Value
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		last.Store(raw)
		n.Add(1)
	}))
	defer sink.Close()
	exit, text, dir := run(t, watchFiles(t, sink.URL), "watch")
	if exit != 3 || n.Load() != 1 {
		t.Fatalf("exit %d, %d notices:\n%s", exit, n.Load(), text)
	}
	var got notice.Notice
	if err := json.Unmarshal(last.Load().([]byte), &got); err != nil || got.Target != "prod" || got.Reason == "" || !strings.HasSuffix(got.Report, "report.html") {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := os.Stat(got.Report); err != nil {
		t.Errorf("the report is not there: %v", err)
	}
	for range 2 {
		if exit, text := in(t, "", "watch", "--keep", "1"); exit != 3 || n.Load() != 1 {
			t.Errorf("exit %d, %d notices:\n%s", exit, n.Load(), text)
		}
	}
	if runs, _ := filepath.Glob(filepath.Join(dir, "artifacts", "*-watch-*")); len(runs) != 1 {
		t.Errorf("%d runs are kept", len(runs))
	}
}

func TestANoticeThatCannotBeSentChangesNoVerdict(t *testing.T) {
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer sink.Close()
	exit, text, _ := run(t, watchFiles(t, sink.URL), "watch")
	if exit != 3 || !strings.Contains(text, "notice webhook was not sent: it answered with status 403") {
		t.Errorf("exit %d:\n%s", exit, text)
	}
}

func TestUnitsArePrinted(t *testing.T) {
	files := map[string]string{"stackctl.yaml": watchSettings("https://hooks.example/x")}
	exit, text, dir := run(t, files, "watch", "--every", "15m", "--print-systemd", "--target", "prod")
	for _, wants := range []string{"OnUnitInactiveSec=900s", "WorkingDirectory=" + dir, "watch --config " + filepath.Join(dir, "stackctl.yaml") + " --target prod"} {
		if exit != 0 || !strings.Contains(text, wants) {
			t.Errorf("exit %d, %q is not in\n%s", exit, wants, text)
		}
	}
	for wants, args := range map[string][]string{"--every": {"--print-systemd"}, "at least 1m0s": {"--every", "1s"}, "--keep": {"--keep", "0"}} {
		if exit, text := in(t, "", append([]string{"watch"}, args...)...); exit != 2 || !strings.Contains(text, wants) {
			t.Errorf("%v: exit %d: %s", args, exit, text)
		}
	}
}

func TestBrokenNoticesAndHooks(t *testing.T) {
	for wants, line := range map[string]string{
		"needs one of": "notices:\n  - {name: x}", "no http or https URL": "notices:\n  - {webhook: \"ftp://x\"}", `no secret "url"`: "notices:\n  - {webhook_secret: url}",
		"goes to nobody": "notices:\n  - {mail: \"a:25\", from: a@b.example}", "no host:port": "notices:\n  - {mail: a, from: a@b.example, to: [a@b.example]}",
		"in clear": "notices:\n  - {mail: \"a:25\", from: a@b.example, to: [a@b.example], tls: none, user: x}", "format": "notices:\n  - {webhook: \"https://x\", format: xml}",
		"no point": "hooks:\n  - {at: before-lunch, command: [a]}", "either a command or a service": "hooks:\n  - {at: after-deploy}",
		"nothing of the release yet": "hooks:\n  - {at: before-deploy, service: a}", "stands twice": "hooks:\n  - {at: after-deploy, command: [a]}\n  - {at: after-deploy, command: [a]}",
	} {
		exit, text, _ := run(t, map[string]string{"stackctl.yaml": "project: shop\n" + line + "\n"}, "gates")
		if exit != 2 || !strings.Contains(text, wants) || !strings.Contains(text, "stackctl.yaml:") {
			t.Errorf("%s: exit %d: %s", line, exit, text)
		}
	}
}
