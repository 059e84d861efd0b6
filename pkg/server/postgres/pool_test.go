package postgres

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"stackctl/pkg/server/app"
)

// TestAnOutageIsToldAsOne holds SQLSTATEs against what users are told: whether
// to try again in a moment, or that something is wrong.
func TestAnOutageIsToldAsOne(t *testing.T) {
	for state, want := range map[string]app.Code{
		"08006": app.CodeUnavailable, // connection failure
		"40001": app.CodeUnavailable, // serialization failure
		"53100": app.CodeUnavailable, // disk full
		"53200": app.CodeUnavailable, // out of memory
		"53300": app.CodeUnavailable, // too many connections
		"55P03": app.CodeUnavailable, // lock not available
		"57014": app.CodeUnavailable, // query cancelled
		"57P01": app.CodeUnavailable, // shutdown
		"58030": app.CodeUnavailable, // I/O error
		"23505": app.CodeConflict,
		"22001": app.CodeInvalid,
		"42P01": app.CodeInternal, // no such table: a fault of the program
	} {
		if got := app.CodeOf(coded(fmt.Errorf("ask: %w", &pgconn.PgError{Code: state}))); got != want {
			t.Errorf("SQLSTATE %s is told as %q, want %q", state, got, want)
		}
	}
	for _, lost := range []error{io.ErrUnexpectedEOF, driver.ErrBadConn, sql.ErrConnDone} {
		if got := app.CodeOf(coded(fmt.Errorf("ask: %w", lost))); got != app.CodeUnavailable {
			t.Errorf("%v is told as %q", lost, got)
		}
	}
}
