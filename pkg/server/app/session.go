package app

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// SessionKind is which pages a session is good for.
type SessionKind string

// The kinds of sessions. One never passes for the other.
const (
	SessionSite  SessionKind = "site"
	SessionStaff SessionKind = "staff"
)

// Lifetime bounds a session: Idle since it was last used, Absolute since it
// was made.
type Lifetime struct {
	Idle     time.Duration
	Absolute time.Duration
}

// Lifetime returns the bounds of a kind.
func (k SessionKind) Lifetime() Lifetime {
	if k == SessionStaff {
		return Lifetime{Idle: 30 * time.Minute, Absolute: 8 * time.Hour}
	}
	return Lifetime{Idle: 7 * 24 * time.Hour, Absolute: 30 * 24 * time.Hour}
}

// MaxSessions bounds the sessions of one kind that a user has at once.
const MaxSessions = 50

// Session is one login on one device. Its token is known to that device
// alone; the store has the token's hash.
type Session struct {
	ID        string // UUID
	UserID    string
	Kind      SessionKind
	CreatedAt time.Time
	SeenAt    time.Time
	// ProvenAt is when the user last proved in it to be who they are.
	ProvenAt  time.Time
	ExpiresAt time.Time // absolute
	IP        string
	UserAgent string
}

// Expired reports whether the session is over at a time.
func (s Session) Expired(now time.Time) bool {
	return !now.Before(s.ExpiresAt) || !now.Before(s.SeenAt.Add(s.Kind.Lifetime().Idle))
}

// Token is a secret of 256 random bits in the form in which it travels.
type Token string

// NewToken makes a token.
func NewToken() Token {
	var b [32]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return Token(base64.RawURLEncoding.EncodeToString(b[:]))
}

// Hash is what is stored of a token. SHA-256 is enough for 256 random bits.
func (t Token) Hash() []byte {
	sum := sha256.Sum256([]byte(t))
	return sum[:]
}

// WellFormed reports whether the text could be a token that NewToken made.
func (t Token) WellFormed() bool {
	if len(t) != base64.RawURLEncoding.EncodedLen(32) {
		return false
	}
	_, err := base64.RawURLEncoding.DecodeString(string(t))
	return err == nil
}

// String hides the token from logs.
func (t Token) String() string { return "[token]" }
