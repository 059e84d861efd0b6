package app

import (
	"context"
	"errors"
)

// errToken is the one answer for a token that is unknown, used or too old.
var errToken = Invalid("token", RefusedStale, "is not valid any more; ask for a new mail")

// AskVerification sends the mail that proves a user's address.
func (a *Accounts) AskVerification(ctx context.Context, user User) error {
	if err := a.limitAsk(ctx, user.ID); err != nil {
		return err
	}
	return a.Store.InTx(ctx, func(tx Tx) error {
		if err := enqueueLetter(ctx, tx, LetterVerify, user.Email); err != nil {
			return err
		}
		return tx.Audit(ctx, AuditEvent{Actor: user.ID, Action: "email.ask", SubjectKind: "user", SubjectID: user.ID, Result: AuditOK})
	})
}

// Verify takes the token of that mail. The user must be logged in: whoever
// owns the address would otherwise confirm an account that somebody else made
// with it.
func (a *Accounts) Verify(ctx context.Context, userID string, token Token) (User, error) {
	if err := a.limitToken(ctx, "email.verify"); err != nil {
		return User{}, err
	}
	var saved User
	err := a.Store.InTx(ctx, func(tx Tx) error {
		owner, err := tx.UseToken(ctx, PurposeVerify, token.Hash(), a.now())
		if err == nil && owner != userID {
			return errToken // rolled back: it stays good for its owner
		}
		if CodeOf(err) == CodeNotFound && err != nil {
			return errToken
		}
		if err != nil {
			return err
		}
		user, err := tx.User(ctx, userID)
		if err != nil {
			return err
		}
		user.EmailVerifiedAt = a.now()
		if saved, err = tx.SaveUser(ctx, user); err != nil {
			return err
		}
		if err := tx.DropTokens(ctx, userID, PurposeVerify); err != nil {
			return err
		}
		return tx.Audit(ctx, AuditEvent{Actor: userID, Action: "email.verify", SubjectKind: "user", SubjectID: userID, Result: AuditOK})
	})
	if errors.Is(err, errToken) {
		err = a.refuse(ctx, AuditEvent{Actor: userID, Action: "email.verify", SubjectKind: "user", SubjectID: userID}, errToken)
	}
	return saved, err
}

// Forgot sends a mail with which a new password can be chosen. It only queues
// a job, whoever the address belongs to: the answer and its time are the same.
func (a *Accounts) Forgot(ctx context.Context, email string) error {
	clean, err := CleanEmail(email)
	if err != nil {
		return err
	}
	familiar, err := a.limitForgot(ctx, clean)
	if err != nil {
		return err
	}
	return a.Store.InTx(ctx, func(tx Tx) error {
		letter := MailJob{Letter: LetterReset, Email: clean, Language: OriginOf(ctx).Language, Familiar: familiar}
		if err := tx.Enqueue(ctx, letter, JobOptions{MaxAttempts: mailAttempts}); err != nil {
			return err
		}
		return tx.Audit(ctx, AuditEvent{Action: "password.forgot", SubjectKind: "user", Result: AuditOK})
	})
}

// Reset takes the token of that mail, sets a password and returns the user. All sessions of the
// user end, and all their other reset tokens. The address is proven by it.
// Identities that were linked without a second factor lose their way in: who had
// the account for a while may have linked them. If the address was not proven
// before, somebody else may have made the account: then all of them go, and what
// the profile says, and the passkeys. A second factor stays otherwise; passkeys open
// nothing alone until they have been used beside the new password.
func (a *Accounts) Reset(ctx context.Context, token Token, password string) (user User, err error) {
	if err := a.limitToken(ctx, "password.reset"); err != nil {
		return User{}, err
	}
	if password, err = CleanNewPassword(password, a.Domain); err != nil {
		return User{}, err
	}
	hash, err := a.Hasher.Hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	err = a.Store.InTx(ctx, func(tx Tx) error {
		id, err := tx.UseToken(ctx, PurposeReset, token.Hash(), a.now())
		if CodeOf(err) == CodeNotFound && err != nil {
			return errToken
		}
		if err != nil {
			return err
		}
		if user, err = tx.User(ctx, id); err != nil {
			return err
		}
		if user.Disabled() {
			return errToken
		}
		if _, err := a.cleanPassword(password, user); err != nil {
			return err // rolled back: the token stays good
		}
		user.PasswordHash = hash
		dropped, err := dropLinked(ctx, tx, user)
		if err != nil {
			return err
		}
		if user.EmailVerifiedAt.IsZero() {
			// Somebody else may have written them.
			user.DisplayName, user.AvatarURL, user.Bio = "", "", ""
			user.EmailVerifiedAt = a.now()
		}
		if err := a.passwordSet(ctx, tx, user, "", LetterReplaced); err != nil {
			return err
		}
		return tx.Audit(ctx, AuditEvent{Actor: id, Action: "password.reset", SubjectKind: "user", SubjectID: id, Result: AuditOK,
			Detail: map[string]any{"identities_removed": dropped}})
	})
	if errors.Is(err, errToken) {
		err = a.refuse(ctx, AuditEvent{Action: "password.reset", SubjectKind: "user"}, errToken)
	}
	return user, err
}

// passwordSet saves a user with a new password: sessions but one end, tokens
// are worthless, and the user is told.
func (a *Accounts) passwordSet(ctx context.Context, tx interface {
	UserTx
	SessionTx
	TokenTx
	QueueTx
}, user User, keep string, letter Letter) error {
	if _, err := tx.SaveUser(ctx, user); err != nil {
		return err
	}
	if err := tx.DropTokens(ctx, user.ID, PurposeReset); err != nil {
		return err
	}
	if _, err := tx.DropSessions(ctx, user.ID, keep); err != nil {
		return err
	}
	return enqueueLetter(ctx, tx, letter, user.Email)
}
