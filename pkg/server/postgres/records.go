package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jmoiron/sqlx"

	"stackctl/pkg/server/app"
)

// Records reads rows by the declaration of a model. Names of tables and
// columns come from the model, values from parameters.
type Records struct {
	db *sqlx.DB
}

// NewRecords makes a Records.
func NewRecords(db *DB) *Records { return &Records{db: db.SQL} }

// List gives one page of a model's records.
func (r *Records) List(ctx context.Context, m app.Model, q app.RecordQuery) (app.RecordPage, error) {
	q = q.Clean(m)
	where, args := matching(m, q)
	var page app.RecordPage
	if err := r.db.GetContext(ctx, &page.Total, `SELECT count(*) FROM `+name(m.Table)+where, args...); err != nil {
		return page, coded(fmt.Errorf("count %s: %w", m.Name, err))
	}
	err := r.each(ctx, m, ordered(m, q, where, app.PageSize, (q.Page-1)*app.PageSize), args, func(record app.Record) error {
		page.Records = append(page.Records, record)
		return nil
	})
	return page, err
}

// Each calls a function with every record that a query finds, app.MaxExport at
// most.
func (r *Records) Each(ctx context.Context, m app.Model, q app.RecordQuery, do func(app.Record) error) error {
	q = q.Clean(m)
	where, args := matching(m, q)
	return r.each(ctx, m, ordered(m, q, where, app.MaxExport, 0), args, do)
}

// One reads one record.
func (r *Records) One(ctx context.Context, m app.Model, id string) (app.Record, error) {
	if !m.KeyFits(id) {
		return nil, app.ErrNotFound
	}
	return one(ctx, r.db, m, id, "")
}

func (r *Records) each(ctx context.Context, m app.Model, query string, args []any, do func(app.Record) error) error {
	rows, err := r.db.QueryxContext(ctx, query, args...)
	if err != nil {
		return coded(fmt.Errorf("list %s: %w", m.Name, err))
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		record, err := scan(rows, m)
		if err != nil {
			return coded(fmt.Errorf("read %s: %w", m.Name, err))
		}
		if err := do(record); err != nil {
			return err
		}
	}
	return coded(rows.Err())
}

func ordered(m app.Model, q app.RecordQuery, where string, limit, offset int) string {
	direction := "ASC"
	if q.Desc {
		direction = "DESC"
	}
	return fmt.Sprintf(`SELECT %s FROM %s%s ORDER BY %s %s NULLS LAST, %s LIMIT %d OFFSET %d`, selected(m), name(m.Table), where,
		name(q.Sort), direction, name(m.Key), limit, offset)
}

func one(ctx context.Context, q sqlx.QueryerContext, m app.Model, id, lock string) (app.Record, error) {
	row := q.QueryRowxContext(ctx, fmt.Sprintf(`SELECT %s FROM %s WHERE %s = $1::%s%s`, selected(m), name(m.Table), name(m.Key), keyType(m), lock), id)
	record, err := scan(row, m)
	if err != nil {
		return nil, coded(fmt.Errorf("read a %s: %w", m.Singular, err))
	}
	return record, nil
}

func keyType(m app.Model) string {
	if f, _ := m.Field(m.Key); f.Type == app.FieldInt {
		return "bigint"
	}
	return "uuid"
}

// matching makes the condition of a query: every word stands in some field,
// and every filter holds.
func matching(m app.Model, q app.RecordQuery) (string, []any) {
	var all []string
	var args []any
	for word := range strings.FieldsSeq(q.Search) {
		args = append(args, "%"+strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(word)+"%")
		var some []string
		for _, f := range m.Fields {
			if f.Search {
				some = append(some, fmt.Sprintf("%s::text ILIKE $%d", name(f.Name), len(args)))
			}
		}
		all = append(all, "("+strings.Join(some, " OR ")+")")
	}
	for _, f := range m.Fields {
		value, ok := q.Filters[f.Name]
		if !ok {
			continue
		}
		switch f.Type {
		case app.FieldTime:
			all = append(all, name(f.Name)+map[string]string{"set": " IS NOT NULL", "unset": " IS NULL"}[value])
		case app.FieldBool, app.FieldUUID:
			args = append(args, value)
			all = append(all, fmt.Sprintf("%s = $%d::%s", name(f.Name), len(args), f.Type))
		default:
			args = append(args, value)
			all = append(all, fmt.Sprintf("%s::text = $%d", name(f.Name), len(args)))
		}
	}
	if len(all) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(all, " AND "), args
}

func selected(m app.Model) string {
	columns := []string{}
	for _, f := range m.Fields {
		column := name(f.Name) + "::text"
		if f.Type == app.FieldTime {
			column = fmt.Sprintf(`to_char(%s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')`, name(f.Name))
		}
		columns = append(columns, column)
	}
	return strings.Join(columns, ", ")
}

func scan(row interface{ Scan(...any) error }, m app.Model) (app.Record, error) {
	values := make([]sql.NullString, len(m.Fields))
	into := make([]any, len(values))
	for i := range values {
		into[i] = &values[i]
	}
	if err := row.Scan(into...); err != nil {
		return nil, err
	}
	record := app.Record{}
	for i, f := range m.Fields {
		if values[i].Valid {
			record[f.Name] = values[i].String
		}
	}
	return record, nil
}

func name(s string) string { return pgx.Identifier{s}.Sanitize() }

func (t *storeTx) Record(ctx context.Context, m app.Model, id string) (app.Record, error) {
	if !m.KeyFits(id) {
		return nil, app.ErrNotFound
	}
	return one(ctx, t.tx, m, id, " FOR UPDATE")
}

func (t *storeTx) AddRecord(ctx context.Context, m app.Model, values app.Record) (string, error) {
	var columns, params []string
	var args []any
	for _, column := range columnsOf(values) {
		args = append(args, values[column])
		columns = append(columns, name(column))
		params = append(params, param(m, column, len(args)))
	}
	var id string
	err := t.tx.GetContext(ctx, &id, fmt.Sprintf(`INSERT INTO %s (%s) VALUES (%s) RETURNING %s::text`, name(m.Table),
		strings.Join(columns, ", "), strings.Join(params, ", "), name(m.Key)), args...)
	return id, coded(err)
}

func (t *storeTx) ChangeRecord(ctx context.Context, m app.Model, id string, values app.Record) error {
	args := []any{id}
	var sets []string
	for _, column := range columnsOf(values) {
		args = append(args, values[column])
		sets = append(sets, name(column)+" = "+param(m, column, len(args)))
	}
	if m.Touched != "" {
		sets = append(sets, name(m.Touched)+" = now()")
	}
	_, err := t.tx.ExecContext(ctx, fmt.Sprintf(`UPDATE %s SET %s WHERE %s = $1::%s`, name(m.Table), strings.Join(sets, ", "), name(m.Key), keyType(m)), args...)
	return coded(err)
}

func (t *storeTx) DropRecord(ctx context.Context, m app.Model, id string) error {
	_, err := t.tx.ExecContext(ctx, fmt.Sprintf(`DELETE FROM %s WHERE %s = $1::%s`, name(m.Table), name(m.Key), keyType(m)), id)
	return coded(err)
}

func columnsOf(values app.Record) []string {
	columns := make([]string, 0, len(values))
	for c := range values {
		columns = append(columns, c)
	}
	slices.Sort(columns)
	return columns
}

func param(m app.Model, column string, n int) string {
	if f, _ := m.Field(column); f.Type == app.FieldBool {
		return fmt.Sprintf("$%d::boolean", n)
	}
	return fmt.Sprintf("$%d", n)
}
