package postgres

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// queueMigrations maps our versions to versions of the job queue's own
// migrations. Each is one transaction; the queue's fifth must be committed
// before its sixth, which uses an enum label that the former adds.
var queueMigrations = map[int64]int{2: 5, 3: 7}

// Migrations applies and lists the migrations that this binary carries.
type Migrations struct {
	db       *DB
	provider *goose.Provider
}

// NewMigrations reads the embedded migrations.
func NewMigrations(db *DB) (*Migrations, error) {
	p, err := provider(db.SQL.DB)
	return &Migrations{db: db, provider: p}, err
}

func provider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, err
	}
	var queue []*goose.Migration
	for version, target := range queueMigrations {
		queue = append(queue, goose.NewGoMigration(version, &goose.GoFunc{RunTx: migrateQueue(target)}, nil))
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithSessionLocker(locker), goose.WithGoMigrations(queue...), goose.WithDisableGlobalRegistry(true),
		goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, fmt.Errorf("read the embedded migrations: %w", err)
	}
	return p, nil
}

func migrateQueue(target int) func(context.Context, *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		m, err := rivermigrate.New(riverdatabasesql.New(nil), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		// Deprecated for migrations that cannot share a transaction; those of the
		// pinned version can, and one transaction is what keeps a failure whole.
		_, err = m.MigrateTx(ctx, tx, rivermigrate.DirectionUp, &rivermigrate.MigrateOpts{TargetVersion: target}) //nolint:staticcheck // see above
		return err
	}
}

func migrationName(s *goose.Source) string {
	if s.Path == "" {
		return fmt.Sprintf("%05d_job_queue_%d", s.Version, queueMigrations[s.Version])
	}
	return s.Path
}

// Head is the newest version that this binary carries.
func (m *Migrations) Head() int64 {
	sources := m.provider.ListSources()
	return sources[len(sources)-1].Version
}

// pending lists the migrations newer than what is in applied.
func (m *Migrations) pending(applied map[int64]bool) []string {
	var names []string
	for _, s := range m.provider.ListSources() {
		if !applied[s.Version] {
			names = append(names, migrationName(s))
		}
	}
	return names
}

// Stamp is the newest applied version, read from the stamp table; 0 where no
// migration was ever applied.
func Stamp(ctx context.Context, db *DB) (int64, error) {
	applied, err := stamps(ctx, db)
	if err != nil {
		return 0, err
	}
	newest := int64(0)
	for v := range applied {
		newest = max(newest, v)
	}
	return newest, nil
}

func stamps(ctx context.Context, db *DB) (map[int64]bool, error) {
	var there bool
	if err := db.SQL.GetContext(ctx, &there, `SELECT to_regclass('public.goose_db_version') IS NOT NULL`); err != nil {
		return nil, coded(err)
	}
	applied := map[int64]bool{}
	if !there {
		return applied, nil
	}
	var versions []int64
	if err := db.SQL.SelectContext(ctx, &versions, `SELECT version_id FROM goose_db_version WHERE is_applied AND version_id > 0`); err != nil {
		return nil, coded(err)
	}
	for _, v := range versions {
		applied[v] = true
	}
	return applied, nil
}
