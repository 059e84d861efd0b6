package release

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"golang.org/x/crypto/argon2"
)

// nameKey is a key that is made of all secrets of the project together, so
// that it never leaves the operator's side and is the same wherever the project
// is deployed from. What is named by it (a secret's path, the release's ID)
// tells nothing: to try one value, a reader would have to know all others, and
// pay for an argon2id (RFC 9106) with each try.
type nameKey []byte

func newNameKey(project string, secrets map[string]string) nameKey {
	if len(secrets) == 0 {
		return nil
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		part(h, name, []byte(secrets[name]))
	}
	return argon2.IDKey(h.Sum(nil), []byte("stackctl names of "+project), 1, 16<<10, 1, 32)
}

// name is 12 hex digits for a content; without a key that is its SHA-256.
func (k nameKey) name(content []byte) string {
	if k == nil {
		return digest(content)
	}
	mac := hmac.New(sha256.New, k)
	_, _ = mac.Write(content) // it never fails
	return hex.EncodeToString(mac.Sum(nil))[:12]
}
