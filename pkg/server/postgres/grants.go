package postgres

import (
	"fmt"
	"slices"
	"strings"
)

// A serviceRole is the database role of one service, with what it needs and no more.
type serviceRole struct {
	name   string
	grants []grant
}

// A grant lets a role do something with an object of the schema public.
type grant struct {
	// kind is TABLE, SEQUENCE or FUNCTION.
	kind, object string
	privileges   []string
	// columns bounds the privileges to these; none: they are for the whole object.
	columns []string
}

func table(name string, privileges ...string) grant {
	return grant{kind: "TABLE", object: name, privileges: privileges}
}

func columns(name, privilege string, columns ...string) grant {
	return grant{kind: "TABLE", object: name, privileges: []string{privilege}, columns: columns}
}

func sequence(name string) grant {
	return grant{kind: "SEQUENCE", object: name, privileges: []string{"USAGE"}}
}

func function(signature string) grant {
	return grant{kind: "FUNCTION", object: signature, privileges: []string{"EXECUTE"}}
}

// enqueues is what adding a job takes: the queue's insert names a conflict, which
// wants the right to read the table and to change one column.
func enqueues(more ...grant) []grant {
	return append([]grant{table("river_job", "SELECT", "INSERT"), columns("river_job", "UPDATE", "kind"), sequence("river_job_id_seq")}, more...)
}

// serviceRoles are the roles of the services. Rows are locked where they are removed
// in parts (FOR UPDATE), which wants the right to change a column: it is one that
// decides nothing.
func serviceRoles() []serviceRole {
	all := []string{"SELECT", "INSERT", "UPDATE", "DELETE"}
	accounts := []grant{
		table("users", all...), table("sessions", all...), table("identities", all...), table("mail_tokens", "SELECT", "DELETE"),
		table("factors", all...), table("recovery_codes", "SELECT", "INSERT", "DELETE"), table("pending_logins", "SELECT", "INSERT", "DELETE"),
		table("river_job", "DELETE"), // mails to a user who is deleted
		table("goose_db_version", "SELECT"),
	}
	return []serviceRole{
		{"app_api", enqueues(append(slices.Clone(accounts), table("passkeys", all...), table("audit_events", "INSERT"))...)},
		{"app_admin", enqueues(append(slices.Clone(accounts), table("passkeys", "SELECT", "DELETE"), table("audit_events", "SELECT", "INSERT"), table("river_job", "UPDATE"))...)},
		{"app_worker", enqueues(
			table("river_job", "UPDATE", "DELETE"), table("river_queue", all...), table("river_leader", all...),
			table("river_notification", all...), sequence("river_notification_id_seq"), table("river_migration", "SELECT"),
			table("schedules", "SELECT"),
			columns("users", "SELECT", "id", "email", "email_verified_at", "display_name", "language", "disabled_at"), columns("users", "UPDATE", "asked_at"),
			columns("sessions", "SELECT", "ctid", "kind", "expires_at", "seen_at"), columns("sessions", "UPDATE", "user_agent"), table("sessions", "DELETE"),
			table("mail_tokens", "INSERT", "DELETE"), columns("mail_tokens", "SELECT", "ctid", "expires_at"), columns("mail_tokens", "UPDATE", "created_at"),
			columns("pending_logins", "SELECT", "ctid", "expires_at"), columns("pending_logins", "UPDATE", "kind"), table("pending_logins", "DELETE"),
			table("mailboxes", all...),
			function("sweep_audit_events(timestamp with time zone,integer)"), function("sweep_unproven_users(timestamp with time zone,integer)"),
			function("sweep_users(timestamp with time zone,integer)"), // of the release before this one, which a rollback brings back
		)},
		{"app_scheduler", enqueues(table("schedules", "SELECT", "INSERT", "UPDATE"))},
		{"app_jobs_ui", []grant{
			table("river_job", "SELECT", "UPDATE", "DELETE"), table("river_queue", "SELECT", "UPDATE"), table("river_leader", "SELECT"),
			table("river_migration", "SELECT"), table("audit_events", "INSERT"),
		}},
	}
}

// A right is one privilege of one role on one object, or on one column of it.
type right struct {
	Role      string `db:"role"`
	Kind      string `db:"kind"`
	Object    string `db:"object"`
	Privilege string `db:"privilege"`
	Column    string `db:"column"`
	// PassesOn reports whether the role may grant it to others.
	PassesOn bool `db:"passes_on"`
}

// statement grants or revokes the right.
func (r right) statement(format string) string {
	what := r.Privilege
	if r.Column != "" {
		what += " (" + name(r.Column) + ")"
	}
	object := name(r.Object)
	if r.Kind == "FUNCTION" {
		object = r.Object // a signature, as the catalog or this file has it
	}
	return fmt.Sprintf(format, what, r.Kind, object, name(r.Role))
}

// wanted are the rights of the roles.
func wanted(roles []serviceRole) map[right]bool {
	rights := map[right]bool{}
	for _, role := range roles {
		for _, g := range role.grants {
			for _, p := range g.privileges {
				for _, c := range append(g.columns[:len(g.columns):len(g.columns)], make([]string, 1-min(1, len(g.columns)))...) {
					rights[right{Role: role.name, Kind: g.kind, Object: g.object, Privilege: p, Column: c}] = true
				}
			}
		}
	}
	return rights
}

// adjust returns the statements that make the rights that are into those that are
// wanted: first what is taken away, then what is given.
func adjust(want map[right]bool, are []right) []string {
	var revokes, grants []string
	held := map[right]bool{}
	for _, r := range are {
		if want[r] {
			held[r] = true
		} else {
			revokes = append(revokes, r.statement("REVOKE %s ON %s %s FROM %s CASCADE"))
		}
	}
	for r := range want {
		if !held[r] {
			grants = append(grants, r.statement("GRANT %s ON %s %s TO %s"))
		}
	}
	slices.Sort(revokes)
	slices.Sort(grants)
	return append(revokes, grants...)
}

// roleNames are the names of the roles.
func roleNames() []string {
	var names []string
	for _, r := range serviceRoles() {
		names = append(names, r.name)
	}
	return names
}

// CheckRoles judges whether passwords, by role, are for the roles that there are:
// for all of them, or for none.
func CheckRoles(passwords map[string]string) error {
	if len(passwords) == 0 {
		return nil
	}
	names := roleNames()
	for role := range passwords {
		if !slices.Contains(names, role) {
			return fmt.Errorf("there is no database role %q; the roles are %s", role, strings.Join(names, ", "))
		}
	}
	for _, role := range names {
		if passwords[role] == "" {
			return fmt.Errorf("database role %s has no password file; name one for each of %s, or none at all", role, strings.Join(names, ", "))
		}
		if _, err := scramVerifier(passwords[role]); err != nil {
			return fmt.Errorf("database role %s: %w", role, err)
		}
	}
	return nil
}
