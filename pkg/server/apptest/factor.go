package apptest

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// Authenticator is an authenticator app with one secret.
type Authenticator struct {
	t      testing.TB
	Secret string
	// Recovery are the codes that the site showed.
	Recovery []string
	step     int64
}

// At is the code at a time (RFC 6238).
func (a *Authenticator) At(at time.Time) string { return a.code(at.Unix() / 30) }

// Next is a code that was not taken yet. The site takes each once, and those of
// the next step: of more than two codes in half a minute the third waits.
func (a *Authenticator) Next() string {
	a.step = max(a.step+1, time.Now().Unix()/30)
	for deadline := time.Now().Add(time.Minute); a.step > time.Now().Unix()/30+1; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			a.t.Fatal("no code within a minute")
		}
	}
	return a.code(a.step)
}

func (a *Authenticator) code(step int64) string {
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(a.Secret)
	if err != nil {
		a.t.Fatalf("the secret %q: %v", a.Secret, err)
	}
	mac := hmac.New(sha1.New, secret)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := mac.Sum(nil)
	at := sum[19] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[at:])&0x7fffffff)%1000000)
}

// NewAuthenticator makes an app that has read a secret.
func NewAuthenticator(t testing.TB, secret string) *Authenticator {
	return &Authenticator{t: t, Secret: secret}
}

// SetUpFactor turns the second factor of the user on.
func (b *Browser) SetUpFactor() *Authenticator {
	b.t.Helper()
	var setup struct{ Secret string }
	b.Send(http.MethodPost, "/users/me/factor", nil).Into(b.t, http.StatusOK, &setup)
	app := NewAuthenticator(b.t, setup.Secret)
	var out struct{ Codes []string }
	b.Send(http.MethodPut, "/users/me/factor", map[string]string{"code": app.Next()}).Into(b.t, http.StatusOK, &out)
	app.Recovery = out.Codes
	return app
}

// EnterCode goes on with a login that waits for a code.
func (b *Browser) EnterCode(code string) Answer {
	b.t.Helper()
	return b.Send(http.MethodPost, "/auth/login/code", map[string]string{"code": code})
}
