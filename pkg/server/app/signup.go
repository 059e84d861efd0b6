package app

import (
	"context"
	"time"
)

// SignUp is what somebody gives to get an account.
type SignUp struct {
	Email       string
	Password    string
	DisplayName string
}

// SignUp adds an account. It does the same work and gives the same answer
// whether or not the address has one already (SPEC A4).
func (a *Accounts) SignUp(ctx context.Context, in SignUp) error {
	if err := a.limitSignUp(ctx); err != nil {
		return err
	}
	user, err := a.newUser(ctx, in)
	if err != nil {
		return err
	}
	return a.Store.InTx(ctx, func(tx Tx) error {
		added, isNew, err := tx.AddUser(ctx, user)
		if err != nil {
			return err
		}
		event := AuditEvent{Actor: added.ID, Action: "signup", SubjectKind: "user", SubjectID: added.ID, Result: AuditOK}
		letter := LetterVerify
		if !isNew {
			event.Actor, event.Result, letter = "", AuditRefused, LetterKnown
		}
		if err := enqueueLetter(ctx, tx, letter, user.Email); err != nil {
			return err
		}
		return tx.Audit(ctx, event)
	})
}

// cleanPassword judges a new password of a user.
func (a *Accounts) cleanPassword(password string, user User) (string, error) {
	return CleanNewPassword(password, user.Email, user.DisplayName, a.Domain)
}

// newUser judges what was given and hashes the password.
func (a *Accounts) newUser(ctx context.Context, in SignUp) (User, error) {
	email, err := CleanEmail(in.Email)
	if err != nil {
		return User{}, err
	}
	profile, err := ProfileUpdate{DisplayName: &in.DisplayName}.clean()
	if err != nil {
		return User{}, err
	}
	password, err := a.cleanPassword(in.Password, User{Email: email, DisplayName: *profile.DisplayName})
	if err != nil {
		return User{}, err
	}
	hash, err := a.Hasher.Hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	return User{Email: email, PasswordHash: hash, DisplayName: *profile.DisplayName, Language: OriginOf(ctx).Language}, nil
}

// AddStaff adds an admin of the staff pages, or makes an existing user one and sets the password anew. It is what `create-staff` does.
func (a *Accounts) AddStaff(ctx context.Context, in SignUp) (User, error) {
	user, err := a.newUser(ctx, in)
	if err != nil {
		return User{}, err
	}
	user.Role, user.EmailVerifiedAt = RoleAdmin, a.now()
	err = a.Store.InTx(ctx, func(tx Tx) error {
		added, isNew, err := tx.AddUser(ctx, user)
		if err != nil {
			return err
		}
		if !isNew {
			known, err := tx.User(ctx, added.ID)
			if err != nil {
				return err
			}
			if err := dropUnproven(ctx, tx, known); err != nil {
				return err
			}
			if err := cutOff(ctx, tx, known.ID); err != nil {
				return err
			}
			// Whoever has the server has the way back from a lost factor.
			if _, err := tx.DropPasskeys(ctx, known.ID); err != nil {
				return err
			}
			if _, err := tx.DropFactor(ctx, known.ID); err != nil {
				return err
			}
			known.Role, known.PasswordHash, known.EmailVerifiedAt, known.DisabledAt = RoleAdmin, user.PasswordHash, a.now(), time.Time{}
			if added, err = tx.SaveUser(ctx, known); err != nil {
				return err
			}
		}
		user = added
		return tx.Audit(ctx, AuditEvent{Action: "staff.create", SubjectKind: "user", SubjectID: added.ID, Result: AuditOK})
	})
	return user, err
}
