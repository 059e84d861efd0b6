package app

import (
	"context"
	"time"
)

// Accounts carries out what users do with their accounts.
type Accounts struct {
	Store   Store
	Hasher  Hasher
	Limiter Limiter
	Devices DeviceKey
	// Domain is the site's host name: no password is made of it.
	Domain string
	// ConfirmFirst lets nobody log in before the address is confirmed. A login then
	// tells nothing about who has an account.
	ConfirmFirst bool
	// Factors seals the secrets of second factors.
	Factors FactorKey
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// touchEvery bounds how often a session's last use is written.
const touchEvery = time.Minute

func (a *Accounts) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}

// cutOff ends a user's sessions and makes the tokens of their mails worthless.
func cutOff(ctx context.Context, tx interface {
	SessionTx
	TokenTx
}, userID string) error {
	for _, purpose := range []Purpose{PurposeVerify, PurposeReset} {
		if err := tx.DropTokens(ctx, userID, purpose); err != nil {
			return err
		}
	}
	_, err := tx.DropSessions(ctx, userID, "")
	return err
}

// dropUnproven removes the identities and passkeys of a user whose address was never
// proven: somebody else may have made the account and added them.
func dropUnproven(ctx context.Context, tx interface {
	IdentityTx
	PasskeyTx
}, user User) error {
	if !user.EmailVerifiedAt.IsZero() {
		return nil
	}
	if _, err := tx.DropPasskeys(ctx, user.ID); err != nil {
		return err
	}
	_, err := tx.DropIdentities(ctx, user.ID)
	return err
}

// dropLinked removes the identities that a reset of the password does not trust,
// and counts them. Passkeys of an address that was proven stay a second factor, and
// open nothing alone: who had the account for a while may have added them.
func dropLinked(ctx context.Context, tx interface {
	IdentityTx
	PasskeyTx
}, user User) (int, error) {
	if user.EmailVerifiedAt.IsZero() {
		if _, err := tx.DropPasskeys(ctx, user.ID); err != nil {
			return 0, err
		}
		return tx.DropIdentities(ctx, user.ID)
	}
	if err := tx.DistrustPasskeys(ctx, user.ID); err != nil {
		return 0, err
	}
	return tx.DropIdentitiesOf(ctx, user.ID, OriginLinked)
}

// LogIn checks the credentials and starts a session of a kind. A session that
// the device had before ends: a token never outlives a login. For a user with a
// second factor the error has CodeSecondFactor, and the token is that of a login
// that waits for EnterCode.
func (a *Accounts) LogIn(ctx context.Context, email, password string, kind SessionKind, before Token) (Token, User, error) {
	if err := a.limitLogin(ctx, email, kind); err != nil {
		return "", User{}, err
	}
	user, better, err := a.verified(ctx, email, password, kind)
	if err != nil {
		return "", User{}, err
	}
	token, waits := NewToken(), false
	err = a.Store.InTx(ctx, func(tx Tx) error {
		now, err := a.stillFits(ctx, tx, user, kind, better)
		if err != nil {
			return err
		}
		if waits = now.SecondFactor; waits {
			token, err = a.waitForCode(ctx, tx, user.ID, kind)
			return err
		}
		if before != "" {
			if _, err := tx.DropSession(ctx, before.Hash()); err != nil {
				return err
			}
		}
		if err := a.startSession(ctx, tx, user, kind, token); err != nil {
			return err
		}
		return tx.Audit(ctx, AuditEvent{Actor: user.ID, Action: loginAction(kind), SubjectKind: "user", SubjectID: user.ID, Result: AuditOK})
	})
	if CodeOf(err) == CodeCredentials {
		return "", User{}, a.refuseLogin(ctx, user.ID, kind)
	}
	if err != nil {
		return "", User{}, err
	}
	a.loggedIn(ctx, email)
	if waits {
		return token, User{}, errSecondFactor
	}
	return token, user, nil
}

// stillFits holds the user's row and makes sure that what verified judged is
// still so: a password that was changed, or an account that was shut, while the
// hash was computed lets nobody in. A better hash is saved on the way.
func (a *Accounts) stillFits(ctx context.Context, tx UserTx, user User, kind SessionKind, better string) (User, error) {
	now, err := tx.User(ctx, user.ID)
	if CodeOf(err) == CodeNotFound {
		return User{}, errCredentials
	}
	if err != nil {
		return User{}, err
	}
	if now.PasswordHash != user.PasswordHash || !a.mayEnter(now, kind) {
		return User{}, errCredentials
	}
	if better == "" {
		return now, nil
	}
	now.PasswordHash = better
	return tx.SaveUser(ctx, now)
}

func mayEnter(user User, kind SessionKind) bool {
	return !user.Disabled() && (kind != SessionStaff || user.Staff())
}

// mayEnter reports whether a user may have a session of a kind on this site.
func (a *Accounts) mayEnter(user User, kind SessionKind) bool {
	return mayEnter(user, kind) && (kind == SessionStaff || !a.ConfirmFirst || !user.EmailVerifiedAt.IsZero())
}

func (a *Accounts) startSession(ctx context.Context, tx SessionTx, user User, kind SessionKind, token Token) error {
	now, from := a.now(), OriginOf(ctx)
	_, err := tx.AddSession(ctx, Session{
		UserID: user.ID, Kind: kind, CreatedAt: now, SeenAt: now, ProvenAt: now,
		ExpiresAt: now.Add(kind.Lifetime().Absolute), IP: from.IP, UserAgent: from.UserAgent,
	}, token.Hash())
	return err
}

func loginAction(kind SessionKind) string {
	if kind == SessionStaff {
		return "staff.login"
	}
	return "login"
}

// verified returns the user whom the credentials fit, and a hash with today's
// parameters where the stored one is weaker. Every refusal takes one hash and
// one audit event and has the same error.
func (a *Accounts) verified(ctx context.Context, email, password string, kind SessionKind) (user User, better string, err error) {
	clean, err := CleanEmail(email)
	if err == nil {
		user, err = a.Store.UserByEmail(ctx, clean)
	}
	if err != nil && CodeOf(err) != CodeNotFound && CodeOf(err) != CodeInvalid {
		return User{}, "", err
	}
	password = normalPassword(password)
	fits, weak, err := a.Hasher.Verify(ctx, user.PasswordHash, password)
	if err != nil {
		return User{}, "", err
	}
	if !fits || !a.mayEnter(user, kind) {
		return User{}, "", a.refuseLogin(ctx, user.ID, kind)
	}
	if weak {
		better, err = a.Hasher.Hash(ctx, password)
	}
	return user, better, err
}

// refuseLogin audits a refused login and gives its error.
func (a *Accounts) refuseLogin(ctx context.Context, userID string, kind SessionKind) error {
	reason := errCredentials
	if a.ConfirmFirst && kind == SessionSite {
		reason = errUnconfirmed
	}
	return a.refuse(ctx, AuditEvent{Action: loginAction(kind), SubjectKind: "user", SubjectID: userID}, reason)
}

// refuse audits that something was refused, in a transaction of its own, and
// gives the reason back.
func (a *Accounts) refuse(ctx context.Context, event AuditEvent, reason error) error {
	event.Result = AuditRefused
	if err := a.Store.InTx(ctx, func(tx Tx) error { return tx.Audit(ctx, event) }); err != nil {
		return err
	}
	return reason
}

// step carries out something that a user does within a session. What is refused
// for what it would do is audited, too; limitChange bounds how often, but never
// what is allowed: a thief must not use up what the owner needs to end a session.
func (a *Accounts) step(ctx context.Context, event AuditEvent, do func(Tx) error) error {
	err := a.Store.InTx(ctx, func(tx Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		event.Result = AuditOK
		return tx.Audit(ctx, event)
	})
	if code := CodeOf(err); err != nil && (code == CodeNotFound || code == CodeConflict || code == CodeStepUp) {
		if limited := a.limitChange(ctx, event.Actor); limited != nil {
			return limited
		}
		return a.refuse(ctx, event, err)
	}
	return err
}

// LogOut ends the session of a token.
func (a *Accounts) LogOut(ctx context.Context, user User, token Token) error {
	return a.Store.InTx(ctx, func(tx Tx) error {
		if _, err := tx.DropSession(ctx, token.Hash()); err != nil {
			return err
		}
		return tx.Audit(ctx, AuditEvent{Actor: user.ID, Action: "logout", SubjectKind: "user", SubjectID: user.ID, Result: AuditOK})
	})
}

// Authenticate returns the session and user of a token. A session that is over
// and the session of a disabled user are refused with CodeUnauthorized, and so
// is a staff session of a user who is no longer staff.
func (a *Accounts) Authenticate(ctx context.Context, token Token, kind SessionKind) (Session, User, error) {
	if !token.WellFormed() {
		return Session{}, User{}, errUnauthorized
	}
	session, user, err := a.Store.SessionByToken(ctx, token.Hash(), kind)
	if CodeOf(err) == CodeNotFound {
		return Session{}, User{}, errUnauthorized
	}
	if err != nil {
		return Session{}, User{}, err
	}
	now := a.now()
	if session.Expired(now) || !a.mayEnter(user, kind) {
		return Session{}, User{}, errUnauthorized
	}
	if now.Sub(session.SeenAt) >= touchEvery {
		if err := a.Store.TouchSession(ctx, session.ID, now); err != nil {
			return Session{}, User{}, err
		}
	}
	return session, user, nil
}

// UpdateProfile changes what a user may change about themselves.
func (a *Accounts) UpdateProfile(ctx context.Context, userID string, update ProfileUpdate) (User, error) {
	update, err := update.clean()
	if err != nil {
		return User{}, err
	}
	var saved User
	err = a.Store.InTx(ctx, func(tx Tx) error {
		user, err := tx.User(ctx, userID)
		if err != nil {
			return err
		}
		detail := map[string]any{}
		for _, m := range []struct {
			name string
			to   *string
			at   *string
		}{{"display_name", update.DisplayName, &user.DisplayName}, {"avatar_url", update.AvatarURL, &user.AvatarURL}, {"bio", update.Bio, &user.Bio}} {
			if m.to != nil && *m.to != *m.at {
				detail[m.name] = changedText
				*m.at = *m.to
			}
		}
		if update.Language != nil && *update.Language != user.Language {
			detail["language"] = map[string]string{"from": string(user.Language), "to": string(*update.Language)}
			user.Language = *update.Language
		}
		if len(detail) > 0 {
			if err := a.limitChange(ctx, userID); err != nil {
				return err
			}
		}
		if saved, err = tx.SaveUser(ctx, user); err != nil || len(detail) == 0 {
			return err
		}
		return tx.Audit(ctx, AuditEvent{Actor: userID, Action: "profile.update", SubjectKind: "user", SubjectID: userID, Result: AuditOK, Detail: detail})
	})
	return saved, err
}
