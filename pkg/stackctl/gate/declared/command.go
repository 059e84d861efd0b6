package declared

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// Exit codes of a command that could not be started (POSIX, XCU 2.8.2).
const (
	exitNotRunnable = 126
	exitNotFound    = 127
)

func (l *look) command(ctx context.Context, c stack.OwnCommand) error {
	argv := make([]string, len(c.Command))
	for i, a := range c.Command {
		argv[i] = l.words.Replace(a)
	}
	subject := argv[0] + " in " + c.Service
	out, ended, err := l.exec(ctx, c.Service, c.Timeout, argv)
	if err != nil {
		return err
	}
	if !ended {
		l.expect(subject, "an end within "+c.Timeout.String(), "it went on", false)
		return nil
	}
	want := 0
	if c.Expect.Exit != nil {
		want = *c.Expect.Exit
	}
	if (out.Exit == exitNotFound || out.Exit == exitNotRunnable) && out.Exit != want {
		return fmt.Errorf("run %s: it could not be started (exit %d): %s", subject, out.Exit, said(out))
	}
	observed := strconv.Itoa(out.Exit)
	if out.Exit != want {
		observed += ": " + said(out)
	}
	l.expect(subject+" exit code", strconv.Itoa(want), observed, out.Exit == want)
	if c.Expect.Stdout != nil {
		if err := l.some(subject+" output", *c.Expect.Stdout, []any{string(bytes.TrimSpace(out.Stdout))}); err != nil {
			return err
		}
	}
	return l.jsonAll(subject, out.Stdout, c.Expect.JSON)
}

// exec runs a command in the first container of a service; ended is false
// where it passed its own limit.
func (l *look) exec(ctx context.Context, service string, limit time.Duration, argv []string) (out stack.Output, ended bool, err error) {
	containers, err := l.containers(ctx, service)
	if err != nil {
		return out, false, err
	}
	own, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	out, err = l.s.Server.Exec(own, containers[0].ID, argv...)
	l.looked("%s in %s (%s): exit %d after %s", argv[0], service, containers[0].Name, out.Exit, time.Since(began).Round(time.Millisecond))
	switch {
	case err != nil && within(ctx, own):
		return out, false, nil
	case err != nil:
		return out, false, fmt.Errorf("run %s in %s: %w", argv[0], service, err)
	}
	return out, true, nil
}

// said is the last line that a command left, for a person.
func said(out stack.Output) string {
	for _, stream := range [][]byte{out.Stderr, out.Stdout} {
		lines := strings.Split(strings.TrimSpace(string(stream)), "\n")
		if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
			return stack.Short(last, 200)
		}
	}
	return "it said nothing"
}

// psql runs one query with PostgreSQL's own client as the database's own
// user. $1 is the statement, $2 the settings of the session. The variables are
// the container's.
const psql = `PGOPTIONS="$2" exec psql -X -q -A -t -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" -d "${POSTGRES_DB:-${POSTGRES_USER:-postgres}}" -c "$1"`

func (l *look) sql(ctx context.Context, q stack.OwnSQL) error {
	subject := "query in " + q.Service
	query := strings.TrimRight(strings.TrimSpace(q.Query), "; \t\n")
	argv := make([]string, len(q.Client))
	for i, a := range q.Client {
		argv[i] = strings.ReplaceAll(a, "{query}", query)
	}
	if len(argv) == 0 {
		// As a subquery it cannot hold a statement that changes something; the
		// session is told not to write either.
		statement := "SELECT coalesce(json_agg(row_to_json(stackctl)), '[]'::json) FROM (\n" + query + "\n) AS stackctl"
		settings := fmt.Sprintf("-c default_transaction_read_only=on -c statement_timeout=%d", q.Timeout.Milliseconds())
		argv = []string{"sh", "-c", psql, "sh", statement, settings}
	}
	// The database's own limit comes first, so that nothing goes on there.
	out, ended, err := l.exec(ctx, q.Service, q.Timeout+2*time.Second, argv)
	switch {
	case err != nil:
		return err
	case !ended:
		return fmt.Errorf("run the %s: no answer within %s", subject, q.Timeout)
	case out.Exit != 0:
		return fmt.Errorf("run the %s: exit %d: %s", subject, out.Exit, said(out))
	}
	rows, err := rows(out.Stdout, len(q.Client) > 0)
	if err != nil {
		return fmt.Errorf("read the rows of the %s: %w", subject, err)
	}
	return l.rows(subject, rows, q.Expect)
}

// rows are the rows that a client printed: a JSON array, or, of another
// client than ours, one row a line.
func rows(stdout []byte, lines bool) ([]any, error) {
	v, err := decode(stdout)
	if rows, ok := v.([]any); ok && err == nil {
		return rows, nil
	}
	if !lines {
		return nil, fmt.Errorf("no JSON array came: %s", stack.Short(string(bytes.TrimSpace(stdout)), 120))
	}
	rows := []any{}
	for line := range strings.Lines(string(stdout)) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			rows = append(rows, line)
		}
	}
	return rows, nil
}

func (l *look) rows(subject string, rows []any, e stack.ExpectSQL) error {
	if e.Rows != nil {
		n, err := decode([]byte(strconv.Itoa(len(rows))))
		if err != nil {
			return err
		}
		if err := l.some(subject+" rows", *e.Rows, []any{n}); err != nil {
			return err
		}
	}
	if e.Value != nil {
		if err := l.value(subject+" value", rows, *e.Value); err != nil {
			return err
		}
	}
	return l.jsonIn(subject, rows, e.JSON)
}

// value judges the only value of the only row.
func (l *look) value(subject string, rows []any, m stack.Match) error {
	var value any
	single := len(rows) == 1
	if single {
		value = rows[0]
		if columns, ok := value.(map[string]any); ok {
			single = len(columns) == 1
			for _, v := range columns {
				value = v
			}
		}
	}
	if !single {
		l.expect(subject, "one row of one value", fmt.Sprintf("%d rows: %s", len(rows), text(rows)), false)
		return nil
	}
	return l.some(subject, m, []any{value})
}
