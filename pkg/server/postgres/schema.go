package postgres

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
)

//go:embed catalog.sql
var catalogQuery string

// expected.json is what the migrations make, object by object. It is written
// by `go test ./pkg/server/postgres -run TestExpectedIsFresh -update`, and that
// test fails when it is stale.
//
//go:embed expected.json
var expectedJSON []byte

// Schema maps an object ("column users.email") to its definition.
type Schema map[string]string

// SchemaStatus is the verdict of a schema check.
type SchemaStatus string

// The verdicts.
const (
	SchemaOK    SchemaStatus = "ok"
	SchemaDrift SchemaStatus = "drift"
)

// Difference is one object that is not as the migrations make it.
type Difference struct {
	Object string `json:"object"`
	// Problem is "missing", "changed", "extra" or "unsafe" (an object of a
	// newer release that this release cannot live with).
	Problem  string `json:"problem"`
	Expected string `json:"expected"`
	Observed string `json:"observed"`
}

// SchemaReport is what a schema check found.
type SchemaReport struct {
	Status SchemaStatus `json:"status"`
	// Stamped is the newest applied migration, Head the newest that this
	// binary carries.
	Stamped int64    `json:"stamped"`
	Head    int64    `json:"head"`
	Pending []string `json:"pending"`
	// Objects is how many objects were compared.
	Objects     int          `json:"objects"`
	Differences []Difference `json:"differences"`
	// Ahead lists objects of a newer release that this one can live with.
	Ahead []string `json:"ahead"`
}

// CheckSchema compares the live schema with what the migrations make.
func CheckSchema(ctx context.Context, db *DB) (SchemaReport, error) {
	m, err := NewMigrations(db)
	if err != nil {
		return SchemaReport{}, err
	}
	applied, err := stamps(ctx, db)
	if err != nil {
		return SchemaReport{}, fmt.Errorf("read the migration stamps: %w", err)
	}
	live, err := readSchema(ctx, db)
	if err != nil {
		return SchemaReport{}, fmt.Errorf("read the live schema: %w", err)
	}
	var want Schema
	if err := json.Unmarshal(expectedJSON, &want); err != nil || len(want) == 0 {
		return SchemaReport{}, fmt.Errorf("read the expected schema: %d objects: %w", len(want), err)
	}
	r := SchemaReport{Status: SchemaOK, Head: m.Head(), Pending: m.pending(applied), Differences: []Difference{}, Ahead: []string{}}
	for v := range applied {
		r.Stamped = max(r.Stamped, v)
	}
	r.Objects = len(want)
	compare(&r, want, live)
	if len(r.Pending) == 0 {
		r.Pending = []string{}
	}
	if len(r.Pending) > 0 || len(r.Differences) > 0 {
		r.Status = SchemaDrift
	}
	return r, nil
}

// compare fills in the differences. Where the database was migrated by a newer
// release, its additions are fine as long as this release can still write:
// that is what a rollback stands on.
func compare(r *SchemaReport, want, live Schema) {
	newer := r.Stamped > r.Head
	for _, object := range sortedKeys(want) {
		definition, there := live[object]
		switch {
		case !there:
			r.Differences = append(r.Differences, Difference{Object: object, Problem: "missing", Expected: want[object]})
		case newer && strings.HasPrefix(object, "grant ") && grantsAll(definition, want[object]):
			if definition != want[object] {
				r.Ahead = append(r.Ahead, object)
			}
		case definition != want[object]:
			r.Differences = append(r.Differences, Difference{Object: object, Problem: "changed", Expected: want[object], Observed: definition})
		}
	}
	for _, object := range sortedKeys(live) {
		if _, known := want[object]; known {
			continue
		}
		r.Objects++
		switch {
		case !newer:
			r.Differences = append(r.Differences, Difference{Object: object, Problem: "extra", Observed: live[object]})
		case blocksOlder(object, live[object], want):
			r.Differences = append(r.Differences, Difference{Object: object, Problem: "unsafe", Observed: live[object],
				Expected: "nothing that keeps this release from writing"})
		default:
			r.Ahead = append(r.Ahead, object)
		}
	}
}

// grantsAll reports whether all privileges of one list are in another.
func grantsAll(held, needed string) bool {
	list := strings.Split(held, ", ")
	for privilege := range strings.SplitSeq(needed, ", ") {
		if !slices.Contains(list, privilege) {
			return false
		}
	}
	return true
}

// blocksOlder reports whether an addition keeps a release that does not know it
// from writing: a column that must be given, a constraint or a unique index on
// a table that this release knows.
func blocksOlder(object, definition string, want Schema) bool {
	kind, name, _ := strings.Cut(object, " ")
	table, _, _ := strings.Cut(name, ".")
	_, known := want["table "+table]
	switch kind {
	case "column":
		return known && strings.Contains(definition, "not null") && !strings.Contains(definition, "default ") && !strings.Contains(definition, "identity")
	case "constraint", "trigger", "rule":
		return known
	case "index":
		if !strings.HasPrefix(definition, "CREATE UNIQUE") {
			return false
		}
		_, after, _ := strings.Cut(definition, " ON public.")
		table, _, _ = strings.Cut(after, " ")
		_, known = want["table "+table]
		return known
	}
	return false
}

func readSchema(ctx context.Context, db *DB) (Schema, error) {
	tx, err := db.SQL.BeginTxx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return nil, coded(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, `SET LOCAL search_path = public`); err != nil {
		return nil, coded(err)
	}
	var rows []struct {
		Object     string `db:"object"`
		Definition string `db:"definition"`
	}
	if err := tx.SelectContext(ctx, &rows, catalogQuery); err != nil {
		return nil, coded(err)
	}
	live := Schema{}
	for _, r := range rows {
		live[r.Object] = r.Definition
	}
	return live, nil
}

func sortedKeys(s Schema) []string {
	keys := make([]string, 0, len(s))
	for k := range s {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return slices.Clip(keys)
}

// Text is the report for people.
func (r SchemaReport) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "schema %s: compared %d objects, stamped %d, head %d\n", r.Status, r.Objects, r.Stamped, r.Head)
	for _, p := range r.Pending {
		fmt.Fprintf(&b, "pending   %s\n", p)
	}
	for _, d := range r.Differences {
		fmt.Fprintf(&b, "%-9s %s\n", d.Problem, d.Object)
		if d.Expected != "" {
			fmt.Fprintf(&b, "            expected %s\n", d.Expected)
		}
		if d.Observed != "" {
			fmt.Fprintf(&b, "            observed %s\n", d.Observed)
		}
	}
	if len(r.Ahead) > 0 {
		fmt.Fprintf(&b, "a newer release added %d objects that this one can live with\n", len(r.Ahead))
	}
	return b.String()
}
