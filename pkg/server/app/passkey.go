package app

import (
	"context"
	"time"
)

// Passkey is a key pair of a user (WebAuthn), of which the site has the public half.
// It is a second factor, and the only one that is needed where Alone is set: whoever
// has the private half has proven to its device who they are.
type Passkey struct {
	Credential
	ID     string // UUID
	UserID string
	Name   string
	// Alone reports whether it opens the account without the password. After a reset
	// of the password it does so only once it was used beside the new one.
	Alone     bool
	CreatedAt time.Time
	// UsedAt is zero until it was used.
	UsedAt time.Time
	// SuspectAt is when its count told that there may be a copy; it is refused since.
	SuspectAt time.Time
}

// Synced reports whether the passkey is kept beyond one device (WebAuthn, 6.1.3).
func (p Passkey) Synced() bool { return p.Flags&(1<<4) != 0 }

// Credential is what is kept of a passkey to judge its answers.
type Credential struct {
	// KeyID is the name that the authenticator gave it, PublicKey a key in COSE.
	KeyID, PublicKey []byte
	// Count is how often it was used, as the authenticator counts; 0: it does not.
	Count uint32
	// Flags are those of the authenticator's data at the last use.
	Flags byte
	// Transports say how browsers reach the authenticator.
	Transports []string
}

// Assertion is what an authenticator answers to a request; each member is base64url.
type Assertion struct{ ID, ClientData, AuthenticatorData, Signature, UserHandle string }

// Attestation is what an authenticator answers when it has made a passkey; all but
// the transports is base64url.
type Attestation struct {
	ID, ClientData, Object string
	Transports             []string
}

// Ceremony is one question to an authenticator.
type Ceremony struct {
	// Options are for the browser, as JSON of WebAuthn.
	Options []byte
	// Challenge is the random text that the answer has signed.
	Challenge string
	// State is what the judgement of the answer needs.
	State []byte
}

// Ceremonies asks authenticators and judges their answers. An answer that does not
// hold is an error without a code.
type Ceremonies interface {
	// Creation asks for a new passkey of a user who has some.
	Creation(user User, have []Passkey) (Ceremony, error)
	// Create judges the answer to Creation.
	Create(user User, state []byte, answer Attestation) (Credential, error)
	// Request asks for one of a user's passkeys; with none, for any of the site's.
	Request(userID string, have []Passkey) (Ceremony, error)
	// Prove judges the answer to Request of a user with passkeys, and returns the one
	// that was used as it is now. Copied reports that its count has not grown.
	Prove(userID string, have []Passkey, state []byte, answer Assertion) (used Credential, copied bool, err error)
}

// Passkeys lets users come in, and prove who they are, with passkeys.
type Passkeys struct {
	Accounts   *Accounts
	Ceremonies Ceremonies
	Once       Once
}

// MaxPasskeys bounds the passkeys of a user.
const MaxPasskeys = 20

var (
	errPasskey = &Error{Code: CodeCredentials, Refusal: RefusedPasskey, Message: "The passkey was not accepted."}
	// errAnswer is errPasskey for somebody who is known already.
	errAnswer    = &Error{Code: CodeInvalid, Refusal: RefusedPasskey, Message: "The passkey was not accepted."}
	errNoPasskey = &Error{Code: CodeConflict, Refusal: RefusedNoPasskey, Message: "You have no passkey."}
)

// BeginLogIn asks for any passkey of the site. Browser is what the browser must
// bring back.
func (p *Passkeys) BeginLogIn(ctx context.Context, browser Token) ([]byte, error) {
	if err := p.Accounts.limitPasskeyAsk(ctx, loginAction(SessionSite)); err != nil {
		return nil, err
	}
	c, err := p.Ceremonies.Request("", nil)
	if err != nil {
		return nil, err
	}
	return c.Options, p.keep(ctx, c, purposeLogIn, "", browser.Hash())
}

// LogIn starts a session for the user of a passkey. Every refusal has the same error
// and one audit event.
func (p *Passkeys) LogIn(ctx context.Context, answer Assertion, browser, before Token) (Token, User, error) {
	a, event := p.Accounts, AuditEvent{Action: loginAction(SessionSite), SubjectKind: "user", Detail: map[string]any{"passkey": true}}
	if err := a.limitPasskeyTry(ctx, event.Action); err != nil {
		return "", User{}, err
	}
	state, err := p.take(ctx, answer.ClientData, purposeLogIn, "", browser.Hash())
	if err != nil {
		return "", User{}, p.refuse(ctx, event, err, errPasskey)
	}
	token, user := NewToken(), User{}
	err = a.Store.InTx(ctx, func(tx Tx) (err error) {
		if user, err = ownerOf(ctx, tx, answer); err != nil {
			return err
		}
		event.SubjectID = user.ID
		if !mayEnter(user, SessionSite) {
			return errPasskey
		}
		if err := p.use(ctx, tx, use{user: user.ID, state: state, answer: answer, alone: true}); err != nil {
			return err
		}
		if before != "" {
			if _, err := tx.DropSession(ctx, before.Hash()); err != nil {
				return err
			}
		}
		if err := a.startSession(ctx, tx, user, SessionSite, token); err != nil {
			return err
		}
		event.Actor, event.Result = user.ID, AuditOK
		return tx.Audit(ctx, event)
	})
	if err != nil {
		event.Actor = ""
		return "", User{}, p.refuse(ctx, event, err, errPasskey)
	}
	return token, user, nil
}

// ownerOf returns the user of the passkey in an answer and holds the row.
func ownerOf(ctx context.Context, tx Tx, answer Assertion) (User, error) {
	id, err := tx.PasskeyOwner(ctx, keyID(answer))
	var user User
	if err == nil {
		user, err = tx.User(ctx, id)
	}
	if err != nil && CodeOf(err) == CodeNotFound {
		err = errPasskey
	}
	return user, err
}

// BeginEnter asks the user of a login that waits for one of the passkeys.
func (p *Passkeys) BeginEnter(ctx context.Context, pending Token, kind SessionKind) ([]byte, error) {
	if err := p.Accounts.limitPasskeyAsk(ctx, loginAction(kind)); err != nil {
		return nil, err
	}
	var userID string
	err := p.Accounts.Store.InTx(ctx, func(tx Tx) (err error) {
		userID, err = tx.Pending(ctx, kind, pending.Hash(), p.Accounts.now())
		return err
	})
	if err != nil && CodeOf(err) == CodeNotFound {
		return nil, errTooLate
	}
	if err != nil {
		return nil, err
	}
	return p.ask(ctx, userID, purposeEnter, pending.Hash())
}

// Enter finishes a login that waits, with a passkey. It counts as a code does.
func (p *Passkeys) Enter(ctx context.Context, pending Token, answer Assertion, kind SessionKind, before Token) (Token, User, error) {
	a := p.Accounts
	l, err := a.waiting(ctx, pending, kind)
	if err != nil {
		return "", User{}, err
	}
	event := AuditEvent{Action: loginAction(kind), SubjectKind: "user", SubjectID: l.user.ID, Detail: map[string]any{"reason": "passkey"}}
	state, err := p.take(ctx, answer.ClientData, purposeEnter, l.user.ID, pending.Hash())
	if err != nil {
		return "", User{}, p.refuse(ctx, event, err, errAnswer)
	}
	l.before, l.detail = before, map[string]any{"second_factor": true, "passkey": true}
	token, user, err := a.enter(ctx, l, func(tx Tx) error {
		return p.use(ctx, tx, use{user: l.user.ID, state: state, answer: answer, trust: true})
	})
	if err != nil {
		return "", User{}, p.refuse(ctx, event, err, errAnswer)
	}
	return token, user, nil
}

// BeginProof asks the user of a session for one of the passkeys.
func (p *Passkeys) BeginProof(ctx context.Context, session Session) ([]byte, error) {
	if err := p.Accounts.limitPasskeyAsk(ctx, "user.prove"); err != nil {
		return nil, err
	}
	return p.ask(ctx, session.UserID, purposeProve, []byte(session.ID))
}

// Prove proves within a session who its user is.
func (p *Passkeys) Prove(ctx context.Context, user User, session Session, answer Assertion) error {
	a, event := p.Accounts, AuditEvent{Actor: user.ID, Action: "user.prove", SubjectKind: "user", SubjectID: user.ID}
	if err := a.limitConfirm(ctx, event.Action, session); err != nil {
		return err
	}
	state, err := p.take(ctx, answer.ClientData, purposeProve, user.ID, []byte(session.ID))
	if err != nil {
		return p.refuse(ctx, event, err, errAnswer)
	}
	err = a.Store.InTx(ctx, func(tx Tx) error {
		if _, err := unchanged(ctx, tx, user); err != nil {
			return err
		}
		if err := p.use(ctx, tx, use{user: user.ID, state: state, answer: answer}); err != nil {
			return err
		}
		return tx.ProveSession(ctx, session.ID, a.now())
	})
	if err != nil {
		return p.refuse(ctx, event, err, errAnswer)
	}
	a.confirmed(ctx, session)
	return nil
}
