package compose

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

// What the gate calls a secret is one of the values that the release masks, so
// that a finding about it never stands beside the value itself.
func TestWhatTheGateCallsASecretIsMasked(t *testing.T) {
	secrets := map[string]string{
		"API_TOKEN":   "a-plain-word-token-1",
		"STORE":       "postgres://app:hunter2hunter2@postgres/app",
		"HOOK":        "https://hooks.slack.com/" + "services/T0000000/B0000000/abcdefghij",
		"COLOUR":      "AKIA" + strings.Repeat("A1B2", 4),
		"SESSION_KEY": "k9f8s7d6f5g4h3j2",
		"NOISE":       "q7RzT2vXk9LmB4nYpW3cHs8D",
		"DB":          "host=postgres user=app password=hunter2hunter2",
	}
	lines := ""
	for name, value := range secrets {
		lines += ", " + name + `: "` + value + `"`
	}
	repo := gatetest.NewRepo(t)
	at := "    command: [\"web\"]\n    environment: {<<: *server-env"
	repo.Change(t, gatetest.ComposeFile, at, at+lines)
	s := repo.Subject(t)
	masks := redact.New(s.Release.Known)
	for name, value := range gatetest.ServiceOf(&s, "web").Environment {
		_, secret := secrets[name]
		if called := secretIn(name, value, nil) != ""; called != secret {
			t.Errorf("%s: the gate calls it a secret: %v", name, called)
		}
		if masked := masks.String(value) != value; masked != secret {
			t.Errorf("%s: it is masked: %v", name, masked)
		}
	}
}

func TestASecretInTheTextOfAConfigIsAdviceAndInAFileNot(t *testing.T) {
	for inline, want := range map[bool]string{true: secretInEnvironmentRule.ID, false: secretSourceRule.ID} {
		s := gatetest.NewRepo(t).Subject(t)
		s.Release.Known = map[string]string{"password of config app": "hunter2hunter2"}
		s.Release.Files = []stack.File{{Path: "releases/x/files/configs/app", Mode: 0o444, Content: []byte("password: hunter2hunter2\n"), Inline: inline}}
		var rules []string
		for _, f := range judgeSecrets(s) {
			if f.Subject == "config app" || f.Subject == "file app" {
				rules = append(rules, f.Rule)
			}
		}
		if len(rules) != 1 || rules[0] != want {
			t.Errorf("inline %v: %v", inline, rules)
		}
	}
}
