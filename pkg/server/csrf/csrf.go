// Package csrf owns the tokens that a request which changes something must
// carry. A token is bound to one cookie value by a keyed hash, so that the
// token of one session is worthless with another. It must not know how the
// token travels.
package csrf

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
)

// Key makes and checks tokens.
type Key struct{ key []byte }

// NewKey derives a key from the server's secret.
func NewKey(secret []byte) (Key, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "csrf token", 32)
	return Key{key: key}, err
}

// Token is the token that goes with a cookie's value. The use keeps a token
// for one kind of cookie from being good for another.
func (k Key) Token(use, cookie string) string {
	mac := hmac.New(sha256.New, k.key)
	mac.Write([]byte(use))
	mac.Write([]byte{0})
	mac.Write([]byte(cookie))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Valid reports whether a token goes with a cookie's value.
func (k Key) Valid(use, cookie, token string) bool {
	return cookie != "" && hmac.Equal([]byte(k.Token(use, cookie)), []byte(token))
}
