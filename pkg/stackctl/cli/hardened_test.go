package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/harden"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

// hardening is a project in a folder of its own, and what harden found of it.
func hardening(t *testing.T, compose string) (o *hardenOptions, out *bytes.Buffer, conclude func() error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"compose.yaml": compose, "stackctl.yaml": "project: shop\npolicy: standard\ncompose: {files: [compose.yaml]}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out = new(bytes.Buffer)
	s := newSession(nil, out, new(bytes.Buffer))
	s.project.file, s.printer.output = filepath.Join(dir, "stackctl.yaml"), "text"
	o = &hardenOptions{printer: s.printer, project: s.project, write: hardenFile}
	o.known = redact.New(map[string]string{"DB_PASSWORD": "jolly-otter-4-bridge"})
	conclude = func() error {
		c, err := config.Load(s.project.file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := o.openOverride(c)
		if err != nil {
			return err
		}
		f.services, c.Compose.Files = []string{"web", "db"}, f.others
		verdicts := []harden.Verdict{
			{Service: "web", Starts: 2, Bears: harden.Setting{ReadOnly: true, Tmpfs: []string{"/tmp"}, NoNewPrivileges: true, User: "65532:65532", Memory: 128 << 20, Tasks: 256},
				Left: []harden.Left{{Measure: harden.Capabilities, Why: "it does not get ready with it", Line: "login with jolly-otter-4-bridge: operation not permitted"}}},
			{Service: "db", Untried: "it is privileged"},
		}
		o.cleanVerdicts(verdicts)
		return o.conclude(t.Context(), c, stack.Target{Path: "/srv/shop"}, f, verdicts)
	}
	return o, out, conclude
}

const plainCompose = "services:\n  web: {image: \"web:1\", tmpfs: /cache}\n  db: {image: \"postgres:16\", privileged: true, volumes: [pg:/var/lib/postgresql/data]}\nvolumes: {pg: {}}\n"

func TestTheOverrideIsWrittenAndToldHowToUse(t *testing.T) {
	o, out, conclude := hardening(t, plainCompose)
	if err := conclude(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(filepath.Dir(o.project.file), hardenFile)
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"web      2       read_only but /tmp, no-new-privileges, user 65532:65532, mem_limit 128m, pids_limit 256\n", "db       0       not tried: it is privileged\n",
		"web without cap_drop: it does not get ready with it\n  login with ", "\nwrote compose.hardened.yaml\nfor it to count, write in stackctl.yaml:\n\ncompose:\n  files: [compose.yaml, compose.hardened.yaml]\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not tell %q:\n%s", want, out)
		}
	}
	if all := out.String() + string(written); strings.Contains(all, "jolly-otter") {
		t.Errorf("a secret is told: %s", all)
	}
	// The file counts now: the services are read without it, and it stays as it is.
	settings, err := os.ReadFile(o.project.file)
	if err == nil {
		err = os.WriteFile(o.project.file, bytes.Replace(settings, []byte("[compose.yaml]"), []byte("[compose.yaml, compose.hardened.yaml]"), 1), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := conclude(); err != nil || !strings.Contains(out.String(), "\ncompose.hardened.yaml is as harden would write it\n") || strings.Contains(out.String(), "for it to count") {
		t.Errorf("a second run: %v\n%s", err, out)
	}
	out.Reset()
	o.output = "json"
	var told hardened
	if err := conclude(); err != nil || json.Unmarshal(out.Bytes(), &told) != nil || !told.Written || told.Text != string(written) || len(told.Services) != 2 || len(told.Files) != 2 {
		t.Errorf("as JSON: %v\n%s", err, out)
	}
	out.Reset()
	o.output, o.write = "text", "-"
	if err := conclude(); err != nil || !strings.HasPrefix(out.String(), "# Written by `stackctl harden`.") {
		t.Errorf("printed: %v\n%s", err, out)
	}
}

func TestAnOverrideThatComposeDoesNotTakeIsNotWritten(t *testing.T) {
	o, _, conclude := hardening(t, "services:\n  web: {image: \"web:1\", deploy: {resources: {limits: {cpus: \"1\"}}}}\n")
	err := conclude()
	if _, there := os.Stat(filepath.Join(filepath.Dir(o.project.file), hardenFile)); err == nil || there == nil {
		t.Errorf("it was written: %v", err)
	}
}

func TestWithoutATrialNothingIsWritten(t *testing.T) {
	o, _, _ := hardening(t, plainCompose)
	c, err := config.Load(o.project.file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := o.openOverride(c)
	if err != nil {
		t.Fatal(err)
	}
	err = o.conclude(t.Context(), c, stack.Target{}, f, []harden.Verdict{{Service: "web", Untried: "it is privileged"}})
	if _, there := os.Stat(f.path); ExitCode(t.Context(), err) != ExitUnjudged || there == nil {
		t.Errorf("it ends with %v", err)
	}
}
