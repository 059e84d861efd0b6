package compose

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/redact"
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
