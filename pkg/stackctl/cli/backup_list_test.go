package cli

import (
	"bytes"
	"testing"
	"time"

	"stackctl/pkg/stackctl/backup"
)

func TestBackupsInWords(t *testing.T) {
	var out bytes.Buffer
	taken := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	err := (&backupListOptions{printer: printerTo(&out, "text")}).print([]backup.Listed{
		{Record: backup.Record{Name: "b", Created: taken, Bytes: 3 << 20, SHA256: "f", Place: "db", Kind: backup.PostgreSQL, Tables: 12, Rows: 41, Release: "aaaa", Cause: "asked for"}, Host: true, Local: true, Problem: "truncated on the host: 5 of 3145728 bytes"},
		{Record: backup.Record{Name: "c", Created: taken, Bytes: 5, SHA256: "f", Kind: backup.PostgreSQL}, Host: true, Nodes: []string{"n1", "n2"}},
		{Record: backup.Record{Name: "a", Created: taken, Bytes: 5}, Local: true, Problem: "it has no record"},
	})
	want := `BACKUP  PLACE  TAKEN                 SIZE     PARTS      COUNT    RELEASE  WHERE       CAUSE
b       db     2026-11-22 12:00 UTC  3 MB     12 tables  41 rows  aaaa     host, here  asked for
c       -      2026-11-22 12:00 UTC  5 bytes  0 tables   0 rows   -        n1, n2      -
a       -      2026-11-22 12:00 UTC  5 bytes  -          -        -        here        -

b: truncated on the host: 5 of 3145728 bytes
a: it has no record
`
	if err != nil || out.String() != want {
		t.Errorf("%v, got\n%swant\n%s", err, out.String(), want)
	}
}
