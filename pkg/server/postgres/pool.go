package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"

	"stackctl/pkg/server/app"
)

// Address is where the database is.
type Address struct {
	Host     string
	Port     uint16
	Name     string
	User     string
	Password string
	// TLS asks for a server whose certificate fits Host, by the authorities of CA
	// (PEM); empty: by the system's.
	TLS bool
	CA  []byte
}

// DB is one pool, in the two forms in which it is used.
type DB struct {
	Pool *pgxpool.Pool
	SQL  *sqlx.DB
}

// Pool is what a pool of connections is for.
type Pool struct {
	// Role is whose it is, as the server's list of connections names it; Size is
	// how many connections it has at most.
	Role string
	Size int
	// Traces is what the spans of statements are made of; nil: there are none.
	Traces trace.TracerProvider
}

// Open makes a pool. It does not connect yet: a role starts without its database
// and is not ready until it answers.
func Open(ctx context.Context, a Address, p Pool) (*DB, error) {
	c, err := pgxpool.ParseConfig("sslmode=disable")
	if err != nil {
		return nil, fmt.Errorf("prepare the connection to %s:%d: %w", a.Host, a.Port, err)
	}
	c.ConnConfig.Host, c.ConnConfig.Port, c.ConnConfig.Database = a.Host, a.Port, a.Name
	c.ConnConfig.User, c.ConnConfig.Password = a.User, a.Password
	c.ConnConfig.Fallbacks, c.ConnConfig.TLSConfig = nil, a.tls()
	c.ConnConfig.ConnectTimeout = 3 * time.Second
	c.ConnConfig.StatementCacheCapacity = 64
	c.ConnConfig.RuntimeParams = map[string]string{
		"application_name":                    "server " + p.Role,
		"timezone":                            "UTC",
		"statement_timeout":                   "15000",
		"idle_in_transaction_session_timeout": "30000",
	}
	c.MaxConns, c.MinConns = int32(p.Size), 0 //nolint:gosec // each role names its small size
	// A connection at rest costs the server several MiB.
	c.MaxConnIdleTime, c.MaxConnLifetime = time.Minute, 30*time.Minute
	c.HealthCheckPeriod = 15 * time.Second
	if p.Traces != nil {
		// A statement has its values apart: its text tells nothing of anybody.
		c.ConnConfig.Tracer = otelpgx.NewTracer(otelpgx.WithTracerProvider(p.Traces), otelpgx.WithMeterProvider(noop.NewMeterProvider()),
			otelpgx.WithDisableAcquireTracer())
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open the pool for %s:%d: %w", a.Host, a.Port, err)
	}
	return &DB{Pool: pool, SQL: sqlx.NewDb(stdlib.OpenDBFromPool(pool), "pgx")}, nil
}

// tls is how the server proves itself; nil: it does not.
func (a Address) tls() *tls.Config {
	if !a.TLS {
		return nil
	}
	c := &tls.Config{ServerName: a.Host, MinVersion: tls.VersionTLS12}
	if len(a.CA) > 0 {
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM(a.CA)
	}
	return c
}

// Close closes the pool.
func (db *DB) Close() {
	_ = db.SQL.Close()
	db.Pool.Close()
}

// Ping says whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.Pool.Ping(ctx) }

// coded gives an error the code that the app knows it by.
func coded(err error) error {
	var known *app.Error
	var server *pgconn.PgError
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, sql.ErrNoRows), errors.Is(err, pgx.ErrNoRows):
		return app.ErrNotFound
	case errors.As(err, &connect), errors.As(err, &network), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, context.Canceled), pgconn.SafeToRetry(err), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone):
		return app.Unavailable("The database does not answer.", err)
	case errors.As(err, &server):
		if isOutage(server.Code) {
			return app.Unavailable("The database does not answer.", err)
		}
		return refused(server)
	}
	return err
}

// refused gives a broken rule of the schema the code that fits it.
func refused(err *pgconn.PgError) error {
	switch err.Code {
	case "23505": // unique
		return &app.Error{Code: app.CodeConflict, Message: "There is one with this value already.", Err: err}
	case "23503", "23514", "23502", "22001": // foreign key, check, not null, length
		return &app.Error{Code: app.CodeInvalid, Message: "The database refuses these values.", Err: err}
	}
	return err
}

// isOutage reports whether a SQLSTATE tells of the server rather than of the
// query: connection exceptions, too little memory, disk or connections,
// shutdown, cancelled statements, failures of its system, lock time-outs and
// deadlocks (PostgreSQL, appendix A).
func isOutage(state string) bool {
	switch state {
	case "55P03", "40001", "40P01":
		return true
	}
	return len(state) == 5 && slices.Contains([]string{"08", "53", "57", "58"}, state[:2])
}
