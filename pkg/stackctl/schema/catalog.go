// Package schema owns the catalog of a database and whether a release can
// work with it. It is pure, and must not know how a catalog is read.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
)

// Catalog is the database's own word about its objects. It is looked at
// beside the release's check, which could be wrong about both sides at once.
type Catalog struct {
	Columns     []Column `json:"columns"`
	Constraints int      `json:"constraints"`
	Indexes     int      `json:"indexes"`
}

// Column is one column of a table.
type Column struct {
	Table   string `json:"t"`
	Name    string `json:"c"`
	Type    string `json:"y"`
	NotNull bool   `json:"n"`
	// Filled reports whether a row may leave the column out: it has a default, or
	// is an identity or generated.
	Filled bool `json:"d"`
}

// Tables is how many tables the catalog has.
func (c *Catalog) Tables() int {
	names := map[string]bool{}
	for _, col := range c.Columns {
		names[col.Table] = true
	}
	return len(names)
}

// CatalogQuery gives the catalog as one JSON document.
const CatalogQuery = `SELECT json_build_object(
'columns', (SELECT coalesce(json_agg(json_build_object('t', n.nspname || '.' || c.relname, 'c', a.attname,
  'y', format_type(a.atttypid, a.atttypmod), 'n', a.attnotnull, 'd', a.atthasdef OR a.attidentity <> '')
  ORDER BY n.nspname, c.relname, a.attnum), '[]'::json)
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'),
'constraints', (SELECT count(*) FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
  WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'),
'indexes', (SELECT count(*) FROM pg_indexes WHERE schemaname NOT LIKE 'pg\_%' AND schemaname <> 'information_schema'))`

// CatalogOf reads what the query printed.
func CatalogOf(stdout []byte) (*Catalog, error) {
	text := bytes.TrimSpace(stdout)
	if len(text) > Limit {
		return nil, errors.New("the catalog is larger than 4 MB")
	}
	c := &Catalog{Constraints: -1}
	if err := json.Unmarshal(text, c); err != nil || c.Constraints < 0 {
		return nil, errors.New("psql did not print the catalog")
	}
	return c, nil
}

// misfit is one thing that a release needs and a database does not have.
type misfit struct{ Object, Problem, Expected, Observed string }

// Compatible finds what the release before needs and no longer has.
func Compatible(before, now *Catalog) []misfit {
	old, live := tables(before), tables(now)
	var list []misfit
	add := func(object, problem, expected, observed string) {
		list = append(list, misfit{object, problem, expected, observed})
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
			case !sameType(was.Type, is.Type):
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

func tables(c *Catalog) map[string]map[string]Column {
	tables := map[string]map[string]Column{}
	for _, col := range c.Columns {
		if tables[col.Table] == nil {
			tables[col.Table] = map[string]Column{}
		}
		tables[col.Table][col.Name] = col
	}
	return tables
}

// wider are the changes of type that clients of the old type do not see.
var wider = map[string][]string{
	"smallint": {"integer", "bigint"},
	"integer":  {"bigint"},
	"real":     {"double precision"},
}

// sameType reports whether who knows the old type can work with the new one:
// the same, or the same with more room.
func sameType(was, is string) bool {
	if was == is || slices.Contains(wider[was], is) {
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

// Limit bounds a catalog, and what a check prints.
const Limit = 4 << 20
