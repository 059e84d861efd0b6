package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/cli"
)

func TestABackupKeyIsMadeWithTheSecretsOnceAndNeverShown(t *testing.T) {
	files := map[string]string{"stackctl.yaml": settings + "backup: {service: db}\n", "compose/stack.yaml": "services: {db: {image: a:1}}\n"}
	exit, text, dir := run(t, files, "init", "--secrets")
	key := filepath.Join(dir, ".stackctl", "backup.key")
	raw, err := os.ReadFile(key)
	if exit != cli.ExitDone || err != nil || !strings.Contains(text, "age1") || strings.Contains(text, "AGE-SECRET-KEY") {
		t.Fatalf("exit code %d, %v\n%s", exit, err, text)
	}
	again := func(args ...string) (int, string) {
		var out bytes.Buffer
		return cli.Main(args, strings.NewReader(""), &out, &out), out.String()
	}
	if exit, text := again("init", "--secrets"); exit != cli.ExitDone || strings.Contains(text, "backup key") {
		t.Errorf("the second time: exit code %d\n%s", exit, text)
	}
	if now, err := os.ReadFile(key); err != nil || string(now) != string(raw) {
		t.Errorf("the key was replaced: %v", err)
	}
	if exit, text := again("backup", "keygen"); exit != cli.ExitUsage || !strings.Contains(text, "exists already") {
		t.Errorf("exit code %d\n%s", exit, text)
	}
}

func TestBadBackupsAreExitCode2WithTheirPlace(t *testing.T) {
	for name, c := range map[string]struct {
		extra string
		args  []string
		says  string
	}{
		"no recipient's key":   {"backup:\n  recipients: [age1nonsense]\n", []string{"backup"}, "stackctl.yaml:5"},
		"nothing is kept":      {"backup: {keep: 0}\n", []string{"backup"}, "stackctl.yaml:4"},
		"no command":           {"backup: {service: db, command: []}\n", []string{"backup"}, "backup.command"},
		"a place's kind":       {"backup:\n  places:\n    - {name: a}\n    - {name: b, as: oracle}\n", []string{"backup"}, "stackctl.yaml:7"},
		"a place's key":        {"backup:\n  places:\n    - {nam: a}\n", []string{"backup"}, `unknown key "nam"`},
		"a place twice":        {"backup:\n  places: [{name: a}, {name: a}]\n", []string{"backup"}, "named twice"},
		"while it is dumped":   {"backup:\n  places: [{name: a, as: redis, while: paused}]\n", []string{"backup"}, "while is for files"},
		"an unknown key":       {"backup: {recipient: x}\n", []string{"backup"}, `unknown key "recipient"`},
		"a restore of what":    {"", []string{"restore"}, "accepts 1 arg"},
		"a restore of nothing": {"", []string{"restore", "", "--drill"}, "name a backup"},
		"a restore unasked":    {"", []string{"restore", "latest"}, "--yes"},
		"a stray argument":     {"", []string{"backup", "now"}, "now"},
	} {
		t.Run(name, func(t *testing.T) {
			exit, text, _ := run(t, map[string]string{"stackctl.yaml": settings + c.extra}, c.args...)
			if exit != cli.ExitUsage || !strings.Contains(text, c.says) {
				t.Errorf("exit code %d, want %d with %q in\n%s", exit, cli.ExitUsage, c.says, text)
			}
		})
	}
}
