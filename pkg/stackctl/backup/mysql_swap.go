package backup

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// A database of MySQL cannot be renamed, its tables can: all of them, in one
// statement, from one database to another. What refers to tables by the
// database that it is in (triggers, views, routines, events) is dropped before
// and made anew after. It is kept, as the statements that make it, in a table of
// the former database.
const keptTable = "stackctl_definitions"

// definitions are the statements that make what of a database is no table.
func (db mysql) definitions(ctx context.Context, name string) (string, error) {
	out := &head{limit: 32 << 20}
	if err := db.run(ctx, out, db.dumper("--skip-comments", "--no-create-info", "--no-data", "--routines", "--triggers", "--add-drop-trigger", "--events", "--", name)); err != nil {
		return "", err
	}
	views, err := db.names(ctx, name, "SELECT HEX(TABLE_NAME) FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE();")
	if err == nil && len(views) > 0 {
		err = db.run(ctx, out, db.dumper(append([]string{"--skip-comments", "--no-data", "--skip-triggers", "--", name}, views...)...))
	}
	if err == nil && out.over {
		err = errors.New("its views, triggers, routines and events are more than can be held")
	}
	return string(out.kept), err
}

// names runs a query that prints names in hexadecimal.
func (db mysql) names(ctx context.Context, name, query string) ([]string, error) {
	out, err := db.script(ctx, name, query)
	var list []string
	for _, word := range strings.Fields(out) {
		text, bad := unhex(word)
		if err == nil {
			err = bad
		}
		list = append(list, text)
	}
	return list, err
}

// bare are the statements that drop what of a database is no table.
func (db mysql) bare(ctx context.Context, name string) (string, error) {
	var b strings.Builder
	for kind, query := range map[string]string{
		"TRIGGER":   triggersInHex,
		"EVENT":     "SELECT HEX(EVENT_NAME) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE();",
		"VIEW":      "SELECT HEX(TABLE_NAME) FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE();",
		"PROCEDURE": "SELECT HEX(ROUTINE_NAME) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_TYPE = 'PROCEDURE';",
		"FUNCTION":  "SELECT HEX(ROUTINE_NAME) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_TYPE = 'FUNCTION';",
	} {
		list, err := db.names(ctx, name, query)
		if err != nil {
			return "", err
		}
		for _, n := range list {
			fmt.Fprintf(&b, "DROP %s %s.%s;\n", kind, quoted(name), quoted(n))
		}
	}
	return b.String(), nil
}

const triggersInHex = "SELECT HEX(TRIGGER_NAME) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE();"

// tablesInHex are the tables, without the one that is made here.
const tablesInHex = "SELECT HEX(TABLE_NAME) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE <> 'VIEW' AND TABLE_NAME <> '" + keptTable + "';"

// moveTo stands between the two names of a move: no name holds a line break.
const moveTo = "\nTO "

// moved names the tables of one database and where they go.
func (db mysql) moved(ctx context.Context, from, to string) ([]string, error) {
	list, err := db.names(ctx, from, tablesInHex)
	for i, t := range list {
		list[i] = fmt.Sprintf("%s.%s%s%s.%s", quoted(from), quoted(t), moveTo, quoted(to), quoted(t))
	}
	return list, err
}

// tries is how often the switch is begun: a connection that holds a table is
// ended before each.
const tries = 5

// swap lets a scratch's tables take the live ones' place; those go to former.
func (db mysql) swap(ctx context.Context, scratch, former string) error {
	next, err := db.definitions(ctx, scratch)
	if err == nil {
		err = db.exchange(ctx, scratch, former, next)
	}
	if err == nil {
		_, err = db.script(ctx, "", "DROP DATABASE IF EXISTS "+quoted(scratch)+";")
	}
	return fault("switch database "+db.name+" to the restored one", err, "run the same command again")
}

// back brings the tables of a former database back.
func (db mysql) back(ctx context.Context, former string) error {
	bad := scratchPrefix + random()
	next, err := db.script(ctx, former, "SELECT HEX(statements) FROM "+quoted(keptTable)+";")
	if err == nil {
		next, err = unhex(strings.TrimSpace(next))
	}
	if err == nil {
		err = db.exchange(ctx, former, bad, next)
	}
	if err != nil {
		return fault("bring database "+former+" back", err, "its tables are there: run the same command again")
	}
	return errors.Join(db.drop(ctx, bad), db.dropEmpty(ctx, former))
}

// swapShell runs a first script and, where that fails, a second one that undoes
// as much of it as was done. It has read both before it begins, so that a
// connection that is cut leaves no half. A line stands between and after them.
const swapShell = `all=$(cat; printf x); all=${all%x}; first=${all%%"$MARK"*}; rest=${all#*"$MARK"}; second=${rest%%"$MARK"*}; [ "$rest" != "$second" ] || { echo "the statements came in part" >&2; exit 9; }
printf '%s' "$first" | "$@" && exit 0; printf '%s' "$second" | "$@" --force 2>/dev/null; exit 1`

// exchange lets the tables of next take the place of the live ones, which move
// to former. definitions are what belongs to next beside its tables.
func (db mysql) exchange(ctx context.Context, next, former, definitions string) error {
	// Once it began, an interruption must not leave half of it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*swapPatience)
	defer cancel()
	live, err := db.definitions(ctx, db.name)
	if err != nil {
		return err
	}
	away, err := db.moved(ctx, db.name, former)
	here, bad := db.moved(ctx, next, db.name)
	if err = errors.Join(err, bad); err != nil {
		return err
	}
	drops, err := db.bare(ctx, db.name)
	more, bad := db.bare(ctx, next)
	if err = errors.Join(err, bad, db.create(ctx, former)); err != nil {
		return err
	}
	if _, err := db.script(ctx, former, "CREATE TABLE "+quoted(keptTable)+" (statements LONGBLOB NOT NULL);\nINSERT INTO "+quoted(keptTable)+" VALUES (0x"+hexOf(live)+");"); err != nil {
		return err
	}
	triggers, err := db.names(ctx, next, triggersInHex)
	if err != nil {
		return err
	}
	first := waiting + drops + more + "RENAME TABLE " + strings.Join(append(away, here...), ", ") + ";\nUSE " + quoted(db.name) + ";\n" + definitions
	second := waiting + db.undo(triggers, away, here) + "USE " + quoted(db.name) + ";\n" + live
	for range tries {
		if err = db.evict(ctx); err != nil {
			return err
		}
		if err = db.both(ctx, first, second); err == nil || !strings.Contains(err.Error(), "ock wait timeout") {
			break
		}
	}
	if err != nil {
		return errors.Join(err, db.dropEmpty(ctx, former))
	}
	return nil
}

// waiting bounds how long a statement waits for a table.
const waiting = "SET SESSION lock_wait_timeout = 5;\n"

// undo are the statements that take a rename back. Where it was not made they
// fail, and nothing comes of them. A table with triggers cannot be moved.
func (db mysql) undo(triggers, away, here []string) string {
	var b strings.Builder
	for _, t := range triggers {
		fmt.Fprintf(&b, "DROP TRIGGER IF EXISTS %s.%s;\n", quoted(db.name), quoted(t))
	}
	var back []string
	for _, list := range [][]string{here, away} {
		for _, move := range list {
			from, to, _ := strings.Cut(move, moveTo)
			back = append(back, to+moveTo+from)
		}
	}
	fmt.Fprintf(&b, "RENAME TABLE %s;\n", strings.Join(back, ", "))
	return b.String()
}

// dropEmpty drops a database that holds no table but ours. One that holds more
// may be all that is left of what was live.
func (db mysql) dropEmpty(ctx context.Context, name string) error {
	left, err := db.names(ctx, name, tablesInHex)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%d tables are in it", len(left))
	}
	if err != nil {
		return fault("drop database "+name, err, "move its tables back by hand (RENAME TABLE), they may be the live ones")
	}
	return db.drop(ctx, name)
}

func hexOf(s string) string {
	if s == "" {
		return "00"
	}
	return fmt.Sprintf("%x", s)
}

// both runs a script, and another one where it fails.
func (db mysql) both(ctx context.Context, first, second string) error {
	mark := "-- stackctl " + random() + random()
	stderr := &head{limit: 4 << 10}
	argv := append([]string{"env", "MARK=" + mark, "sh", "-c", swapShell, "sh"}, db.client("--binary-mode")...)
	exit, err := db.Server.ExecStream(ctx, db.container, argv, strings.NewReader(first+"\n"+mark+"\n"+second+"\n"+mark+"\n"), &head{limit: 1 << 20}, stderr)
	if err == nil && exit != 0 {
		err = fmt.Errorf("exit code %d: %s", exit, stderr.line())
	}
	return err
}

// evict ends the connections that use the live database: one in a transaction
// keeps its tables from being moved.
func (db mysql) evict(ctx context.Context) error {
	out, err := db.script(ctx, "", "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = "+text(db.name)+" AND ID <> CONNECTION_ID();")
	for _, id := range strings.Fields(out) {
		_, _ = db.script(ctx, "", "KILL "+id+";") // it may have ended
	}
	return err
}
