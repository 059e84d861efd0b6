package backup

import (
	"encoding/json"
	"errors"
	"strings"
)

// ours leaves out what PostgreSQL itself and its extensions own: a dump does
// not carry it either.
const ours = `n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`

// tablesQuery makes one statement for each table, which \gexec runs: the number
// of rows, and the sum of the rows' hashes, which no order of rows changes.
// A partition is counted as itself, so its parent is not.
const tablesQuery = `SELECT format('SELECT json_build_object(''name'', %L, ''rows'', count(*), ''hash'',
 left(encode(sha256(convert_to(concat_ws('':'', count(*), coalesce(sum((''x'' || left(h, 16))::bit(64)::bigint), 0), coalesce(sum((''x'' || substr(h, 17, 16))::bit(64)::bigint), 0)), ''UTF8'')), ''hex''), 32))
 FROM ONLY %I.%I AS stackctl_row, LATERAL (SELECT encode(sha256(convert_to(stackctl_row::text, ''UTF8'')), ''hex'') AS h) AS stackctl_hash',
 n.nspname || '.' || c.relname, n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND ` + ours + ` ORDER BY n.nspname, c.relname \gexec`

const sequencesQuery = `SELECT json_build_object('name', s.schemaname || '.' || s.sequencename, 'at', coalesce(s.last_value, 0), 'down', s.increment_by < 0)
FROM pg_sequences s JOIN pg_namespace n ON n.nspname = s.schemaname JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.sequencename
WHERE ` + ours + ` ORDER BY 1::text;`

// inventory reads what is in the transaction's snapshot.
func (t *transaction) inventory() (tables []Table, sequences []Sequence, err error) {
	lines, err := t.ask(sequencesQuery)
	if err != nil {
		return nil, nil, err
	}
	for _, line := range lines {
		var s Sequence
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			return nil, nil, errors.New("psql did not print a sequence")
		}
		sequences = append(sequences, s)
	}
	if lines, err = t.ask(tablesQuery); err != nil {
		return nil, nil, err
	}
	for _, line := range lines {
		var table Table
		if err := json.Unmarshal([]byte(line), &table); err != nil || table.Name == "" || table.Hash == "" {
			return nil, nil, errors.New("psql did not print a table")
		}
		tables = append(tables, table)
	}
	return tables, sequences, nil
}

// catalog runs the caller's query about the schema.
func (t *transaction) catalog(query string) (json.RawMessage, error) {
	if query == "" {
		return nil, nil
	}
	// It is the caller's, so it runs with the database's own search path.
	lines, err := t.ask("SET LOCAL search_path TO DEFAULT; " + strings.TrimSuffix(strings.TrimSpace(query), ";") + "; SET LOCAL search_path = pg_catalog;")
	if err != nil {
		return nil, err
	}
	raw := json.RawMessage(strings.Join(lines, "\n"))
	if !json.Valid(raw) {
		return nil, errors.New("the query about the schema printed no JSON document")
	}
	return raw, nil
}
