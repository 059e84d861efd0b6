package backup

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// inside are the tables of a database, with their columns.
type inside struct {
	tables    []mysqlTable
	sequences []Sequence
	bytes     int64
	// unsafe are the tables that no snapshot covers.
	unsafe []string
}

type mysqlTable struct {
	name    string
	columns []string
}

// hashing sets what decides how values look as text.
const hashing = `SET SESSION time_zone = '+00:00'; SET SESSION sql_mode = ''; SET SESSION group_concat_max_len = 1048576; SET SESSION wait_timeout = 10800;
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY;`

// The lists of tables and columns, with names that no client garbles.
const (
	mysqlTables = `SELECT HEX(TABLE_NAME), TABLE_TYPE, COALESCE(ENGINE, '-'), COALESCE(AUTO_INCREMENT, 0), COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0)
 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE <> 'VIEW' ORDER BY TABLE_NAME;`
	mysqlColumns = `SELECT HEX(TABLE_NAME), HEX(COLUMN_NAME) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME, ORDINAL_POSITION;`
)

// look0 begins a snapshot and lists what is in it.
func (db mysql) look0(t *transaction) (in inside, err error) {
	// MySQL 8 remembers how far a table's numbers have come for a day.
	if _, err := t.ask("/*!80000 SET SESSION information_schema_stats_expiry = 0 */;\n" + hashing); err != nil {
		return in, err
	}
	lines, err := t.ask(mysqlTables)
	if err != nil {
		return in, err
	}
	at := map[string]int{}
	for _, line := range lines {
		f := strings.Split(line, "\t")
		if len(f) != 5 {
			return in, errors.New("the client did not print a table")
		}
		name, err := unhex(f[0])
		if err != nil {
			return in, err
		}
		next, _ := strconv.ParseInt(f[3], 10, 64)
		size, _ := strconv.ParseInt(f[4], 10, 64)
		in.bytes += size
		if f[1] == "SEQUENCE" {
			continue // the dump carries it; what it gives is not counted
		}
		if next > 0 {
			in.sequences = append(in.sequences, Sequence{Name: name, At: next})
		}
		if f[2] != "InnoDB" {
			in.unsafe = append(in.unsafe, name+" ("+f[2]+")")
		}
		at[f[0]] = len(in.tables)
		in.tables = append(in.tables, mysqlTable{name: name})
	}
	return in, in.readColumns(t, at)
}

func (in inside) readColumns(t *transaction, at map[string]int) error {
	lines, err := t.ask(mysqlColumns)
	if err != nil {
		return err
	}
	for _, line := range lines {
		table, column, _ := strings.Cut(line, "\t")
		name, err := unhex(column)
		if err != nil {
			return err
		}
		if i, ok := at[table]; ok {
			in.tables[i].columns = append(in.tables[i].columns, name)
		}
	}
	return nil
}

func unhex(s string) (string, error) {
	raw, err := hex.DecodeString(s)
	if err != nil {
		err = errors.New("the client did not print a name")
	}
	return string(raw), err
}

// count counts and hashes the rows of every table, in the snapshot that was begun.
func (in inside) count(t *transaction) (Contents, error) {
	c := Contents{Bytes: in.bytes, Sequences: in.sequences}
	for _, table := range in.tables {
		lines, err := t.ask(table.query())
		if err != nil {
			return c, err
		}
		f := strings.Split(strings.Join(lines, ""), "\t")
		rows, bad := strconv.ParseInt(f[0], 10, 64)
		if len(lines) != 1 || len(f) != 2 || bad != nil || f[1] == "" {
			return c, fmt.Errorf("the client did not count table %s", table.name)
		}
		c.Tables = append(c.Tables, Table{Name: table.name, Rows: rows, Hash: f[1]})
	}
	return c, nil
}

// query counts the rows and sums their hashes, which no order of rows changes.
// Each value is hashed by itself: a row may be longer than what the server lets
// one value be.
func (t mysqlTable) query() string {
	var values []string
	for _, c := range t.columns {
		values = append(values, "COALESCE(SHA2("+quoted(c)+", 256), '-')")
	}
	return fmt.Sprintf(`SELECT COUNT(*), LEFT(SHA2(CONCAT_WS(':', COUNT(*), COALESCE(SUM(CAST(CONV(LEFT(h, 15), 16, 10) AS UNSIGNED)), 0), COALESCE(SUM(CAST(CONV(SUBSTR(h, 16, 15), 16, 10) AS UNSIGNED)), 0)), 256), 32)
 FROM (SELECT SHA2(CONCAT(%s), 256) AS h FROM %s) AS stackctl_rows;`, strings.Join(values, ", "), quoted(t.name))
}
