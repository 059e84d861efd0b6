package backup

import (
	"context"
	"fmt"
	"strings"
	"time"
)

func (db database) dropFormer(ctx context.Context) error {
	_, err := db.script(ctx, maintenance, `SELECT format('DROP DATABASE IF EXISTS %I', datname) FROM pg_database WHERE datname LIKE '`+strings.ReplaceAll(formerPrefix, "_", `\_`)+`%' \gexec
`)
	return fault("drop the database that the last restore replaced", err, "")
}

// swapPatience bounds how long the rename waits for connections to end.
const swapPatience = 30 * time.Second

// rename renames the live database to former and scratch to the live one's name,
// both or none. The rename keeps new connections waiting while the old ones
// are ended; they find the restored database.
func (db database) rename(ctx context.Context, scratch, former string) error {
	// Once it began, an interruption must not leave half of it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), swapPatience)
	defer cancel()
	statements := fmt.Sprintf("SET lock_timeout = '10s';\nBEGIN;\nALTER DATABASE %s RENAME TO %s;\nALTER DATABASE %s RENAME TO %s;\nCOMMIT;\n",
		identifier(db.name), identifier(former), identifier(scratch), identifier(db.name))
	end := fmt.Sprintf("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (%s, %s) AND pid <> pg_backend_pid();\n", literal(db.name), literal(scratch))
	var err error
	for ctx.Err() == nil {
		done := make(chan error, 1)
		go func() {
			_, err := db.script(ctx, maintenance, statements)
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
