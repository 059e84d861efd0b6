package backup

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
)

// transaction is one client of a database that stays open: its snapshot is the
// one that the dump and the counts are taken in.
type transaction struct {
	program string
	input   *io.PipeWriter
	lines   *bufio.Reader
	output  *io.PipeReader
	stderr  *head
	// mark is what the client prints when it has run what it was given, echo the
	// statement that makes it.
	mark, echo string
	ended      chan struct{}
	exit       int
	err        error
}

// open starts a client in a container; echo makes the statement that prints a mark.
func open(ctx context.Context, server Server, container, program string, argv []string, echo func(mark string) string) *transaction {
	in, input := io.Pipe()
	output, out := io.Pipe()
	t := &transaction{program: program, input: input, output: output, lines: bufio.NewReaderSize(output, 64<<10), stderr: &head{limit: 4 << 10},
		mark: "-- " + rand.Text(), ended: make(chan struct{})}
	t.echo = echo(t.mark)
	go func() {
		defer close(t.ended)
		t.exit, t.err = server.ExecStream(ctx, container, argv, in, out, t.stderr)
		_ = in.CloseWithError(errors.New(program + " has ended"))
		_ = out.Close()
	}()
	return t
}

// begin opens psql on a database and sets what decides how rows look as text,
// so that a hash means the same everywhere.
func (db database) begin(ctx context.Context, name string) (*transaction, error) {
	t := open(ctx, db.server, db.container, "psql", db.psql(name), func(mark string) string { return "\\echo " + mark })
	_, err := t.ask(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL search_path = pg_catalog; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres';
SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL xmloption = 'content'; SET LOCAL lc_monetary = 'C';
SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL row_security = off;`)
	if err != nil {
		t.end()
		return nil, err
	}
	return t, nil
}

// ask runs statements and gives the lines that they print.
func (t *transaction) ask(statements string) ([]string, error) {
	if _, err := io.WriteString(t.input, statements+"\n"+t.echo+"\n"); err != nil {
		return nil, t.failure()
	}
	var lines []string
	total := 0
	for {
		line, err := t.lines.ReadString('\n')
		if err != nil {
			return nil, t.failure()
		}
		line = strings.TrimSuffix(line, "\n")
		if line == t.mark {
			return lines, nil
		}
		if total += len(line); total > maxManifest {
			return nil, errors.New(t.program + " printed more than can be held")
		}
		lines = append(lines, line)
	}
}

// failure is why the client ended before it was told to.
func (t *transaction) failure() error {
	t.end()
	if t.err != nil {
		return t.err
	}
	return fmt.Errorf("%s ended with exit code %d: %s", t.program, t.exit, t.stderr.line())
}

// end closes the session; its transaction changes nothing.
func (t *transaction) end() {
	_ = t.input.Close()
	_ = t.output.CloseWithError(errors.New("nobody reads on"))
	<-t.ended
}
