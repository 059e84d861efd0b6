package stores

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
)

// answered is what PostgreSQL says of itself.
type answered struct {
	Settings   map[string]string `json:"settings"`
	Overridden []string          `json:"overridden"`
	Supers     []string          `json:"supers"`
	Logins     []string          `json:"logins"`
	Trust      []string          `json:"trust"`
}

// said asks for the settings that decide durability (also those that a role or
// a database overrides), the superusers beside the first, who has OID 10, the
// roles that may log in, and the rules that let in without a password from
// elsewhere than the machine itself.
const said = `select json_build_object(
'settings', (select json_object_agg(name, setting) from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit')),
'overridden', (select coalesce(json_agg(c), '[]') from pg_db_role_setting, unnest(setconfig) c where c ~* '^synchronous_commit=(off|false|no|0)$'),
'supers', (select coalesce(json_agg(rolname order by rolname), '[]') from pg_roles where rolsuper and oid <> 10),
'logins', (select coalesce(json_agg(rolname order by rolname), '[]') from (select rolname from pg_roles where rolcanlogin order by oid limit 20) r),
'trust', (select coalesce(json_agg(concat_ws(' ', 'line ' || line_number || ':', type, array_to_string(database, ','), array_to_string(user_name, ','), address, netmask)), '[]')
  from pg_hba_file_rules where auth_method = 'trust' and type <> 'local'
  and not (coalesce(address, '') in ('127.0.0.1', '::1', 'localhost')))
)`

// psql signs in within the container, as the image's variables say. The
// statement is an argument of its own, so nothing in it is read by the shell.
const psql = `u=${POSTGRES_USER:-${POSTGRESQL_USERNAME:-}}; f=${POSTGRES_USER_FILE:-}; if [ -z "$u" ] && [ -n "$f" ]; then u=$(cat "$f"); fi
p=${POSTGRES_PASSWORD:-${POSTGRESQL_PASSWORD:-}}; f=${POSTGRES_PASSWORD_FILE:-${POSTGRESQL_PASSWORD_FILE:-}}; if [ -z "$p" ] && [ -n "$f" ] && [ -r "$f" ]; then p=$(cat "$f"); fi
export PGPASSWORD="$p"
exec psql -w -X -q -A -t -v ON_ERROR_STOP=1 -U "${u:-postgres}" -d "${POSTGRES_DB:-${POSTGRESQL_DATABASE:-${u:-postgres}}}" -c "$1"`

func askPostgres(ctx context.Context, s gate.Subject, l *look) error {
	out, err := s.Server.Exec(ctx, l.container.ID, "sh", "-c", psql, "sh", said)
	if err == nil && out.Exit != 0 {
		err = fmt.Errorf("exit %d: %s", out.Exit, stack.Short(strings.TrimSpace(string(out.Stderr)), 200))
	}
	var a answered
	if err == nil {
		err = json.Unmarshal(out.Stdout, &a)
	}
	if err != nil {
		return fmt.Errorf("ask %s what it says of itself, with psql in its container: %w", l.service.Name, err)
	}
	l.judge(a)
	for _, network := range l.networks() {
		for _, role := range a.Logins {
			l.answer.Inspected++
			open, err := unasked(ctx, s, l, network, role)
			if err != nil {
				return fmt.Errorf("sign in to %s on network %s: %w", l.service.Name, network, err)
			}
			if open {
				l.tell(passwordRule, "it lets the role "+role+" in without a password", "a password for everyone on network "+network, "signed in without one")
				break // one is enough to know
			}
		}
	}
	return nil
}

// judge judges what PostgreSQL says.
func (l *look) judge(a answered) {
	l.answer.Inspected += len(a.Settings) + len(a.Logins)
	for _, name := range []string{"fsync", "full_page_writes"} {
		if a.Settings[name] == "off" {
			l.tell(durabilityRule, "the whole database may be lost when the server loses power", name+" = on", name+" = off")
		}
	}
	if a.Settings["synchronous_commit"] == "off" {
		l.tell(commitRule, "what it has confirmed may be lost when the server loses power", "synchronous_commit = on", "synchronous_commit = off")
	}
	if len(a.Overridden) > 0 {
		slices.Sort(a.Overridden)
		l.tell(commitRule, "what it has confirmed to a role or in a database may be lost", "synchronous_commit = on for everyone", strings.Join(slices.Compact(a.Overridden), ", "))
	}
	if len(a.Supers) > 0 {
		l.tell(superuserRule, "a further role is a superuser", "the first one only", strings.Join(a.Supers, ", "))
	}
	if len(a.Trust) > 0 {
		l.tell(passwordRule, "its rules let in without a password", "scram-sha-256 in pg_hba.conf", strings.Join(a.Trust, "; "))
	}
}

// unasked reports whether a role is let in at once (AuthenticationOk as the
// first answer; PostgreSQL 55.2.1).
func unasked(ctx context.Context, s gate.Subject, l *look, network, role string) (bool, error) {
	conn, err := l.dial(ctx, s, network)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	return startup(conn, role)
}

func startup(conn net.Conn, role string) (bool, error) {
	body := "user\x00" + role + "\x00database\x00postgres\x00application_name\x00stackctl\x00\x00"
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(len(body)+8)), 3<<16) //nolint:gosec // some dozen bytes
	if _, err := conn.Write(append(head, body...)); err != nil {
		return false, err
	}
	var reply [9]byte
	if _, err := io.ReadFull(conn, reply[:1]); err != nil {
		return false, err
	}
	if reply[0] != 'R' {
		return false, nil // an error: it is refused
	}
	if _, err := io.ReadFull(conn, reply[1:]); err != nil {
		return false, err
	}
	_, _ = conn.Write([]byte{'X', 0, 0, 0, 4}) // goodbye
	return binary.BigEndian.Uint32(reply[5:]) == 0, nil
}
