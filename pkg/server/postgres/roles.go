package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jmoiron/sqlx"
)

// rolesLock is the advisory lock under which the roles are made.
const rolesLock = 0x726f6c65

// Roles makes the database roles of the services as this release needs them, with
// passwords by role (see CheckRoles), and returns what it changed. All of it is one
// transaction; what is right already is left alone. Without passwords the roles
// have their rights, and who may log in stays as it is. In a database of a newer
// release nothing is taken away: that one may be at work.
func (m *Migrations) Roles(ctx context.Context, passwords map[string]string) ([]string, error) {
	if err := CheckRoles(passwords); err != nil {
		return nil, err
	}
	var done []string
	err := func() error {
		tx, err := m.db.SQL.BeginTxx(ctx, nil)
		if err != nil {
			return coded(err)
		}
		defer func() { _ = tx.Rollback() }()
		a := administrator{tx: tx, head: m.Head()}
		if err := a.all(ctx, passwords); err != nil {
			return err
		}
		done = a.done
		return coded(tx.Commit())
	}()
	if err != nil {
		return nil, fmt.Errorf("make the database roles: %w; nothing of it was changed", err)
	}
	return done, nil
}

// administrator changes roles in one transaction, and notes what it changed.
type administrator struct {
	tx *sqlx.Tx
	// head is the newest migration of this release.
	head int64
	// database is the quoted name of the database.
	database string
	done     []string
}

// all does everything that the roles need.
func (a *administrator) all(ctx context.Context, passwords map[string]string) error {
	if _, err := a.tx.ExecContext(ctx, `SET LOCAL search_path = public; SELECT pg_advisory_xact_lock(`+fmt.Sprint(rolesLock)+`)`); err != nil {
		return coded(err)
	}
	var owner string
	if err := a.tx.QueryRowxContext(ctx, `SELECT current_user, quote_ident(current_database())`).Scan(&owner, &a.database); err != nil {
		return coded(err)
	}
	if slices.Contains(roleNames(), owner) {
		return fmt.Errorf("%s migrates, which is the name of a service's role: the owner of the database (POSTGRES_USER) needs another", owner)
	}
	for _, role := range roleNames() {
		if err := a.role(ctx, role); err != nil {
			return err
		}
		if err := a.login(ctx, role, passwords[role]); err != nil {
			return err
		}
	}
	if err := a.close(ctx); err != nil {
		return err
	}
	return a.grants(ctx)
}

// do executes a statement that changes something. note is the statement as it may
// be told; empty: as it is.
func (a *administrator) do(ctx context.Context, statement, note string) error {
	if note == "" {
		note = statement
	}
	if _, err := a.tx.ExecContext(ctx, statement); err != nil {
		var server *pgconn.PgError
		if errors.As(err, &server) && server.Code == "42501" {
			return fmt.Errorf("%s: %s; the user that migrates must be the owner of the database and may make roles (CREATEROLE)", note, server.Message)
		}
		// The message alone: its other parts can hold the statement.
		if errors.As(err, &server) {
			return fmt.Errorf("%s: %s", note, server.Message)
		}
		return fmt.Errorf("%s: %w", note, coded(err))
	}
	a.done = append(a.done, note)
	return nil
}

// close takes from everybody what nobody needs: objects in the schema public, and
// temporary tables.
func (a *administrator) close(ctx context.Context) error {
	var open struct {
		Create bool `db:"makes"`
		Temp   bool `db:"temp"`
	}
	if err := a.tx.GetContext(ctx, &open, `SELECT
		EXISTS (SELECT FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) WHERE nspname = 'public' AND grantee = 0 AND privilege_type = 'CREATE') AS makes,
		EXISTS (SELECT FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE datname = current_database() AND grantee = 0 AND privilege_type = 'TEMPORARY') AS temp`); err != nil {
		return coded(err)
	}
	if open.Create {
		if err := a.do(ctx, "REVOKE CREATE ON SCHEMA public FROM PUBLIC", ""); err != nil {
			return err
		}
	}
	if open.Temp {
		return a.do(ctx, "REVOKE TEMPORARY ON DATABASE "+a.database+" FROM PUBLIC", "")
	}
	return nil
}

// grants makes the rights of the roles those that are wanted.
func (a *administrator) grants(ctx context.Context) error {
	var are []right
	if err := a.tx.SelectContext(ctx, &are, heldQuery, strings.Join(roleNames(), ",")); err != nil {
		return coded(err)
	}
	var newer bool
	if err := a.tx.GetContext(ctx, &newer, `SELECT EXISTS (SELECT FROM goose_db_version WHERE is_applied AND version_id > $1)`, a.head); err != nil {
		return coded(err)
	}
	want := wanted(serviceRoles())
	if newer {
		for _, r := range are {
			want[r] = true
		}
	}
	for _, statement := range adjust(want, are) {
		if err := a.do(ctx, statement, ""); err != nil {
			return err
		}
	}
	return nil
}

// heldQuery lists the rights of roles in the schema public, on it and on the database.
// That they may connect and find the schema is everybody's right.
const heldQuery = `WITH roles AS (SELECT oid, rolname FROM pg_roles WHERE rolname = ANY(string_to_array($1, ','))), held AS (
	SELECT g.grantee, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, c.relname::text AS object, g.privilege_type, '' AS "column", g.is_grantable
	FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) g WHERE c.relnamespace = 'public'::regnamespace
	UNION ALL SELECT g.grantee, 'TABLE', c.relname, g.privilege_type, a.attname, g.is_grantable
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid CROSS JOIN LATERAL aclexplode(a.attacl) g WHERE c.relnamespace = 'public'::regnamespace
	UNION ALL SELECT g.grantee, 'FUNCTION', p.oid::regprocedure::text, g.privilege_type, '', g.is_grantable
	FROM pg_proc p CROSS JOIN LATERAL aclexplode(p.proacl) g WHERE p.pronamespace = 'public'::regnamespace
	UNION ALL SELECT g.grantee, 'SCHEMA', n.nspname, g.privilege_type, '', g.is_grantable
	FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) g WHERE n.nspname = 'public' AND g.privilege_type <> 'USAGE'
	UNION ALL SELECT g.grantee, 'DATABASE', d.datname, g.privilege_type, '', g.is_grantable
	FROM pg_database d CROSS JOIN LATERAL aclexplode(d.datacl) g WHERE d.datname = current_database() AND g.privilege_type <> 'CONNECT')
SELECT roles.rolname AS role, kind, object, privilege_type AS privilege, "column", is_grantable AS passes_on FROM held JOIN roles ON roles.oid = held.grantee`
