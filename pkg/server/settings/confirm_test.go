package settings

import (
	"os"
	"path/filepath"
	"testing"
)

func TestConfirmBeforeLoginIsReadAndJudged(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	load := func(role, value, mail string) (Settings, error) {
		env := map[string]string{"CONFIRM_BEFORE_LOGIN": value, "SMTP_HOST": mail, "DATABASE_PASSWORD_FILE": secret, "REDIS_PASSWORD_FILE": secret, "APP_SECRET_FILE": secret}
		return Load(role, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	}
	for _, role := range []string{"api", "worker"} {
		for value, want := range map[string]bool{"": false, "optional": false, "required": true} {
			if s, err := load(role, value, ""); err != nil || s.ConfirmFirst != want {
				t.Errorf("%s, %q: %t, %v", role, value, s.ConfirmFirst, err)
			}
		}
		if _, err := load(role, "yes", ""); err == nil {
			t.Errorf("%s reads yes", role)
		}
		for mail, fit := range map[string]bool{"": false, "mail.example.org": true} {
			s, err := load(role, "required", mail)
			if f := mailToConfirm(s); err != nil || (f == nil) != fit {
				t.Errorf("%s with the mail server %q: %+v, %v", role, mail, f, err)
			}
		}
	}
}
