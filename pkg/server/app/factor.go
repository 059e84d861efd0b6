package app

import (
	"context"
	"errors"
	"time"
)

// Factor is a user's second factor.
type Factor struct {
	UserID string
	// Secret is sealed with a FactorKey.
	Secret []byte
	// ConfirmedAt is zero until a code of it was entered: until then it is none.
	ConfirmedAt time.Time
	// UsedStep is the step of the last code that was taken.
	UsedStep int64
}

// FactorState is what a user is told of the own authenticator app.
type FactorState struct {
	EnabledAt     time.Time // zero: there is none
	RecoveryCodes int
}

// FactorSetup is what an authenticator app needs; it is shown once.
type FactorSetup struct{ Secret, URI string }

// pendingLife is how long a login waits for its code.
const pendingLife = 10 * time.Minute

var (
	// errSecondFactor means that the password was right and a code is missing.
	errSecondFactor = &Error{Code: CodeSecondFactor, Message: "Enter the code of your second factor."}
	errStepUp       = &Error{Code: CodeStepUp, Message: "Prove anew that it is you."}
	errNoFactor     = &Error{Code: CodeConflict, Refusal: RefusedNoFactor, Message: "There is no second factor."}
	errCode         = Invalid("code", RefusedCode, "is wrong, or was used already")
)

// useCode takes a code of a user whose row is held; false: it is none.
func (a *Accounts) useCode(ctx context.Context, tx FactorTx, userID, code string) (bool, error) {
	plain := plainCode(code)
	if len(plain) != totpDigits {
		return tx.UseRecoveryCode(ctx, userID, hashCode(plain))
	}
	factor, err := tx.Factor(ctx, userID)
	if CodeOf(err) == CodeNotFound && err != nil {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	secret, err := a.Factors.open(userID, factor.Secret)
	if err != nil {
		return false, err
	}
	step, fits := totpFits(secret, plain, a.now(), factor.UsedStep)
	if !fits {
		return false, nil
	}
	factor.UsedStep = step
	return true, tx.SaveFactor(ctx, factor)
}

// waitForCode keeps a login until its code comes, and returns its token.
func (a *Accounts) waitForCode(ctx context.Context, tx PendingTx, userID string, kind SessionKind) (Token, error) {
	token := NewToken()
	return token, tx.AddPending(ctx, userID, kind, token.Hash(), a.now().Add(pendingLife))
}

// EnterCode finishes a login that waits for a code. A wrong code is audited and
// counted: for the user, and for where it comes from.
func (a *Accounts) EnterCode(ctx context.Context, pending Token, code string, kind SessionKind, before Token) (Token, User, error) {
	l, err := a.waiting(ctx, pending, kind)
	if err != nil {
		return "", User{}, err
	}
	l.before, l.detail = before, map[string]any{"second_factor": true}
	token, user, err := a.enter(ctx, l, func(tx Tx) error {
		fits, err := a.useCode(ctx, tx, l.user.ID, code)
		if err == nil && !fits {
			err = errCode // rolled back: the login goes on waiting
		}
		return err
	})
	if errors.Is(err, errCode) {
		err = a.refuse(ctx, AuditEvent{Action: loginAction(kind), SubjectKind: "user", SubjectID: l.user.ID, Detail: map[string]any{"reason": "code"}}, errCode)
	}
	return token, user, err
}

// login is a login that waits for its second step.
type login struct {
	pending, before Token
	kind            SessionKind
	user            User
	// detail is what the event of its end says.
	detail map[string]any
}

// waiting finds a login that waits, and counts a try at its second step.
func (a *Accounts) waiting(ctx context.Context, pending Token, kind SessionKind) (login, error) {
	l := login{pending: pending, kind: kind}
	err := a.Store.InTx(ctx, func(tx Tx) error {
		id, err := tx.Pending(ctx, kind, pending.Hash(), a.now())
		if err == nil {
			l.user, err = tx.User(ctx, id)
		}
		return err
	})
	if CodeOf(err) == CodeNotFound && err != nil {
		return l, errTooLate
	}
	if err != nil {
		return l, err
	}
	return l, a.limitCode(ctx, l.user, loginAction(kind))
}

// enter starts the session of a login that waited, where proven takes the second
// step in the same transaction.
func (a *Accounts) enter(ctx context.Context, l login, proven func(Tx) error) (Token, User, error) {
	token, user := NewToken(), User{}
	err := a.Store.InTx(ctx, func(tx Tx) (err error) {
		if user, err = tx.User(ctx, l.user.ID); err != nil {
			return err
		}
		if left, err := tx.DropPending(ctx, l.pending.Hash()); err != nil {
			return err
		} else if !left || !a.mayEnter(user, l.kind) {
			return errUnauthorized // the password was changed meanwhile, or the account shut
		}
		if err := proven(tx); err != nil {
			return err
		}
		if l.before != "" {
			if _, err := tx.DropSession(ctx, l.before.Hash()); err != nil {
				return err
			}
		}
		if err := a.startSession(ctx, tx, user, l.kind, token); err != nil {
			return err
		}
		return tx.Audit(ctx, AuditEvent{Actor: user.ID, Action: loginAction(l.kind), SubjectKind: "user", SubjectID: user.ID, Result: AuditOK, Detail: l.detail})
	})
	if err != nil {
		return "", User{}, err
	}
	a.codeEntered(ctx, user)
	return token, user, nil
}

// proven makes sure that the user of a session has proven who they are not long
// ago. What is refused for that is audited.
func (a *Accounts) proven(ctx context.Context, session Session, action string) error {
	if a.now().Sub(session.ProvenAt) <= recent {
		return nil
	}
	return a.step(ctx, AuditEvent{Actor: session.UserID, Action: action, SubjectKind: "user", SubjectID: session.UserID}, func(Tx) error { return errStepUp })
}

// Prove proves within a session who its user is: by a code of the second factor
// where there is one, else by the password.
func (a *Accounts) Prove(ctx context.Context, user User, session Session, password, code string) error {
	event := AuditEvent{Actor: user.ID, Action: "user.prove", SubjectKind: "user", SubjectID: user.ID}
	if err := a.limitConfirm(ctx, event.Action, session); err != nil {
		return err
	}
	if !user.SecondFactor {
		if user.PasswordHash == "" {
			return a.refuse(ctx, event, errLogInAgain)
		}
		fits, _, err := a.Hasher.Verify(ctx, user.PasswordHash, normalPassword(password))
		if err != nil {
			return err
		}
		if !fits {
			return a.refuse(ctx, event, Invalid("password", RefusedWrong, "is wrong"))
		}
	}
	err := a.Store.InTx(ctx, func(tx Tx) error {
		now, err := unchanged(ctx, tx, user)
		if err != nil {
			return err
		}
		if now.SecondFactor {
			if fits, err := a.useCode(ctx, tx, user.ID, code); err != nil {
				return err
			} else if !fits {
				return errCode
			}
		}
		return tx.ProveSession(ctx, session.ID, a.now())
	})
	if errors.Is(err, errCode) {
		return a.refuse(ctx, event, errCode)
	}
	return err
}

// FactorState tells of a user's factor.
func (a *Accounts) FactorState(ctx context.Context, userID string) (FactorState, error) {
	return a.Store.FactorState(ctx, userID)
}

// BeginFactor makes the secret of a second factor, which is none until
// ConfirmFactor.
func (a *Accounts) BeginFactor(ctx context.Context, user User, session Session) (FactorSetup, error) {
	if err := a.proven(ctx, session, "factor.begin"); err != nil {
		return FactorSetup{}, err
	}
	secret := newFactorSecret()
	err := a.step(ctx, AuditEvent{Actor: user.ID, Action: "factor.begin", SubjectKind: "user", SubjectID: user.ID}, func(tx Tx) error {
		now, err := tx.User(ctx, user.ID)
		if err != nil {
			return err
		}
		if now.TOTP {
			return &Error{Code: CodeConflict, Refusal: RefusedHasApp, Message: "You have an authenticator app. Turn it off first."}
		}
		return tx.SaveFactor(ctx, Factor{UserID: user.ID, Secret: a.Factors.seal(user.ID, secret)})
	})
	return FactorSetup{Secret: base32Of(secret), URI: otpauth(a.Domain, user.Email, secret)}, err
}

// ConfirmFactor turns a second factor on with a code of it. The user's other
// sessions end, this one gets a new token, and the recovery codes are shown.
func (a *Accounts) ConfirmFactor(ctx context.Context, user User, session Session, code string) (codes []string, token Token, err error) {
	event := AuditEvent{Actor: user.ID, Action: "factor.confirm", SubjectKind: "user", SubjectID: user.ID}
	if err := a.proven(ctx, session, event.Action); err != nil {
		return nil, "", err
	}
	if err := a.limitConfirm(ctx, event.Action, session); err != nil {
		return nil, "", err
	}
	err = a.step(ctx, event, func(tx Tx) error {
		now, err := tx.User(ctx, user.ID)
		if err != nil {
			return err
		}
		_, err = tx.Factor(ctx, user.ID)
		if CodeOf(err) == CodeNotFound && err != nil || now.TOTP {
			return &Error{Code: CodeConflict, Refusal: RefusedNoFactor, Message: "There is no second factor to confirm."}
		}
		if err != nil {
			return err
		}
		if fits, err := a.useCode(ctx, tx, user.ID, code); err != nil {
			return err
		} else if !fits || len(plainCode(code)) != totpDigits {
			return errCode
		}
		factor, err := tx.Factor(ctx, user.ID) // with the step of the code that was used
		if err != nil {
			return err
		}
		factor.ConfirmedAt = a.now()
		if err := tx.SaveFactor(ctx, factor); err != nil {
			return err
		}
		if codes, token, err = a.factorOn(ctx, tx, session); err != nil {
			return err
		}
		return enqueueLetter(ctx, tx, LetterFactorOn, user.Email)
	})
	if errors.Is(err, errCode) {
		err = a.refuse(ctx, event, errCode)
	}
	if err != nil {
		return nil, "", err
	}
	return codes, token, nil
}

// factorOn does what comes with a second factor: new recovery codes, the end of the
// other sessions, and a new token for this one.
func (a *Accounts) factorOn(ctx context.Context, tx Tx, session Session) (codes []string, token Token, err error) {
	codes, hashes := newRecoveryCodes()
	if err := tx.SetRecoveryCodes(ctx, session.UserID, hashes); err != nil {
		return nil, "", err
	}
	if _, err := tx.DropSessions(ctx, session.UserID, session.ID); err != nil {
		return nil, "", err
	}
	token = NewToken()
	if renewed, err := tx.RenewSession(ctx, session.ID, token.Hash()); err != nil {
		return nil, "", err
	} else if !renewed {
		return nil, "", errUnauthorized // ended meanwhile
	}
	return codes, token, tx.ProveSession(ctx, session.ID, a.now())
}

// DropFactor turns a user's authenticator app off.
func (a *Accounts) DropFactor(ctx context.Context, user User, session Session) error {
	event := AuditEvent{Actor: user.ID, Action: "factor.drop", SubjectKind: "user", SubjectID: user.ID}
	if err := a.proven(ctx, session, event.Action); err != nil {
		return err
	}
	return a.step(ctx, event, func(tx Tx) error {
		now, err := tx.User(ctx, user.ID)
		if err != nil {
			return err
		}
		if now.Staff() {
			return &Error{Code: CodeConflict, Refusal: RefusedStaffFactor, Message: "Members of staff must have a second factor."}
		}
		return dropFactor(ctx, tx, now)
	})
}

// dropFactor removes an authenticator app and tells its user.
func dropFactor(ctx context.Context, tx interface {
	FactorTx
	QueueTx
}, user User) error {
	dropped, err := tx.DropFactor(ctx, user.ID)
	if err != nil {
		return err
	}
	if !dropped || !user.TOTP {
		return errNoFactor
	}
	return enqueueLetter(ctx, tx, LetterFactorOff, user.Email)
}

// RenewRecoveryCodes replaces a user's recovery codes.
func (a *Accounts) RenewRecoveryCodes(ctx context.Context, user User, session Session) ([]string, error) {
	event := AuditEvent{Actor: user.ID, Action: "factor.codes", SubjectKind: "user", SubjectID: user.ID}
	if err := a.proven(ctx, session, event.Action); err != nil {
		return nil, err
	}
	codes, hashes := newRecoveryCodes()
	err := a.step(ctx, event, func(tx Tx) error {
		now, err := tx.User(ctx, user.ID)
		if err != nil {
			return err
		}
		if !now.SecondFactor {
			return errNoFactor
		}
		return tx.SetRecoveryCodes(ctx, user.ID, hashes)
	})
	return codes, err
}
