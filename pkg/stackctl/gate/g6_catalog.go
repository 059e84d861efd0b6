package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// schemaCatalog is the database's own word about its objects. It is looked at
// beside the release's check, which could be wrong about both sides at once.
type schemaCatalog struct {
	Columns     []schemaColumn `json:"columns"`
	Constraints int            `json:"constraints"`
	Indexes     int            `json:"indexes"`
}

// schemaColumn is one column of a table.
type schemaColumn struct {
	Table   string `json:"t"`
	Name    string `json:"c"`
	Type    string `json:"y"`
	NotNull bool   `json:"n"`
	// Filled says that a row may leave the column out: it has a default, or
	// is an identity or generated.
	Filled bool `json:"d"`
}

func (c *schemaCatalog) tables() int {
	names := map[string]bool{}
	for _, col := range c.Columns {
		names[col.Table] = true
	}
	return len(names)
}

// schemaQuery gives the catalog as one JSON document.
const schemaQuery = `SELECT json_build_object(
'columns', (SELECT coalesce(json_agg(json_build_object('t', n.nspname || '.' || c.relname, 'c', a.attname,
  'y', format_type(a.atttypid, a.atttypmod), 'n', a.attnotnull, 'd', a.atthasdef OR a.attidentity <> '')
  ORDER BY n.nspname, c.relname, a.attnum), '[]'::json)
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'),
'constraints', (SELECT count(*) FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
  WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'),
'indexes', (SELECT count(*) FROM pg_indexes WHERE schemaname NOT LIKE 'pg\_%' AND schemaname <> 'information_schema'))`

// schemaLook reads the catalog with psql in the database's container.
func schemaLook(ctx context.Context, s Subject) (*schemaCatalog, error) {
	database, err := probeLasting(ctx, s, "postgres")
	if err != nil {
		return nil, err
	}
	// The variables are the container's own; the statement is an argument of
	// its own, so nothing in it is read by the shell.
	script := `exec psql -X -q -A -t -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" -d "${POSTGRES_DB:-${POSTGRES_USER:-postgres}}" -c "$1"`
	out, err := s.Server.Exec(ctx, database.ID, "sh", "-c", script, "sh", schemaQuery)
	if err != nil {
		return nil, fmt.Errorf("read the catalog with psql: %w", err)
	}
	if out.Exit != 0 {
		return nil, fmt.Errorf("read the catalog with psql: exit %d: %s", out.Exit, stack.Short(strings.TrimSpace(string(out.Stderr)), 200))
	}
	return schemaCatalogOf(out.Stdout)
}

func schemaCatalogOf(stdout []byte) (*schemaCatalog, error) {
	text := bytes.TrimSpace(stdout)
	if len(text) > schemaLimit {
		return nil, errors.New("the catalog is larger than 4 MB")
	}
	c := &schemaCatalog{Constraints: -1}
	if err := json.Unmarshal(text, c); err != nil || c.Constraints < 0 {
		return nil, errors.New("psql did not print the catalog")
	}
	return c, nil
}

// schemaCross holds the release's word against the database's.
func schemaCross(w *schemaWord, c *schemaCatalog) []stack.Finding {
	if c.tables() == 0 {
		return []stack.Finding{schemaFinding("database", "the database has no tables", "the tables that the migrations make", "none",
			"see whether the migrations ran on this database")}
	}
	if w == nil || w.Status != "ok" {
		return nil
	}
	// The migrations' own bookkeeping is the least that a check may leave out.
	if least := c.tables() - 2; w.Objects.count < least {
		return []stack.Finding{schemaFinding("schema check", "the check looked at less than there is",
			fmt.Sprintf("at least %d objects: the catalog has %d tables with %d columns", least, c.tables(), len(c.Columns)),
			fmt.Sprint(w.Objects.count), "let the check compare every table, column, constraint and index")}
	}
	return nil
}

// schemaMisfit is one thing that a release needs and a database does not have.
type schemaMisfit struct{ Object, Problem, Expected, Observed string }

// schemaCompatible finds what the release before needs and no longer has.
func schemaCompatible(before, now *schemaCatalog) []schemaMisfit {
	old, live := schemaTables(before), schemaTables(now)
	var list []schemaMisfit
	add := func(object, problem, expected, observed string) {
		list = append(list, schemaMisfit{object, problem, expected, observed})
	}
	for _, table := range slices.Sorted(maps.Keys(old)) {
		columns, there := live[table]
		if !there {
			add(table, "table dropped or renamed", "the table", "not there")
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(old[table])) {
			was := old[table][name]
			is, there := columns[name]
			switch object := table + "." + name; {
			case !there:
				add(object, "column dropped or renamed", was.Type, "not there")
			case !schemaSameType(was.Type, is.Type):
				add(object, "column type changed", was.Type, is.Type)
			case is.NotNull && !was.NotNull && !is.Filled:
				add(object, "column became NOT NULL without a default", "NULL allowed", "NOT NULL")
			case was.Filled && !is.Filled && is.NotNull:
				add(object, "default dropped from a NOT NULL column", "a default", "none")
			}
		}
		for _, name := range slices.Sorted(maps.Keys(columns)) {
			if is := columns[name]; is.NotNull && !is.Filled {
				if _, known := old[table][name]; !known {
					add(table+"."+name, "new column NOT NULL without a default", "NULL allowed, or a default", "NOT NULL")
				}
			}
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Object < list[j].Object })
	return list
}

func schemaTables(c *schemaCatalog) map[string]map[string]schemaColumn {
	tables := map[string]map[string]schemaColumn{}
	for _, col := range c.Columns {
		if tables[col.Table] == nil {
			tables[col.Table] = map[string]schemaColumn{}
		}
		tables[col.Table][col.Name] = col
	}
	return tables
}

// schemaWider are the changes of type that clients of the old type do not see.
var schemaWider = map[string][]string{
	"smallint": {"integer", "bigint"},
	"integer":  {"bigint"},
	"real":     {"double precision"},
}

// schemaSameType says that who knows the old type can work with the new one:
// the same, or the same with more room.
func schemaSameType(was, is string) bool {
	if was == is || slices.Contains(schemaWider[was], is) {
		return true
	}
	var n, m int
	if _, err := fmt.Sscanf(was, "character varying(%d)", &n); err != nil {
		return false
	}
	if is == "text" || is == "character varying" {
		return true
	}
	_, err := fmt.Sscanf(is, "character varying(%d)", &m)
	return err == nil && m >= n
}
