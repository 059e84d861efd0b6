package app

import (
	"context"
	"time"
)

// Store keeps the accounts. Errors have a code: CodeNotFound where a row is
// missing, CodeUnavailable where the database does not answer.
type Store interface {
	// InTx runs a function in one transaction: all that it did happens, or
	// nothing.
	InTx(ctx context.Context, do func(Tx) error) error
	// UserByEmail finds a user by the clean form of an address.
	UserByEmail(ctx context.Context, email string) (User, error)
	// Addressee finds a user by the clean form of an address, for a letter: with
	// address and name, whether it is verified and whether the user is disabled.
	Addressee(ctx context.Context, email string) (User, error)
	// SessionByToken finds a session and its user by the token's hash.
	SessionByToken(ctx context.Context, hash []byte, kind SessionKind) (Session, User, error)
	// Sessions lists a user's sessions of a kind, the last used first.
	Sessions(ctx context.Context, userID string, kind SessionKind) ([]Session, error)
	Identities(ctx context.Context, userID string) ([]Identity, error)
	// Passkeys lists a user's passkeys, the oldest first.
	Passkeys(ctx context.Context, userID string) ([]Passkey, error)
	FactorState(ctx context.Context, userID string) (FactorState, error)
	// TouchSession notes that a session was used.
	TouchSession(ctx context.Context, id string, at time.Time) error
}

// Hasher hashes passwords. It bounds how many hashes run at once: a call may
// wait, and fails with CodeUnavailable when it would wait too long.
type Hasher interface {
	Hash(ctx context.Context, password string) (string, error)
	// Verify says whether the password fits, and whether the hash is weaker
	// than what Hash makes now. An empty hash takes the same time and fits
	// nothing.
	Verify(ctx context.Context, hash, password string) (ok, weak bool, err error)
}
