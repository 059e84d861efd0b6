package app

import (
	"context"
	"time"
)

// Tx is all that can be done in a transaction. A use case that needs less names
// the parts that it needs.
type Tx interface {
	UserTx
	SessionTx
	TokenTx
	MailboxTx
	IdentityTx
	FactorTx
	PasskeyTx
	PendingTx
	RecordTx
	JobTx
	QueueTx
	AuditTx
}

// UserTx adds, changes and removes users.
type UserTx interface {
	// AddUser adds a user; false: the address is taken, nothing was added.
	AddUser(ctx context.Context, u User) (User, bool, error)
	// User reads a user and holds the row until the transaction ends.
	User(ctx context.Context, id string) (User, error)
	// SaveUser writes the members of a user that can change.
	SaveUser(ctx context.Context, u User) (User, error)
	DeleteUser(ctx context.Context, id string) error
	// NoteAsked notes that a user was sent a mail to confirm the address.
	NoteAsked(ctx context.Context, userID string, at time.Time) error
}

// SessionTx starts and ends sessions.
type SessionTx interface {
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
	// RenewSession replaces the token of a session, and reports whether it had not ended.
	RenewSession(ctx context.Context, id string, hash []byte) (bool, error)
	// ProveSession notes that the user of a session has proven who they are.
	ProveSession(ctx context.Context, id string, at time.Time) error
	// DoubtSessions takes back what ProveSession noted, and what the logins proved,
	// in all sessions of a user.
	DoubtSessions(ctx context.Context, userID string) error
}

// TokenTx makes and takes the tokens that mails carry.
type TokenTx interface {
	AddToken(ctx context.Context, userID string, purpose Purpose, hash []byte, expires time.Time) error
	// UseToken takes a token that is not over and returns its user, who cannot
	// change meanwhile; a token can be taken once.
	UseToken(ctx context.Context, purpose Purpose, hash []byte, now time.Time) (userID string, err error)
	DropTokens(ctx context.Context, userID string, purpose Purpose) error
}

// MailboxTx counts what is sent to a mailbox.
type MailboxTx interface {
	// Mailbox reads what was sent to a mailbox, and holds it until the transaction
	// ends; SaveMailbox writes it.
	Mailbox(ctx context.Context, bucket string) (Mailbox, error)
	SaveMailbox(ctx context.Context, m Mailbox) error
}

// IdentityTx links users with accounts at providers.
type IdentityTx interface {
	// UseIdentity returns the user of an identity and notes the time.
	UseIdentity(ctx context.Context, issuer, subject string, at time.Time) (userID string, err error)
	AddIdentity(ctx context.Context, i Identity) error
	// DropIdentity removes an identity of a user and counts those that are left.
	DropIdentity(ctx context.Context, userID, id string) (dropped bool, left int, err error)
	// HasIdentity reports whether a user has an identity.
	HasIdentity(ctx context.Context, userID string) (bool, error)
	// DropIdentities removes all identities of a user and counts them.
	DropIdentities(ctx context.Context, userID string) (int, error)
	// DropIdentitiesOf removes those that came in one way.
	DropIdentitiesOf(ctx context.Context, userID string, origin IdentityOrigin) (int, error)
}

// FactorTx keeps second factors and their recovery codes.
type FactorTx interface {
	// Factor reads a user's factor, also one that is not confirmed; the user's row
	// must be held.
	Factor(ctx context.Context, userID string) (Factor, error)
	SaveFactor(ctx context.Context, f Factor) error
	// DropFactor removes a user's factor, and the recovery codes of a user who has
	// no passkey; false: there was none.
	DropFactor(ctx context.Context, userID string) (bool, error)
	// SetRecoveryCodes replaces a user's recovery codes.
	SetRecoveryCodes(ctx context.Context, userID string, hashes [][]byte) error
	// UseRecoveryCode takes a recovery code; false: the user has none such.
	UseRecoveryCode(ctx context.Context, userID string, hash []byte) (bool, error)
}

// PasskeyTx keeps passkeys; the user's row must be held where one is changed.
type PasskeyTx interface {
	// PasskeyOwner returns the user of the passkey with a key ID.
	PasskeyOwner(ctx context.Context, keyID []byte) (userID string, err error)
	// Passkeys lists a user's passkeys, the oldest first.
	Passkeys(ctx context.Context, userID string) ([]Passkey, error)
	// AddPasskey adds a passkey. A key ID that is known: CodeConflict.
	AddPasskey(ctx context.Context, p Passkey) (Passkey, error)
	// SavePasskey writes what changes with the use of a passkey.
	SavePasskey(ctx context.Context, p Passkey) error
	// NamePasskey names a passkey of a user; false: the user has none such.
	NamePasskey(ctx context.Context, userID, id, name string) (bool, error)
	// DistrustPasskeys lets no passkey of a user open the account alone until it
	// has been used beside the password.
	DistrustPasskeys(ctx context.Context, userID string) error
	// DropPasskey removes a passkey of a user; false: the user has none such. Like
	// DropPasskeys, which removes all and counts them, it removes the recovery codes
	// of a user who has no second factor left.
	DropPasskey(ctx context.Context, userID, id string) (bool, error)
	DropPasskeys(ctx context.Context, userID string) (int, error)
}

// PendingTx keeps logins that wait for a code.
type PendingTx interface {
	// AddPending adds a login that waits for a code; Pending finds its user, and
	// DropPending ends it.
	AddPending(ctx context.Context, userID string, kind SessionKind, hash []byte, expires time.Time) error
	Pending(ctx context.Context, kind SessionKind, hash []byte, now time.Time) (userID string, err error)
	DropPending(ctx context.Context, hash []byte) (bool, error)
}

// RecordTx lets staff change records, one member of staff after another.
type RecordTx interface {
	// HoldStaff waits until no other transaction holds it, and holds it until
	// this one ends: changes by staff happen one after another.
	HoldStaff(ctx context.Context) error
	// RoleOf reads a user's role and holds nothing; a user who is not there has none.
	RoleOf(ctx context.Context, userID string) (StaffRole, error)
	// SetRole makes a user a member of staff, or takes that away.
	SetRole(ctx context.Context, userID string, r StaffRole) error
	// Record reads a record of a model and holds it until the transaction ends.
	Record(ctx context.Context, m Model, id string) (Record, error)
	// AddRecord adds a record and returns its key; ChangeRecord writes the given
	// columns of one. A value that must be unique and is not: CodeConflict.
	AddRecord(ctx context.Context, m Model, values Record) (id string, err error)
	ChangeRecord(ctx context.Context, m Model, id string, values Record) error
	DropRecord(ctx context.Context, m Model, id string) error
}

// JobTx changes jobs that were enqueued before.
type JobTx interface {
	RetryJob(ctx context.Context, id string) error
	CancelJob(ctx context.Context, id string) error
}

// QueueTx enqueues jobs.
type QueueTx interface {
	// Enqueue adds a job that exists exactly if the transaction commits.
	Enqueue(ctx context.Context, args JobArgs, o JobOptions) error
}

// AuditTx keeps the audit trail.
type AuditTx interface {
	// Audit adds an event with the origin of the context.
	Audit(ctx context.Context, e AuditEvent) error
}
