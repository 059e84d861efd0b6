package app

import (
	"context"
	"time"
)

// Models is what the staff pages show.
func Models() []Model {
	return []Model{userModel(), identityModel(), sessionModel(), auditModel(), jobModel()}
}

func userModel() Model {
	return Model{
		Name: "users", Title: "Users", Singular: "user", Table: "users", Key: "id", Sort: "created_at", Desc: true,
		Owner: "id", Dated: "created_at", Touched: "updated_at", Deletes: true, Changed: userChanged,
		Fields: []ModelField{
			{Name: "email", Personal: true, Title: "E-mail", List: true, Search: SearchPart, Create: true, Clean: CleanEmail, Sorts: true},
			{Name: "display_name", Personal: true, Title: "Name", List: true, Search: SearchPart, Create: true, Edit: true, Clean: cleanField(func(s string) ProfileUpdate { return ProfileUpdate{DisplayName: &s} })},
			{Name: "role", Title: "Role", List: true, Filter: true, Create: true, Edit: true, Choices: roleNames(), Clean: cleanRole, Set: setRole},
			{Name: "email_verified_at", Title: "Verified", Type: FieldTime, List: true, Filter: true, Sorts: true, Null: true},
			{Name: "disabled_at", Title: "Disabled", Type: FieldTime, List: true, Filter: true, Sorts: true, Null: true},
			{Name: "created_at", Title: "Created", Type: FieldTime, List: true, Sorts: true},
			{Name: "updated_at", Title: "Changed", Type: FieldTime},
			{Name: "avatar_url", Personal: true, Title: "Avatar", Edit: true, Clean: cleanField(func(s string) ProfileUpdate { return ProfileUpdate{AvatarURL: &s} })},
			{Name: "bio", Personal: true, Title: "About", Type: FieldLong, Edit: true, Clean: cleanField(func(s string) ProfileUpdate { return ProfileUpdate{Bio: &s} })},
			{Name: "id", Title: "ID", Type: FieldUUID, Search: SearchWhole},
		},
		Actions: []Action{
			{Name: "disable", Title: "Disable", Offered: func(r Record) bool { return r["disabled_at"] == "" }, Apply: disableUser},
			{Name: "enable", Title: "Enable", Offered: func(r Record) bool { return r["disabled_at"] != "" }, Apply: enableUser},
			{Name: "end-sessions", Title: "End all sessions", Apply: func(ctx context.Context, tx Tx, id string) error {
				_, err := tx.DropSessions(ctx, id, "")
				return err
			}},
			{Name: "drop-factor", Title: "Remove the second factor", Apply: staffDropFactor},
			{Name: "send-confirmation", Title: "Send a mail to confirm the address", Offered: unconfirmed, Apply: sendConfirmation},
			{Name: "send-reset", Title: "Send a reset mail", Offered: func(r Record) bool { return r["disabled_at"] == "" }, Apply: sendReset},
		},
	}
}

// cleanField judges one member of a profile as the user's own page does.
func cleanField(as func(string) ProfileUpdate) func(string) (string, error) {
	return func(value string) (string, error) {
		p, err := as(value).clean()
		for _, member := range []*string{p.DisplayName, p.AvatarURL, p.Bio} {
			if member != nil {
				return *member, err
			}
		}
		return "", err
	}
}

// userChanged keeps staff from locking themselves out, and lets a user whose
// rights changed log in anew.
func userChanged(ctx context.Context, tx Tx, actor User, before, after Record) error {
	if before == nil {
		return invite(ctx, tx, after)
	}
	if before["id"] == actor.ID && (after == nil || after["role"] != before["role"] || after["disabled_at"] != "") {
		return &Error{Code: CodeConflict, Message: "You cannot take your own account away from yourself."}
	}
	if after == nil || before["role"] == after["role"] {
		return nil
	}
	if before["role"] != "" && after["role"] != "" {
		// Open sessions have the new role at their next request, and no proof.
		return tx.DoubtSessions(ctx, before["id"])
	}
	user, err := tx.User(ctx, before["id"])
	if err != nil {
		return err
	}
	if err := dropPrepared(ctx, tx, user); err != nil {
		return err
	}
	return cutOff(ctx, tx, user.ID)
}

// invite sends a new member of staff the mail with which they choose a password.
func invite(ctx context.Context, tx QueueTx, user Record) error {
	if user["role"] == "" {
		return nil
	}
	return enqueueLetter(ctx, tx, LetterReset, user["email"])
}

func roleNames() []string {
	var names []string
	for _, r := range StaffRoles() {
		names = append(names, string(r))
	}
	return names
}

func setRole(ctx context.Context, tx Tx, id, value string) error {
	return tx.SetRole(ctx, id, StaffRole(value))
}

// dropPrepared takes the ways in away that somebody else may have left with an
// address that was never proven: the identities, the passkeys and the password.
func dropPrepared(ctx context.Context, tx interface {
	UserTx
	IdentityTx
	PasskeyTx
}, user User) error {
	if !user.EmailVerifiedAt.IsZero() {
		return nil
	}
	if err := dropUnproven(ctx, tx, user); err != nil {
		return err
	}
	user.PasswordHash = ""
	_, err := tx.SaveUser(ctx, user)
	return err
}

func disableUser(ctx context.Context, tx Tx, id string) error {
	user, err := tx.User(ctx, id)
	if err != nil {
		return err
	}
	user.DisabledAt = time.Now()
	if _, err := tx.SaveUser(ctx, user); err != nil {
		return err
	}
	return cutOff(ctx, tx, id)
}

func enableUser(ctx context.Context, tx Tx, id string) error {
	user, err := tx.User(ctx, id)
	if err != nil {
		return err
	}
	user.DisabledAt = time.Time{}
	_, err = tx.SaveUser(ctx, user)
	return err
}

// staffDropFactor is the way back for a user who has lost the factors and the
// codes: app and passkeys go. A member of staff, who has a factor, makes sure of who asks. All
// sessions end, and the user is told.
func staffDropFactor(ctx context.Context, tx Tx, id string) error {
	user, err := tx.User(ctx, id)
	if err != nil {
		return err
	}
	if !user.SecondFactor {
		return errNoFactor
	}
	if _, err := tx.DropPasskeys(ctx, id); err != nil {
		return err
	}
	if _, err := tx.DropFactor(ctx, id); err != nil {
		return err
	}
	if err := enqueueLetter(ctx, tx, LetterFactorOff, user.Email); err != nil {
		return err
	}
	return cutOff(ctx, tx, id)
}

func sendReset(ctx context.Context, tx Tx, id string) error {
	user, err := tx.User(ctx, id)
	if err != nil {
		return err
	}
	return enqueueLetter(ctx, tx, LetterReset, user.Email)
}

func unconfirmed(r Record) bool { return r["email_verified_at"] == "" && r["disabled_at"] == "" }

func sendConfirmation(ctx context.Context, tx Tx, id string) error {
	user, err := tx.User(ctx, id)
	if err != nil {
		return err
	}
	return enqueueLetter(ctx, tx, LetterVerify, user.Email)
}

func identityModel() Model {
	return Model{
		Name: "identities", Title: "Identities", Singular: "identity", Table: "identities", Key: "id", Sort: "created_at", Desc: true, Deletes: true, Owner: "user_id", Dated: "created_at",
		Fields: []ModelField{
			{Name: "issuer", Title: "Provider", List: true, Search: SearchWhole},
			{Name: "subject", Personal: true, Title: "Subject", List: true, Search: SearchWhole},
			{Name: "email", Personal: true, Title: "E-mail there", List: true, Search: SearchWhole},
			{Name: "user_id", Title: "User", Type: FieldUUID, List: true, Filter: true, Ref: "users"},
			{Name: "created_at", Title: "Linked", Type: FieldTime, List: true, Sorts: true},
			{Name: "last_login_at", Title: "Last login", Type: FieldTime, List: true, Filter: true, Sorts: true, Null: true},
			{Name: "id", Title: "ID", Type: FieldUUID, Search: SearchWhole},
		},
	}
}

func sessionModel() Model {
	return Model{
		Name: "sessions", Title: "Sessions", Singular: "session", Table: "sessions", Key: "id", Sort: "seen_at", Desc: true, Deletes: true, Owner: "user_id", Dated: "seen_at",
		Fields: []ModelField{
			{Name: "user_id", Title: "User", Type: FieldUUID, List: true, Filter: true, Search: SearchWhole, Ref: "users"},
			{Name: "kind", Title: "Kind", List: true, Filter: true, Choices: []string{string(SessionSite), string(SessionStaff)}},
			{Name: "ip", Personal: true, Title: "Address", List: true, Search: SearchWhole},
			{Name: "user_agent", Personal: true, Title: "Browser", List: true},
			{Name: "created_at", Title: "Started", Type: FieldTime, List: true, Sorts: true},
			{Name: "seen_at", Title: "Last used", Type: FieldTime, List: true, Sorts: true},
			{Name: "expires_at", Title: "Ends", Type: FieldTime, List: true, Sorts: true},
			{Name: "id", Title: "ID", Type: FieldUUID, Search: SearchWhole},
		},
	}
}

func auditModel() Model {
	return Model{
		Name: "audit", Title: "Audit events", Singular: "event", Table: "audit_events", Key: "id", Sort: "id", Desc: true, Dated: "at",
		Fields: []ModelField{
			{Name: "at", Title: "When", Type: FieldTime, List: true, Sorts: true},
			{Name: "actor_id", Title: "Who", Type: FieldUUID, List: true, Filter: true, Search: SearchWhole, Ref: "users"},
			{Name: "action", Title: "What", List: true, Search: SearchWhole, Filter: true},
			{Name: "subject_kind", Title: "To what", List: true, Filter: true},
			{Name: "subject_id", Title: "Which", List: true, Search: SearchWhole, Filter: true, RefBy: "subject_kind"},
			{Name: "result", Title: "Result", List: true, Filter: true, Choices: []string{string(AuditOK), string(AuditRefused)}},
			{Name: "ip", Title: "From", List: true, Search: SearchWhole},
			{Name: "user_agent", Title: "Browser"},
			{Name: "request_id", Title: "Request", Search: SearchWhole},
			{Name: "detail", Title: "Detail", Type: FieldJSON},
			{Name: "id", Title: "ID", Type: FieldInt, Sorts: true},
		},
	}
}

func jobModel() Model {
	return Model{
		Name: "jobs", Title: "Jobs", Singular: "job", Table: "river_job", Key: "id", Sort: "id", Desc: true, Dated: "created_at",
		Fields: []ModelField{
			{Name: "id", Title: "ID", Type: FieldInt, List: true, Search: SearchWhole, Sorts: true},
			{Name: "kind", Title: "Kind", List: true, Search: SearchWhole, Filter: true},
			{Name: "state", Title: "State", List: true, Filter: true, Choices: []string{"available", "cancelled", "completed", "discarded", "pending", "retryable", "running", "scheduled"}},
			{Name: "queue", Title: "Queue", List: true, Filter: true},
			{Name: "attempt", Title: "Tries", Type: FieldInt, List: true},
			{Name: "max_attempts", Title: "At most", Type: FieldInt},
			{Name: "created_at", Title: "Made", Type: FieldTime, List: true, Sorts: true},
			{Name: "scheduled_at", Title: "Due", Type: FieldTime},
			{Name: "finalized_at", Title: "Ended", Type: FieldTime, List: true},
			{Name: "args", Title: "Arguments", Type: FieldJSON},
			{Name: "metadata", Title: "Metadata", Type: FieldJSON},
		},
		Actions: []Action{
			{Name: "retry", Title: "Run again", Offered: func(r Record) bool { return r["state"] != "running" && r["state"] != "available" },
				Apply: func(ctx context.Context, tx Tx, id string) error { return tx.RetryJob(ctx, id) }},
			{Name: "cancel", Title: "Cancel", Offered: func(r Record) bool { return r["finalized_at"] == "" },
				Apply: func(ctx context.Context, tx Tx, id string) error { return tx.CancelJob(ctx, id) }},
		},
	}
}
