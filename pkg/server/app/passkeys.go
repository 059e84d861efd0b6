package app

import (
	"context"
	"strings"
)

// AddedPasskey is a passkey that was added.
type AddedPasskey struct {
	Passkey Passkey
	// Codes are the recovery codes, and Session the session's new token, of a user
	// who had no second factor before; else empty.
	Codes   []string
	Session Token
}

// List lists a user's passkeys, the oldest first.
func (p *Passkeys) List(ctx context.Context, userID string) ([]Passkey, error) {
	return p.Accounts.Store.Passkeys(ctx, userID)
}

// BeginAdd asks for a new passkey. It adds a way in, so the proof must be fresh.
func (p *Passkeys) BeginAdd(ctx context.Context, user User, session Session) ([]byte, error) {
	const action = "passkey.add"
	if err := p.Accounts.proven(ctx, session, action); err != nil {
		return nil, err
	}
	if err := p.Accounts.limitPasskeyAsk(ctx, action); err != nil {
		return nil, err
	}
	have, err := p.Accounts.Store.Passkeys(ctx, user.ID)
	if err != nil {
		return nil, err
	}
	if len(have) >= MaxPasskeys {
		return nil, errManyPasskeys
	}
	c, err := p.Ceremonies.Creation(user, have)
	if err != nil {
		return nil, err
	}
	return c.Options, p.keep(ctx, c, purposeAdd, user.ID, []byte(session.ID))
}

var errManyPasskeys = &Error{Code: CodeConflict, Refusal: RefusedManyPasskeys, Message: "You have as many passkeys as there may be. Remove one first."}

// Add adds the passkey that an authenticator made. The first second factor of a user
// is turned on by it: the other sessions end, this one gets a new token, and there
// are recovery codes.
func (p *Passkeys) Add(ctx context.Context, user User, session Session, name string, answer Attestation) (AddedPasskey, error) {
	a, event := p.Accounts, AuditEvent{Actor: user.ID, Action: "passkey.add", SubjectKind: "user", SubjectID: user.ID}
	if err := a.proven(ctx, session, event.Action); err != nil {
		return AddedPasskey{}, err
	}
	name, err := cleanPasskeyName(name)
	if err != nil {
		return AddedPasskey{}, err
	}
	if err := a.limitConfirm(ctx, event.Action, session); err != nil {
		return AddedPasskey{}, err
	}
	state, err := p.take(ctx, answer.ClientData, purposeAdd, user.ID, []byte(session.ID))
	if err != nil {
		return AddedPasskey{}, p.refuse(ctx, event, err, errAnswer)
	}
	made, err := p.Ceremonies.Create(user, state, answer)
	if err != nil {
		return AddedPasskey{}, p.refuse(ctx, event, errRefused, errAnswer)
	}
	var added AddedPasskey
	err = a.step(ctx, event, func(tx Tx) error {
		added, err = a.addPasskey(ctx, tx, session, Passkey{UserID: user.ID, Name: name, Credential: made})
		return err
	})
	if err != nil {
		return AddedPasskey{}, err
	}
	a.confirmed(ctx, session)
	return added, nil
}

func cleanPasskeyName(name string) (string, error) {
	name, err := cleanText("name", name, 80, false)
	if err == nil && strings.TrimSpace(name) == "" {
		err = Invalid("name", RefusedMissing, "is missing")
	}
	return name, err
}

func (a *Accounts) addPasskey(ctx context.Context, tx Tx, session Session, passkey Passkey) (AddedPasskey, error) {
	user, err := tx.User(ctx, passkey.UserID)
	if err != nil {
		return AddedPasskey{}, err
	}
	if have, err := tx.Passkeys(ctx, user.ID); err != nil || len(have) >= MaxPasskeys {
		if err == nil {
			err = errManyPasskeys
		}
		return AddedPasskey{}, err
	}
	var added AddedPasskey
	if added.Passkey, err = tx.AddPasskey(ctx, passkey); err != nil {
		return AddedPasskey{}, err
	}
	if !user.SecondFactor {
		if added.Codes, added.Session, err = a.factorOn(ctx, tx, session); err != nil {
			return AddedPasskey{}, err
		}
	}
	return added, enqueueLetter(ctx, tx, LetterPasskeyOn, user.Email)
}

// Rename names one of the user's passkeys; another's is not found.
func (p *Passkeys) Rename(ctx context.Context, userID, id, name string) error {
	name, err := cleanPasskeyName(name)
	if err != nil {
		return err
	}
	return p.Accounts.step(ctx, AuditEvent{Actor: userID, Action: "passkey.rename", SubjectKind: "passkey", SubjectID: id}, func(tx Tx) error {
		if err := p.Accounts.limitChange(ctx, userID); err != nil {
			return err
		}
		named, err := tx.NamePasskey(ctx, userID, id, name)
		if err == nil && !named {
			err = ErrNotFound
		}
		return err
	})
}

// Remove removes one of the user's passkeys, unless it is the last way in, or the last
// second factor of a member of staff. It asks for a fresh proof.
func (p *Passkeys) Remove(ctx context.Context, session Session, id string) error {
	event := AuditEvent{Actor: session.UserID, Action: "passkey.remove", SubjectKind: "passkey", SubjectID: id}
	if err := p.Accounts.proven(ctx, session, event.Action); err != nil {
		return err
	}
	return p.Accounts.step(ctx, event, func(tx Tx) error {
		if _, err := tx.User(ctx, session.UserID); err != nil { // held: two at once cannot both be the last but one
			return err
		}
		dropped, err := tx.DropPasskey(ctx, session.UserID, id)
		if err == nil && !dropped {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		user, err := tx.User(ctx, session.UserID) // as it is without the passkey
		if err != nil {
			return err
		}
		if user.Staff && !user.SecondFactor {
			return &Error{Code: CodeConflict, Refusal: RefusedStaffFactor, Message: "Members of staff must have a second factor."}
		}
		linked, err := tx.HasIdentity(ctx, user.ID)
		if err != nil {
			return err
		}
		if user.PasswordHash == "" && !user.Passkey && !linked {
			return &Error{Code: CodeConflict, Refusal: RefusedLastWayIn, Message: "This is your last way in. Set a password first."}
		}
		return enqueueLetter(ctx, tx, LetterPasskeyOff, user.Email)
	})
}
