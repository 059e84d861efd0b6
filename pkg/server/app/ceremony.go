package app

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ceremonyLife is how long an authenticator may take.
const ceremonyLife = 5 * time.Minute

// What an answer is good for.
const (
	purposeLogIn = "log in"
	purposeEnter = "enter"
	purposeProve = "prove"
	purposeAdd   = "add"
)

// kept is what is kept of a question until its answer comes, once.
type kept struct {
	Purpose string `json:"purpose"`
	User    string `json:"user"`
	// Bound is what the browser must bring: the hash of a token, or the ID of a
	// session.
	Bound []byte `json:"bound"`
	State []byte `json:"state"`
}

var (
	errTooLate = &Error{Code: CodeUnauthorized, Refusal: RefusedLate, Message: "That took too long. Log in again."}
	// errRefused is of an answer that does not hold; why is for the audit alone.
	errRefused = errors.New("the answer of a passkey does not hold")
)

// copied is the refusal of a passkey whose count has not grown.
type copied struct{ passkey Passkey }

func (copied) Error() string { return "a passkey may have been copied" }

// ask asks for one of a user's passkeys.
func (p *Passkeys) ask(ctx context.Context, userID, purpose string, bound []byte) ([]byte, error) {
	have, err := p.Accounts.Store.Passkeys(ctx, userID)
	if err != nil {
		return nil, err
	}
	if len(have) == 0 {
		return nil, errNoPasskey
	}
	c, err := p.Ceremonies.Request(userID, have)
	if err != nil {
		return nil, err
	}
	return c.Options, p.keep(ctx, c, purpose, userID, bound)
}

func (p *Passkeys) keep(ctx context.Context, c Ceremony, purpose, userID string, bound []byte) error {
	text, err := json.Marshal(kept{Purpose: purpose, User: userID, Bound: bound, State: c.State})
	if err != nil {
		return err
	}
	return p.Once.Put(ctx, ceremonyKey(c.Challenge), string(text), ceremonyLife)
}

func ceremonyKey(challenge string) string { return "passkey:" + string(Token(challenge).Hash()) }

// take takes the question that an answer is to, and returns its state. It is
// errRefused for an answer to none, to one for something else, or of another browser.
func (p *Passkeys) take(ctx context.Context, clientData, purpose, userID string, bound []byte) ([]byte, error) {
	var data struct{ Challenge string }
	plain, err := base64.RawURLEncoding.DecodeString(clientData)
	if err != nil || json.Unmarshal(plain, &data) != nil || data.Challenge == "" {
		return nil, errRefused
	}
	text, found, err := p.Once.Take(ctx, ceremonyKey(data.Challenge))
	if err != nil {
		return nil, Unavailable("Passkeys cannot be used now.", err)
	}
	var k kept
	if !found || json.Unmarshal([]byte(text), &k) != nil {
		return nil, errRefused
	}
	if k.Purpose != purpose || k.User != userID || subtle.ConstantTimeCompare(k.Bound, bound) != 1 {
		return nil, errRefused
	}
	return k.State, nil
}

// keyID is the name of the passkey in an answer; nil: it is none.
func keyID(answer Assertion) []byte {
	id, err := base64.RawURLEncoding.DecodeString(answer.ID)
	if err != nil {
		return nil
	}
	return id
}

// use is one use of a passkey.
type use struct {
	user   string
	state  []byte
	answer Assertion
	// alone reports that nothing else proves who the user is, trust that the password
	// does: from then on the passkey may be used alone.
	alone, trust bool
}

// use judges an answer of a user whose row is held, and notes the use.
func (p *Passkeys) use(ctx context.Context, tx PasskeyTx, u use) error {
	have, err := tx.Passkeys(ctx, u.user)
	if err != nil {
		return err
	}
	now, isCopy, err := p.Ceremonies.Prove(u.user, have, u.state, u.answer)
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	for _, k := range have {
		if string(k.KeyID) != string(now.KeyID) {
			continue
		}
		switch {
		case !k.SuspectAt.IsZero() || u.alone && !k.Alone:
			return errRefused
		case isCopy:
			return copied{k}
		}
		k.Count, k.Flags, k.UsedAt, k.Alone = now.Count, now.Flags, p.Accounts.now(), k.Alone || u.trust
		return tx.SavePasskey(ctx, k)
	}
	return errRefused
}

// refuse audits that an answer was refused and returns what its sender is told;
// another error comes back as it is. A passkey that may have been copied is refused
// from then on, and its owner is told.
func (p *Passkeys) refuse(ctx context.Context, event AuditEvent, err error, answer error) error {
	var c copied
	switch {
	case errors.As(err, &c):
		event.Detail = map[string]any{"reason": "copied"}
		if err := p.suspect(ctx, c.passkey); err != nil {
			return err
		}
	case !errors.Is(err, errRefused) && !errors.Is(err, errPasskey):
		return err
	}
	return p.Accounts.refuse(ctx, event, answer)
}

// suspect refuses a passkey from now on, and tells its user.
func (p *Passkeys) suspect(ctx context.Context, passkey Passkey) error {
	passkey.SuspectAt = p.Accounts.now()
	return p.Accounts.Store.InTx(ctx, func(tx Tx) error {
		user, err := tx.User(ctx, passkey.UserID)
		if err != nil {
			return err
		}
		if err := tx.SavePasskey(ctx, passkey); err != nil {
			return err
		}
		return enqueueLetter(ctx, tx, LetterPasskeySuspect, user.Email)
	})
}
