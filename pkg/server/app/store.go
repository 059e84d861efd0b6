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
	// SessionByToken finds a session and its user by the token's hash.
	SessionByToken(ctx context.Context, hash []byte, kind SessionKind) (Session, User, error)
	// Sessions lists a user's sessions of a kind, the last used first.
	Sessions(ctx context.Context, userID string, kind SessionKind) ([]Session, error)
	Identities(ctx context.Context, userID string) ([]Identity, error)
	FactorState(ctx context.Context, userID string) (FactorState, error)
	// TouchSession notes that a session was used.
	TouchSession(ctx context.Context, id string, at time.Time) error
}

// Tx is what can be done in a transaction.
type Tx interface {
	FactorTx
	// AddUser adds a user; false: the address is taken, nothing was added.
	AddUser(ctx context.Context, u User) (User, bool, error)
	// User reads a user and holds the row until the transaction ends.
	User(ctx context.Context, id string) (User, error)
	// SaveUser writes the members of a user that can change.
	SaveUser(ctx context.Context, u User) (User, error)
	// AddSession adds a session; of those of its kind that the user has
	// already, only the last used MaxSessions-1 stay.
	AddSession(ctx context.Context, s Session, hash []byte) (Session, error)
	// DropSession ends one session; false: there was none.
	DropSession(ctx context.Context, hash []byte) (bool, error)
	// DropSessions ends the sessions of a user except one, and the logins that wait
	// for a code; empty spares none.
	DropSessions(ctx context.Context, userID, except string) (int, error)
	// DropSessionOf ends one session of a user; false: the user has none such.
	DropSessionOf(ctx context.Context, userID, id string) (bool, error)
	// RenewSession gives a session another token; false: it has ended.
	RenewSession(ctx context.Context, id string, hash []byte) (bool, error)
	DeleteUser(ctx context.Context, id string) error
	// NoteAsked notes that a user was sent a mail to confirm the address.
	NoteAsked(ctx context.Context, userID string, at time.Time) error
	AddToken(ctx context.Context, userID string, purpose Purpose, hash []byte, expires time.Time) error
	// UseToken takes a token that is not over and gives its user, who cannot
	// change meanwhile; a token can be taken once.
	UseToken(ctx context.Context, purpose Purpose, hash []byte, now time.Time) (userID string, err error)
	DropTokens(ctx context.Context, userID string, purpose Purpose) error
	// Mailbox reads what was sent to a mailbox, and holds it until the transaction
	// ends; SaveMailbox writes it.
	Mailbox(ctx context.Context, bucket string) (Mailbox, error)
	SaveMailbox(ctx context.Context, m Mailbox) error
	// UseIdentity gives the user of an identity and notes the time.
	UseIdentity(ctx context.Context, issuer, subject string, at time.Time) (userID string, err error)
	AddIdentity(ctx context.Context, i Identity) error
	// DropIdentity removes an identity of a user and counts those that are left.
	DropIdentity(ctx context.Context, userID, id string) (dropped bool, left int, err error)
	// DropIdentities removes all identities of a user and counts them.
	DropIdentities(ctx context.Context, userID string) (int, error)
	// DropIdentitiesOf removes those that came in one way.
	DropIdentitiesOf(ctx context.Context, userID string, origin IdentityOrigin) (int, error)
	// HoldStaff waits until no other transaction holds it, and holds it until
	// this one ends: changes by staff happen one after another.
	HoldStaff(ctx context.Context) error
	// Record reads a record of a model and holds it until the transaction ends.
	Record(ctx context.Context, m Model, id string) (Record, error)
	// AddRecord adds a record and gives its key; ChangeRecord writes the given
	// columns of one. A value that must be unique and is not: CodeConflict.
	AddRecord(ctx context.Context, m Model, values Record) (id string, err error)
	ChangeRecord(ctx context.Context, m Model, id string, values Record) error
	DropRecord(ctx context.Context, m Model, id string) error
	RetryJob(ctx context.Context, id string) error
	CancelJob(ctx context.Context, id string) error
	// Audit adds an event with the origin of the context.
	Audit(ctx context.Context, e AuditEvent) error
	// Enqueue adds a job that exists exactly if the transaction commits.
	Enqueue(ctx context.Context, args JobArgs, o JobOptions) error
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
