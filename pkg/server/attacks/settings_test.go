package attacks

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/server/apptest"
)

// A secret that is long and has many characters can be easy to guess all the
// same: it counts, it repeats itself, or it is the site's name.
func TestAttack141SecretsThatOnlyLookStrong(t *testing.T) {
	s := apptest.New(t)
	s.Production()
	s.Env["WEBSITE_DOMAIN"] = "plumworks.org"
	file := filepath.Join(t.TempDir(), "secret")
	s.Env["APP_SECRET_FILE"] = file
	judge := func(secret string) int {
		if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		_, code := s.Tool("", "check")
		return code
	}
	for _, secret := range []string{
		strings.Repeat("0123456789", 4), strings.Repeat("abcdefgh", 5), "abcdefghijklmnopqrstuvwxyz0123456789", strings.Repeat("0123456789abcdef", 4), "ZYXWVUTSRQPONMLKJIHGFEDCBA9876543210",
		strings.Repeat("plum-lantern", 3), strings.Repeat("plum-lantern", 3) + "plum", "the key of Plumworks.org since 2024",
	} {
		if judge(secret) == 0 {
			t.Errorf("%q is fit for production", secret)
		}
	}
	for _, secret := range []string{apptest.Secret, "q8Zr1vN0sKf3Yx7LmW2cTgB5hJd9PaEu", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"} {
		if judge(secret) != 0 {
			t.Errorf("%q is not fit for production", secret)
		}
	}
}
