package postgres

import (
	"context"
	"database/sql"
	"fmt"
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
	direction := "ASC"
	if q.Desc {
		direction = "DESC"
	}
	query := fmt.Sprintf(`SELECT %s FROM %s%s ORDER BY %s %s NULLS LAST, %s LIMIT %d OFFSET %d`, selected(m), name(m.Table), where,
		name(q.Sort), direction, name(m.Key), app.PageSize, (q.Page-1)*app.PageSize)
	rows, err := r.db.QueryxContext(ctx, query, args...)
	if err != nil {
		return page, coded(fmt.Errorf("list %s: %w", m.Name, err))
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		record, err := scan(rows, m)
		if err != nil {
			return page, coded(fmt.Errorf("read %s: %w", m.Name, err))
		}
		page.Records = append(page.Records, record)
	}
	return page, coded(rows.Err())
}

// matching makes the condition of a query: every word stands in some field.
func matching(m app.Model, q app.RecordQuery) (string, []any) {
	var all []string
	var args []any
	for word := range strings.FieldsSeq(strings.ToValidUTF8(strings.ReplaceAll(q.Search, "\x00", ""), "")) {
		args = append(args, "%"+strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(word)+"%")
		var any []string
		for _, f := range m.Fields {
			if f.Search {
				any = append(any, fmt.Sprintf("%s::text ILIKE $%d", name(f.Name), len(args)))
			}
		}
		all = append(all, "("+strings.Join(any, " OR ")+")")
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

func scan(rows *sqlx.Rows, m app.Model) (app.Record, error) {
	values := make([]sql.NullString, len(m.Fields))
	into := make([]any, len(values))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
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
