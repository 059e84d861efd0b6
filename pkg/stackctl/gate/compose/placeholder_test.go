package compose

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// TestSecretsOfExamplesAreSeen holds which values count as those of an example, and
// which of them are a danger: those that sessions are signed with.
func TestSecretsOfExamplesAreSeen(t *testing.T) {
	const danger, advice = "compose/signing-key", "compose/placeholder"
	for _, c := range []struct {
		name, value string
		layer       stack.Layer
		rule        string
	}{
		{"SECRET_KEY", "changethis", "app", danger},
		{"APP_SECRET", "replace-me-with-a-random-string", "app", danger},
		{"JWT_SECRET", "your-super-secret-jwt-token-with-at-least-32-characters-long", "app", danger},
		{"MERCURE_JWT_SECRET", "!ChangeThisMercureHubJWTSecretKey!", "app", danger},
		{"APP_KEY", "SomeRandomStringOf32CharsExactly", "app", danger},
		{"SHOP_SECRET_KEY", "TEST_NON_DEV_SECRET", "app", danger},
		{"SESSION_SECRET", "add some secret here", "app", danger},
		{"NEXTAUTH_SECRET", "secret", "app", danger},
		{"SECRET_KEY_BASE", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "app", danger},
		{"PICTURES_API_KEY", "PICTURES_API_KEY", "app", advice},
		{"POSTGRES_PASSWORD", "changeme1234", "data", advice},
		{"ADMIN_PASSWORD", "ninjaAdm1nPassword", "app", advice},
		{"MINIO_SECRET_KEY", "minio-secret-change-me", "app", advice},
		{"SECRET_KEY", "r8OwDznj!!dci#P9ghmRfdu1Ysxm0AiPeDCQhKE+N_rClfWNj", "app", ""},
		{"SECRET_KEY", "60gp0byfz2dvffa45cxl20p1scy9xbpf6d8c5y0geejgkyp1b5", "app", ""},
		{"SECRET_KEY_BASE", "UpNVntn3cDxHJpq99YMc1T1AQgQpc8kfYTuRgBiYa15BLrx8etQoXz3gZv1/u2oq", "app", ""},
		{"APP_KEY", "base64:3ilviXqB9u6DX1NRcyWGJ+sjySF+H18CPDGb3+IVwMQ=", "app", ""},
		{"JWT_SECRET", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "app", ""},
		{"SESSION_SECRET", "correct-horse-battery-staple-42", "app", ""},
		{"PASSWORD_RESET_URL", "https://example.test/your/password", "app", ""},
		{"SESSION_SECRET", "demoXqTestWvKz", "app", ""}, // words by chance
		{"SECRET_KEY", "", "app", ""},
	} {
		j := &judge{svc: stack.Service{Name: "x", Layer: c.layer, Environment: map[string]string{c.name: c.value}}}
		rulePlaceholder(j)
		got := ""
		if len(j.out) > 0 {
			got = j.out[0].Rule
			if text := j.out[0].Problem + j.out[0].Observed + j.out[0].Fix; c.value != c.name && strings.Contains(text, c.value) {
				t.Errorf("%s: its value is told", c.name)
			}
		}
		if got != c.rule {
			t.Errorf("%s=%s of %s: %q, want %q", c.name, c.value, c.layer, got, c.rule)
		}
	}
}

func TestProgramsInDevelopmentAreSeen(t *testing.T) {
	for _, c := range []struct {
		name, value string
		seen        bool
	}{
		{"APP_DEBUG", "true", true}, {"DEBUG", "1", true}, {"RAILS_ENV", "development", true}, {"ASPNETCORE_ENVIRONMENT", "Development", true}, {"FLASK_ENV", "development", true},
		{"APP_DEBUG", "false", false}, {"DEBUG", "shop:*", false}, {"NODE_ENV", "production", false}, {"APP_ENV", "development", false}, {"LOG_DEBUG_FILE", "1", false},
	} {
		j := &judge{svc: stack.Service{Name: "x", Layer: stack.LayerApp, Environment: map[string]string{c.name: c.value}}}
		if ruleDevelopment(j); len(j.out) > 0 != c.seen {
			t.Errorf("%s=%s: %+v, want seen %t", c.name, c.value, j.out, c.seen)
		}
	}
}
