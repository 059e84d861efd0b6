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

// List returns one page of a model's records, and about how many there are.
func (r *Records) List(ctx context.Context, m app.Model, q app.RecordQuery) (app.RecordPage, error) {
	q = q.Clean(m)
	page, err := r.count(ctx, m, q)
	if err != nil {
		return page, err
	}
	back := q.Before != ""
	rows, err := r.placed(ctx, m, q, back, !page.About, app.PageSize+1)
	if err != nil {
		return page, err
	}
	more := len(rows) > app.PageSize
	if more {
		rows = rows[:app.PageSize]
	}
	if back {
		slices.Reverse(rows)
	}
	for _, row := range rows {
		page.Records = append(page.Records, row.record)
	}
	if len(rows) > 0 && (more || back) {
		page.After = rows[len(rows)-1].place.Text()
	}
	if len(rows) > 0 && (back && more || !back && q.After != "") {
		page.Before = rows[0].place.Text()
	}
	return page, nil
}

// batch is how many records are read at a time where all are.
const batch = 2000

// Each calls a function with every record that a query finds, from the first one
// on. It reads them in parts, so that it may take as long as it must, and returns
// how many there were.
func (r *Records) Each(ctx context.Context, m app.Model, q app.RecordQuery, do func(app.Record) error) (int, error) {
	q = q.Clean(m)
	q.After, q.Before = "", ""
	for n := 0; ; {
		rows, err := r.placed(ctx, m, q, false, false, batch)
		if err != nil {
			return n, err
		}
		for _, row := range rows {
			if err := do(row.record); err != nil {
				return n, err
			}
			n++
		}
		if len(rows) < batch {
			return n, nil
		}
		q.After = rows[len(rows)-1].place.Text()
	}
}

// One reads one record.
func (r *Records) One(ctx context.Context, m app.Model, id string) (app.Record, error) {
	if !m.KeyFits(id) {
		return nil, app.ErrNotFound
	}
	return one(ctx, r.db, m, id, "")
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

func selected(m app.Model) string {
	columns := []string{}
	for _, f := range m.Fields {
		text := column(m, f) + "::text"
		if f.Type == app.FieldTime {
			text = fmt.Sprintf(`to_char(%s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')`, name(f.Name))
		}
		columns = append(columns, text)
	}
	return strings.Join(columns, ", ")
}

// column is what a field is in SQL.
func column(m app.Model, f app.ModelField) string {
	if m.Table == "users" && f.Name == "role" {
		return role
	}
	return name(f.Name)
}

func scan(row interface{ Scan(...any) error }, m app.Model, more ...any) (app.Record, error) {
	values := make([]sql.NullString, len(m.Fields))
	into := make([]any, len(values), len(values)+len(more))
	for i := range values {
		into[i] = &values[i]
	}
	if err := row.Scan(append(into, more...)...); err != nil {
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
	if m.Table == "users" {
		return t.DeleteUser(ctx, id)
	}
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
