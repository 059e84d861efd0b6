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

// transaction is one psql that stays open: its snapshot is the one that the
// dump and the counts are taken in.
type transaction struct {
	input  *io.PipeWriter
	lines  *bufio.Reader
	output *io.PipeReader
	stderr *head
	mark   string
	ended  chan struct{}
	exit   int
	err    error
}

// begin opens psql on a database and sets what decides how rows look as text,
// so that a hash means the same everywhere.
func (db database) begin(ctx context.Context, name string) (*transaction, error) {
	in, input := io.Pipe()
	output, out := io.Pipe()
	t := &transaction{input: input, output: output, lines: bufio.NewReaderSize(output, 64<<10), stderr: &head{limit: 4 << 10},
		mark: "-- " + rand.Text(), ended: make(chan struct{})}
	go func() {
		defer close(t.ended)
		t.exit, t.err = db.server.ExecStream(ctx, db.container, db.psql(name), in, out, t.stderr)
		_ = in.CloseWithError(errors.New("psql has ended"))
		_ = out.Close()
	}()
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
	if _, err := io.WriteString(t.input, statements+"\n\\echo "+t.mark+"\n"); err != nil {
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
			return nil, errors.New("psql printed more than can be held")
		}
		lines = append(lines, line)
	}
}

// failure is why psql ended before it was told to.
func (t *transaction) failure() error {
	t.end()
	if t.err != nil {
		return t.err
	}
	return fmt.Errorf("psql ended with exit code %d: %s", t.exit, t.stderr.line())
}

// end closes the session; its transaction changes nothing.
func (t *transaction) end() {
	_ = t.input.Close()
	_ = t.output.CloseWithError(errors.New("nobody reads on"))
	<-t.ended
}
