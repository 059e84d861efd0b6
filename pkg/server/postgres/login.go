package postgres

import (
	"context"
	"database/sql"
)

// roleSettings are those of every role: names are looked up where nobody but the
// owner makes objects.
const roleSettings = "search_path=public, pg_temp"

// roleQuery finds what a role must not have, and its settings, those for this
// database among them.
const roleQuery = `SELECT concat_ws(' ', CASE WHEN rolsuper THEN 'NOSUPERUSER' END, CASE WHEN rolcreatedb THEN 'NOCREATEDB' END,
		CASE WHEN rolcreaterole THEN 'NOCREATEROLE' END, CASE WHEN rolreplication THEN 'NOREPLICATION' END, CASE WHEN rolbypassrls THEN 'NOBYPASSRLS' END) AS attributes,
	coalesce((SELECT string_agg(roleid::regrole::text, ', ') FROM pg_auth_members WHERE member = r.oid), '') AS groups,
	coalesce((SELECT string_agg(setting, '; ') FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS setting
		WHERE s.setrole = r.oid AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))), '') AS settings
FROM pg_roles r WHERE rolname = $1`

// role makes a role, or takes away what it must not have. Attributes are named only
// where they are wrong: to name some of them takes a superuser.
func (a *administrator) role(ctx context.Context, role string) error {
	var found []struct {
		Attributes string `db:"attributes"`
		Groups     string `db:"groups"`
		Settings   string `db:"settings"`
	}
	if err := a.tx.SelectContext(ctx, &found, roleQuery, role); err != nil {
		return coded(err)
	}
	role = name(role)
	settle := "ALTER ROLE " + role + " SET search_path = public, pg_temp"
	var statements []string
	if len(found) == 0 {
		statements = []string{"CREATE ROLE " + role, settle}
	}
	for _, is := range found {
		if is.Attributes != "" {
			statements = append(statements, "ALTER ROLE "+role+" "+is.Attributes)
		}
		if is.Groups != "" {
			statements = append(statements, "REVOKE "+is.Groups+" FROM "+role)
		}
		if is.Settings != roleSettings {
			statements = append(statements, "ALTER ROLE "+role+" RESET ALL", "ALTER ROLE "+role+" IN DATABASE "+a.database+" RESET ALL", settle)
		}
	}
	for _, s := range statements {
		if err := a.do(ctx, s, ""); err != nil {
			return err
		}
	}
	return nil
}

// login lets a role log in with a password; empty: that stays as it is. What is sent
// is a verifier, so no log of the server can hold the password. Where the present
// verifier can be read and fits, it stays.
func (a *administrator) login(ctx context.Context, role, password string) error {
	if password == "" {
		return nil
	}
	var may, readable bool
	if err := a.tx.QueryRowxContext(ctx, `SELECT rolcanlogin, has_table_privilege('pg_catalog.pg_authid', 'SELECT') FROM pg_roles WHERE rolname = $1`, role).
		Scan(&may, &readable); err != nil {
		return coded(err)
	}
	if may && readable {
		var is sql.NullString
		if err := a.tx.GetContext(ctx, &is, `SELECT rolpassword FROM pg_authid WHERE rolname = $1 AND (rolvaliduntil IS NULL OR rolvaliduntil = 'infinity')`, role); err == nil && scramFits(is.String, password) {
			return nil
		}
	}
	verifier, err := scramVerifier(password)
	if err != nil {
		return err
	}
	what := "ALTER ROLE " + name(role) + " LOGIN VALID UNTIL 'infinity' PASSWORD "
	return a.do(ctx, what+"'"+verifier+"'", what+"…")
}
