package app

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6238 as authenticator apps do it
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// A code is good for the step of 30 seconds in which it was made, the one before
// and the one after: clocks differ (RFC 6238, 5.2). It has six digits.
const (
	totpStep   = 30
	totpDigits = 6
)

// totpCode is the code of a secret at a step (RFC 4226, 5.3).
func totpCode(secret []byte, step int64) string {
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash takes all
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%0*d", totpDigits, binary.BigEndian.Uint32(sum[at:at+4])&0x7fffffff%1_000_000)
}

// totpFits returns the step of a code, which must be later than the last one that
// was taken: a code that somebody has looked at is good for nothing.
func totpFits(secret []byte, code string, now time.Time, last int64) (step int64, fits bool) {
	for s := now.Unix()/totpStep - 1; s <= now.Unix()/totpStep+1; s++ {
		if subtle.ConstantTimeCompare([]byte(totpCode(secret, s)), []byte(code)) == 1 && s > last {
			step, fits = s, true
		}
	}
	return step, fits
}

// otpauth is the address that authenticator apps read.
func otpauth(site, email string, secret []byte) string {
	return "otpauth://totp/" + url.PathEscape(site+":"+email) + "?" + strings.ReplaceAll(url.Values{"secret": {base32Of(secret)}, "issuer": {site}}.Encode(), "+", "%20")
}

func base32Of(b []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)
}

// FactorKey seals the secrets of second factors, so that a copy of the database
// has none.
type FactorKey struct{ aead cipher.AEAD }

// NewFactorKey derives a key from the server's secret.
func NewFactorKey(secret []byte) (FactorKey, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "second factor", 32)
	if err != nil {
		return FactorKey{}, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return FactorKey{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return FactorKey{aead: aead}, err
}

// seal encrypts a secret for one user: with another user it does not open.
func (k FactorKey) seal(userID string, secret []byte) []byte {
	return k.aead.Seal(nil, nil, secret, []byte(userID)) //nolint:gosec // the AEAD itself draws a random nonce
}

func (k FactorKey) open(userID string, sealed []byte) ([]byte, error) {
	secret, err := k.aead.Open(nil, nil, sealed, []byte(userID))
	if err != nil {
		return nil, errors.New("open the secret of a second factor: it was sealed with another APP_SECRET, or for another user")
	}
	return secret, nil
}

// newFactorSecret makes a secret (RFC 4226, 4: 160 bits).
func newFactorSecret() []byte {
	var b [20]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return b[:]
}

// recoveryCodes is how many codes a user gets at once.
const recoveryCodes = 10

// newRecoveryCodes makes codes of 80 random bits, and their hashes.
func newRecoveryCodes() (codes []string, hashes [][]byte) {
	for range recoveryCodes {
		var b [10]byte
		rand.Read(b[:]) // never fails since Go 1.24
		text := base32Of(b[:])
		codes = append(codes, text[:4]+"-"+text[4:8]+"-"+text[8:12]+"-"+text[12:])
		hashes = append(hashes, hashCode(text))
	}
	return codes, hashes
}

// plainCode is a code without what people put between its characters.
func plainCode(code string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(code))
}

func hashCode(plain string) []byte {
	sum := sha256.Sum256([]byte(plain))
	return sum[:]
}
