package app

import (
	"context"
	"errors"
	"time"
)

// recent is how fresh a login must be to stand in for a password that the
// user does not have.
const recent = 10 * time.Minute

var errLogInAgain = &Error{Code: CodeConflict, Refusal: RefusedLogInAgain, Message: "Log in again first."}

// confirm makes sure that it is the user who asks for an action: by the
// password, or for a user without one by a login not long ago, and for a user with
// a second factor by a code not long ago.
func (a *Accounts) confirm(ctx context.Context, user User, session Session, action, field, password string) error {
	if err := a.limitConfirm(ctx, action, session); err != nil {
		return err
	}
	event := AuditEvent{Actor: user.ID, Action: action, SubjectKind: "user", SubjectID: user.ID}
	fresh := a.now().Sub(session.ProvenAt) <= recent
	if user.SecondFactor && !fresh {
		return a.refuse(ctx, event, errStepUp)
	}
	if user.PasswordHash == "" {
		if !fresh {
			return a.refuse(ctx, event, errLogInAgain)
		}
		return nil
	}
	fits, _, err := a.Hasher.Verify(ctx, user.PasswordHash, normalPassword(password))
	if err != nil {
		return err
	}
	if !fits {
		return a.refuse(ctx, event, Invalid(field, RefusedWrong, "is wrong"))
	}
	a.confirmed(ctx, session)
	return nil
}

// unchanged holds the user's row and makes sure that it is still the one that
// confirm judged.
func unchanged(ctx context.Context, tx UserTx, user User) (User, error) {
	now, err := tx.User(ctx, user.ID)
	if err == nil && (now.PasswordHash != user.PasswordHash || now.Disabled()) {
		err = errLogInAgain
	}
	return now, err
}

// ChangePassword sets a new password. The other sessions end, and this one
// gets a new token.
func (a *Accounts) ChangePassword(ctx context.Context, user User, session Session, current, next string) (Token, error) {
	if err := a.confirm(ctx, user, session, "password.change", "current_password", current); err != nil {
		return "", err
	}
	next, err := a.cleanPassword(next, user)
	if err != nil {
		return "", atField("new_password", err)
	}
	hash, err := a.Hasher.Hash(ctx, next)
	if err != nil {
		return "", err
	}
	token := NewToken()
	return token, a.Store.InTx(ctx, func(tx Tx) error {
		now, err := unchanged(ctx, tx, user)
		if err != nil {
			return err
		}
		now.PasswordHash = hash
		if err := a.passwordSet(ctx, tx, now, session.ID, LetterChanged); err != nil {
			return err
		}
		if renewed, err := tx.RenewSession(ctx, session.ID, token.Hash()); err != nil {
			return err
		} else if !renewed {
			return errUnauthorized // ended meanwhile
		}
		return tx.Audit(ctx, AuditEvent{Actor: user.ID, Action: "password.change", SubjectKind: "user", SubjectID: user.ID, Result: AuditOK})
	})
}

// atField returns the refusal of a member as that of another one.
func atField(field string, err error) error {
	var e *Error
	if errors.As(err, &e) && len(e.Fields) > 0 {
		return Invalid(field, e.Fields[0].Refusal, e.Fields[0].Message)
	}
	return err
}

func fieldMessage(err error) string {
	var e *Error
	if errors.As(err, &e) && len(e.Fields) > 0 {
		return e.Fields[0].Message
	}
	return "is not accepted"
}

// DeleteSelf deletes the user with all that belongs to them, and the mails that
// wait for them. Audit events stay until they are swept: they hold no text of the
// user's.
func (a *Accounts) DeleteSelf(ctx context.Context, user User, session Session, password string) error {
	if err := a.confirm(ctx, user, session, "user.delete", "password", password); err != nil {
		return err
	}
	return a.step(ctx, AuditEvent{Actor: user.ID, Action: "user.delete", SubjectKind: "user", SubjectID: user.ID}, func(tx Tx) error {
		now, err := unchanged(ctx, tx, user)
		if err != nil {
			return err
		}
		if now.Staff {
			return &Error{Code: CodeConflict, Refusal: RefusedStaff, Message: "Another member of staff must take your rights away first."}
		}
		return tx.DeleteUser(ctx, user.ID)
	})
}

// Sessions lists a user's sessions that are not over, the last used first.
func (a *Accounts) Sessions(ctx context.Context, userID string) ([]Session, error) {
	all, err := a.Store.Sessions(ctx, userID, SessionSite)
	live := make([]Session, 0, len(all))
	for _, s := range all {
		if !s.Expired(a.now()) {
			live = append(live, s)
		}
	}
	return live, err
}

// EndSession ends one of the user's own sessions; another's is not found.
func (a *Accounts) EndSession(ctx context.Context, userID, id string) error {
	return a.step(ctx, AuditEvent{Actor: userID, Action: "session.end", SubjectKind: "session", SubjectID: id}, func(tx Tx) error {
		found, err := tx.DropSessionOf(ctx, userID, id)
		if err == nil && !found {
			err = ErrNotFound
		}
		return err
	})
}

// EndOtherSessions ends the user's sessions but the one that asks. There is no
// limit to it, and no event where there was none to end.
func (a *Accounts) EndOtherSessions(ctx context.Context, userID, keep string) error {
	return a.Store.InTx(ctx, func(tx Tx) error {
		n, err := tx.DropSessions(ctx, userID, keep)
		if err != nil || n == 0 {
			return err
		}
		return tx.Audit(ctx, AuditEvent{Actor: userID, Action: "session.end_others", SubjectKind: "user", SubjectID: userID, Result: AuditOK,
			Detail: map[string]any{"ended": n}})
	})
}
