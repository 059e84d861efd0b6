package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"stackctl/pkg/server/app"
)

// placed is a record with its place in the list.
type placed struct {
	record app.Record
	place  app.Place
}

// countable is how many records are counted one by one.
const countable = 1000

// fresh lets PostgreSQL plan a query for its very values, each time: a plan for
// all values reads whole tables where one of them is rare.
const fresh = pgx.QueryExecModeCacheDescribe

// count returns a page without its records: how many a query finds, beyond
// countable by what the planner expects.
func (r *Records) count(ctx context.Context, m app.Model, q app.RecordQuery) (page app.RecordPage, err error) {
	where, args := matching(m, q)
	args = append([]any{fresh}, args...)
	from := "FROM " + name(m.Table) + where
	err = r.db.GetContext(ctx, &page.Total, countQuery(from), args...)
	if err != nil || page.Total <= countable {
		return page, wrapped(err, "count", m)
	}
	page.About = true
	var text string
	if err := r.db.GetContext(ctx, &text, `EXPLAIN (FORMAT JSON) SELECT `+from, args...); err != nil {
		return page, wrapped(err, "estimate", m)
	}
	var plans []struct {
		Plan struct {
			Rows float64 `json:"Plan Rows"`
		}
	}
	if err := json.Unmarshal([]byte(text), &plans); err != nil || len(plans) == 0 {
		return page, fmt.Errorf("read the plan of %s: %w", m.Name, err)
	}
	page.Total = max(page.Total, int(plans[0].Plan.Rows))
	return page, nil
}

// countQuery counts what a query finds, up to one more than is countable.
func countQuery(from string) string {
	return fmt.Sprintf(`WITH %s SELECT count(*) FROM (SELECT FROM whole LIMIT %d) AS sample`, whole(from), countable+1)
}

// whole is a query of its own, "whole": PostgreSQL plans it for all that it finds. For
// a few of them it would walk a table in some order, since it expects them early.
func whole(from string) string { return "whole AS MATERIALIZED (SELECT * " + from + ")" }

// placed returns so many records from the place of a query on: behind After, or
// back from Before, the nearest first. few says that the query finds no more than
// can be sorted at once.
func (r *Records) placed(ctx context.Context, m app.Model, q app.RecordQuery, back, few bool, limit int) ([]placed, error) {
	query, args := listQuery(m, q, back, few, limit)
	rows, err := r.db.QueryxContext(ctx, query, append([]any{fresh}, args...)...)
	if err != nil {
		return nil, wrapped(err, "list", m)
	}
	defer func() { _ = rows.Close() }()
	var found []placed
	for rows.Next() {
		var one placed
		if one.record, err = scan(rows, m, &one.place.Value, &one.place.Key); err != nil {
			return nil, wrapped(err, "read", m)
		}
		found = append(found, one)
	}
	return found, wrapped(rows.Err(), "list", m)
}

// listQuery is the query that placed asks.
func listQuery(m app.Model, q app.RecordQuery, back, few bool, limit int) (query string, args []any) {
	where, args := matching(m, q)
	table, with := name(m.Table), ""
	if few {
		table, with, where = "whole", "WITH "+whole("FROM "+table+where)+" ", ""
	}
	f, _ := m.Field(q.Sort)
	// With the table's name: without it ORDER BY means the columns of the answer,
	// which are texts.
	by, key, desc := sortKey(f), "r."+name(m.Key), q.Desc != back
	text := q.After
	if back {
		text = q.Before
	}
	if text != "" {
		at, _ := app.ReadPlace(m, q.Sort, text) // Clean has judged it
		args = append(args, at.Value, at.Key)
		condition := fmt.Sprintf("(%s, %s) %s ($%d::%s, $%d::%s)", by, key, map[bool]string{true: "<", false: ">"}[desc],
			len(args)-1, sqlType(f), len(args), keyType(m))
		where += map[bool]string{true: " WHERE ", false: " AND "}[where == ""] + condition
	}
	direction := map[bool]string{true: "DESC", false: "ASC"}[desc]
	return with + fmt.Sprintf(`SELECT %s, %s::text, %s::text FROM %s AS r%s ORDER BY %s %s, %s %s LIMIT %d`, selected(m), by, key, table, where,
		by, direction, key, direction, limit), args
}

func wrapped(err error, doing string, m app.Model) error {
	if err == nil {
		return nil
	}
	return coded(fmt.Errorf("%s %s: %w", doing, m.Name, err))
}

// sortKey is what a list is sorted by: an index has the same expression. An absent
// time is before all others, so that one order holds for all rows.
func sortKey(f app.ModelField) string {
	if f.Null && f.Type == app.FieldTime {
		return fmt.Sprintf("coalesce(r.%s, '-infinity'::timestamptz)", name(f.Name))
	}
	return "r." + name(f.Name)
}

func sqlType(f app.ModelField) string {
	switch f.Type {
	case app.FieldTime:
		return "timestamptz"
	case app.FieldBool:
		return "boolean"
	case app.FieldUUID:
		return "uuid"
	case app.FieldInt:
		return "bigint"
	}
	return "text"
}

// matching makes the condition of a query: every word stands in some field,
// and every filter holds.
func matching(m app.Model, q app.RecordQuery) (string, []any) {
	var all []string
	var args []any
	for word := range strings.FieldsSeq(q.Search) {
		var condition string
		condition, args = found(m, word, args)
		all = append(all, condition)
	}
	for _, f := range m.Fields {
		value, ok := q.Filters[f.Name]
		if !ok {
			continue
		}
		switch f.Type {
		case app.FieldTime:
			all = append(all, column(m, f)+map[string]string{"set": " IS NOT NULL", "unset": " IS NULL"}[value])
		case app.FieldBool, app.FieldUUID:
			args = append(args, value)
			all = append(all, fmt.Sprintf("%s = $%d::%s", column(m, f), len(args), f.Type))
		default:
			args = append(args, value)
			all = append(all, fmt.Sprintf("%s::text = $%d", column(m, f), len(args)))
		}
	}
	from, before, _ := q.Span() // Clean has judged it
	for _, bound := range []struct {
		is string
		at time.Time
	}{{">=", from}, {"<", before}} {
		if !bound.at.IsZero() {
			args = append(args, bound.at.Format(time.RFC3339))
			all = append(all, fmt.Sprintf("%s %s $%d::timestamptz", name(m.Dated), bound.is, len(args)))
		}
	}
	if len(all) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(all, " AND "), args
}

// found is the condition that some field of a model has a word, and the arguments
// with those that it adds.
func found(m app.Model, word string, args []any) (string, []any) {
	var some []string
	has := func(f app.ModelField, operator, kind string, value any) {
		args = append(args, value)
		some = append(some, fmt.Sprintf("%s %s $%d::text::%s", name(f.Name), operator, len(args), kind))
	}
	for _, f := range m.Fields {
		switch f.Search {
		case app.SearchPart:
			for _, pattern := range patterns(word) {
				has(f, "ILIKE", "text", pattern)
			}
		case app.SearchWhole:
			if kind := sqlType(f); kind == "text" || f.KeyFits(word) {
				has(f, "=", kind, word)
			}
		}
	}
	if len(some) == 0 {
		return "false", args
	}
	return "(" + strings.Join(some, " OR ") + ")", args
}

// patterns are those of a text that holds a word. An index knows three characters in a
// row, and beginnings: what is shorter is looked for where a word begins.
func patterns(word string) []string {
	plain := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(word)
	if utf8.RuneCountInString(word) < 3 {
		return []string{plain + "%", "% " + plain + "%"}
	}
	return []string{"%" + plain + "%"}
}
