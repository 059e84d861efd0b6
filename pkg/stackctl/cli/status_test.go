package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/operate"
	"stackctl/pkg/stackctl/stack"
)

func TestStatusInWords(t *testing.T) {
	var out bytes.Buffer
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	(&statusOptions{printer: printerTo(&out, "text")}).print(operate.Status{
		At: at, Target: "prod", Host: "203.0.113.7", Domain: "example.org", Live: "aaaa", Since: at.Add(-26 * time.Hour), By: "ada@desk", Commit: "8f6d5f0c1f2e3d4c",
		Health: operate.Health{State: "bad", Running: 1, Services: 2, Restarts: 4, Problems: []string{"worker is exited (exit code 1)"}},
		Disk:   stack.DiskUse{Total: 100 << 30, Free: 25 << 30, Images: 512 << 20, Volumes: -1, Files: 3 << 10},
		Backup: &operate.Backup{Name: "b.age", At: at.Add(-3 * time.Hour), Bytes: 2 << 20, Problem: "truncated on the host"},
		Certificates: []operate.Certificate{{Host: "example.org", Issuer: "X1", Until: at.AddDate(0, 0, 30), DaysLeft: 30},
			{Host: "www.example.org", Problem: "no answer: refused"}},
		Containers: []operate.Container{{Container: stack.Container{Service: "worker", Layer: "app", Release: "aaaa", State: "exited", Restarts: 4, ImageID: "sha256:1", Image: "sha256:1"}}},
		Releases:   []stack.ReleaseRecord{{ID: "aaaa", Images: []stack.Image{{ID: "sha256:1", Reference: "site:dev"}}}},
	})
	for _, want := range []string{
		"aaaa, live since 2026-11-21 10:00 UTC (1 d 2 h)", "commit 8f6d5f0c1f2e, deployed by ada@desk",
		"bad: 1 of 2 services run, 0 healthy, 4 restarts", "worker is exited (exit code 1)",
		"25.0 GB free of 100.0 GB (75 % used); ours: images 512 MB, files 3 kB", "nobody holds it", "b.age, 2 MB (3 h 0 min ago)\n             truncated on the host",
		"example.org      30         2026-12-22  X1      -\n", "no answer: refused", "site:dev",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestStatusOfAClusterByNode(t *testing.T) {
	var out bytes.Buffer
	(&statusOptions{printer: printerTo(&out, "text")}).print(operate.Status{
		Target: "prod", Host: "one, two", Domain: "example.org", Disk: stack.DiskUse{Total: 60 << 30, Free: 26 << 30, Images: 900 << 20, Volumes: 40 << 20, Files: 9 << 10},
		Hosts: []operate.Host{
			{Node: "one", Address: "203.0.113.7", Labels: []string{"edge", "data"}, Disk: stack.DiskUse{Total: 20 << 30, Free: 1 << 30, Images: 500 << 20, Volumes: 40 << 20, Files: 3 << 10},
				Memory: 4 << 30, FreeMemory: 3 << 30, Running: 3, NearlyFull: "1024 MB of 20480 MB are free in /srv/shop"},
			{Node: "two", Address: "203.0.113.8", Drained: true, Disk: stack.DiskUse{Total: 40 << 30, Free: 25 << 30, Images: -1, Volumes: -1, Files: -1}, Memory: 8 << 30},
		},
	})
	for _, want := range []string{
		"prod (one, two), https://example.org/", "26.0 GB free of 60.0 GB (57 % used); ours: images 900 MB, volumes 40 MB, files 9 kB; all nodes together\n             one is nearly full: 1024 MB of 20480 MB are free in /srv/shop; free space",
		"\nNODE  ADDRESS      LABELS      DISK", "\none   203.0.113.7  edge data   1.0 GB free of 20.0 GB (95 % used); ours: images 500 MB, volumes 40 MB, files 3 kB  3.0 GB free of 4.0 GB  3\n",
		"\ntwo   203.0.113.8  -, drained  25.0 GB free of 40.0 GB (38 % used)", "8.0 GB                 0\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestWhatRunsWithoutAWordOnTheHostIsNotNothing(t *testing.T) {
	container := func(release, state string) operate.Container {
		return operate.Container{Container: stack.Container{Service: "api", Release: release, State: state}}
	}
	var out bytes.Buffer
	(&statusOptions{printer: printerTo(&out, "text")}).print(operate.Status{Health: operate.Health{State: "none"}, Containers: []operate.Container{container("aaaa", "exited"), container("bbbb", "running")}})
	if text := out.String(); !strings.Contains(text, "which is live; bbbb runs") || strings.Contains(text, "nothing serves") {
		t.Errorf("%s", text)
	}
}

func TestALiveReleaseThatNobodyJudgedIsToldSo(t *testing.T) {
	for want, lock := range map[string]*stack.LockInfo{"a run was cut off; `stackctl deploy`": nil, "a run is at work": {Owner: "ada"}} {
		var out bytes.Buffer
		(&statusOptions{printer: printerTo(&out, "text")}).print(operate.Status{Live: "aaaa", Unjudged: true, Lock: lock})
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestWhatRunsBesideTheLiveReleaseIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		s    operate.Status
		told bool
	}{
		"left by a run":    {operate.Status{Live: "aaaa", Beside: []string{"bbbb", "cccc"}}, true},
		"a run is at work": {operate.Status{Live: "aaaa", Beside: []string{"bbbb"}, Lock: &stack.LockInfo{Owner: "ada"}}, false},
		"nothing does":     {operate.Status{Live: "aaaa"}, false},
	} {
		var out bytes.Buffer
		(&statusOptions{printer: printerTo(&out, "text")}).print(c.s)
		if told := strings.Contains(out.String(), "runs beside it"); told != c.told || told && !strings.Contains(out.String(), "release bbbb, cccc") {
			t.Errorf("%s:\n%s", name, out.String())
		}
	}
}

func TestDataInWords(t *testing.T) {
	var out bytes.Buffer
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	err := (&statusOptions{printer: printerTo(&out, "text")}).printData([]backup.Datum{
		{Place: backup.Place{Name: "db", Kind: backup.PostgreSQL, Service: "db", Reason: "image postgres:16 is known"}, Bytes: 3 << 20, Last: &backup.Listed{Record: backup.Record{Created: now.Add(-2 * time.Hour)}}},
		{Place: backup.Place{Name: "uploads", Kind: backup.Files, Service: "app", Reason: "app writes to it"}, Bytes: 0},
		{Place: backup.Place{Name: "cache", Kind: backup.None, Service: "app", Reason: "backup.places says so"}, Bytes: -1, Problem: "it does not run"},
	}, now)
	want := `PLACE    AS          SERVICE  SIZE     LAST BACKUP    BECAUSE
db       postgresql  db       3 MB     2 h 0 min ago  image postgres:16 is known
uploads  files       app      0 bytes  none           app writes to it
cache    none        app      ?        -              it does not run
`
	if err != nil || out.String() != want {
		t.Errorf("%v, got\n%swant\n%s", err, out.String(), want)
	}
}

func TestStatusTellsOfDockerCompose(t *testing.T) {
	for want, c := range map[string]operate.Composed{
		"docker compose started shop-web-1; `stackctl plan --adopt`":                             {Running: []string{"shop-web-1"}},
		"cut off, or is at work: shop-db-1.aside.no waits aside; `stackctl deploy --adopt` goes": {Running: []string{"shop-web-1"}, Aside: []string{"shop-db-1.aside.no"}},
	} {
		if got := composedLine(c); !strings.Contains(got, want) {
			t.Errorf("%q says nothing of %q", got, want)
		}
	}
}
