package backup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Restored is a database that took the live one's place.
type Restored struct {
	Outcome Outcome `json:"outcome"`
	// Former is the name that the replaced database has now; the next restore
	// drops it.
	Former string        `json:"former"`
	Switch time.Duration `json:"switch_ns"`
}

// ErrDiffers says that what was restored is not what the backup recorded.
var ErrDiffers = errors.New("what was restored is not what the backup recorded")

// Restore restores into a scratch database, compares it, and then lets it take
// the live one's place by a rename. Until then the live one is untouched;
// afterwards it stays under another name.
func (b *Backups) Restore(ctx context.Context, o *Opened) (r Restored, err error) {
	db, err := b.database(ctx)
	if err != nil {
		return r, err
	}
	scratch, out, err := b.scratch(ctx, db, o)
	r.Outcome = out
	defer func() {
		if err != nil && scratch != "" {
			late, cancel := aside(ctx)
			defer cancel()
			err = errors.Join(err, db.drop(late, scratch))
		}
	}()
	if err == nil && len(out.Differences) > 0 {
		err = fault("compare what was restored", ErrDiffers, "take another backup: `stackctl backup list`")
	}
	if err != nil {
		return r, err
	}
	if _, err := db.script(ctx, scratch, "ANALYZE;\n"); err != nil {
		return r, fault("analyze what was restored", err, "")
	}
	if err := db.dropFormer(ctx); err != nil {
		return r, err
	}
	began := b.Now()
	r.Former = formerPrefix + began.UTC().Format("20060102T150405Z")
	if err := db.swap(ctx, scratch, r.Former); err != nil {
		return r, err
	}
	r.Switch = b.Now().Sub(began)
	return r, nil
}

// Undo brings back the database that a restore replaced, and drops the
// restored one.
func (b *Backups) Undo(ctx context.Context, r Restored) error {
	db, err := b.database(ctx)
	if err != nil {
		return err
	}
	bad := scratchPrefix + random()
	if err := db.swap(ctx, r.Former, bad); err != nil {
		return err
	}
	return db.drop(ctx, bad)
}

func (db database) dropFormer(ctx context.Context) error {
	_, err := db.script(ctx, maintenance, `SELECT format('DROP DATABASE IF EXISTS %I', datname) FROM pg_database WHERE datname LIKE '`+strings.ReplaceAll(formerPrefix, "_", `\_`)+`%' \gexec
`)
	return fault("drop the database that the last restore replaced", err, "")
}

// swapPatience bounds how long the rename waits for connections to end.
const swapPatience = 30 * time.Second

// swap renames the live database to former and scratch to the live one's name,
// both or none. The rename keeps new connections waiting while the old ones
// are ended; they find the restored database.
func (db database) swap(ctx context.Context, scratch, former string) error {
	// Once it began, an interruption must not leave half of it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), swapPatience)
	defer cancel()
	rename := fmt.Sprintf("SET lock_timeout = '10s';\nBEGIN;\nALTER DATABASE %s RENAME TO %s;\nALTER DATABASE %s RENAME TO %s;\nCOMMIT;\n",
		identifier(db.name), identifier(former), identifier(scratch), identifier(db.name))
	end := fmt.Sprintf("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (%s, %s) AND pid <> pg_backend_pid();\n", literal(db.name), literal(scratch))
	var err error
	for ctx.Err() == nil {
		done := make(chan error, 1)
		go func() {
			_, err := db.script(ctx, maintenance, rename)
			done <- err
		}()
		for ended := false; !ended; {
			// Who connected before the rename held the database is ended too.
			_, _ = db.script(ctx, maintenance, end)
			select {
			case err = <-done:
				ended = true
			case <-time.After(20 * time.Millisecond):
			}
		}
		if err == nil || !strings.Contains(err.Error(), "being accessed by other users") {
			break
		}
	}
	return fault("switch database "+db.name+" to the restored one", err, "the live one is untouched; run the same command again")
}
