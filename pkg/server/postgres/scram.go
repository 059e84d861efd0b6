package postgres

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// scramIterations is what PostgreSQL takes itself (scram_iterations).
const scramIterations = 4096

// scramVerifier is what PostgreSQL keeps of a password (RFC 5802, RFC 7677): it
// stands in statements instead of the password, which is in none.
func scramVerifier(password string) (string, error) {
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // it never fails
	return scramWith(password, salt[:], scramIterations)
}

func scramWith(password string, salt []byte, iterations int) (string, error) {
	for i := range len(password) {
		// Others would have to be normalised (RFC 4013).
		if password[i] < ' ' || password[i] > '~' {
			return "", errors.New("a password may only have printable ASCII characters")
		}
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", errors.New("derive the verifier of a password")
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, text(salt), text(stored[:]), text(mac(salted, "Server Key"))), nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte(text)) // it never fails
	return h.Sum(nil)
}

// scramFits reports whether a verifier was made of a password.
func scramFits(verifier, password string) bool {
	rest, scram := strings.CutPrefix(verifier, "SCRAM-SHA-256$")
	head, _, whole := strings.Cut(rest, "$")
	count, salt, salted := strings.Cut(head, ":")
	iterations, err := strconv.Atoi(count)
	raw, err2 := base64.StdEncoding.DecodeString(salt)
	if !scram || !whole || !salted || err != nil || err2 != nil || iterations < scramIterations {
		return false
	}
	again, err := scramWith(password, raw, iterations)
	return err == nil && hmac.Equal([]byte(again), []byte(verifier))
}
