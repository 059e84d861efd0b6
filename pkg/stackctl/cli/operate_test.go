package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/operate"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

// speaking is a server whose containers log and execute what a test says.
type speaking struct {
	node.Server
	logs map[string][2]string // container → stdout, stderr
	exit int

	lock sync.Mutex
	want stack.LogOptions
}

func (s *speaking) Logs(_ context.Context, container string, o stack.LogOptions, stdout, stderr io.Writer) error {
	s.lock.Lock()
	s.want = o
	s.lock.Unlock()
	_, _ = io.WriteString(stderr, s.logs[container][1])
	_, _ = io.WriteString(stdout, s.logs[container][0])
	return nil
}

func (s *speaking) ExecStream(_ context.Context, _ string, argv []string, stdin io.Reader, stdout, _ io.Writer) (int, error) {
	_, _ = io.WriteString(stdout, strings.Join(argv, " ")+" hunter2-hunter2\n")
	if stdin != nil {
		_, _ = io.Copy(stdout, stdin)
	}
	return s.exit, nil
}

// printerTo returns a printer that hides a password.
func printerTo(out io.Writer, output string) *printer {
	p := newSession(nil, out, out).printer
	p.output, p.known = output, redact.New(map[string]string{"password": "hunter2-hunter2"})
	return p
}

var twoServices = []stack.Container{{ID: "1", Service: "api", Name: "s-api-1", Release: "r"}, {ID: "2", Service: "worker", Name: "s-worker-1"}}

func twoLogs() *speaking {
	return &speaking{logs: map[string][2]string{
		"1": {"2026-11-22T10:00:03.000000000Z third hunter2-hunter2\n", "2026-11-22T10:00:01.000000000Z first \x1b[2J\n"},
		"2": {"2026-11-22T10:00:02.000000000Z second\n2026-11-22T10:00:04.000000000Z no end", ""},
	}}
}

func TestLogsOfSeveralServicesAreInTheOrderOfTheirTimes(t *testing.T) {
	var out bytes.Buffer
	if err := showLogs(t.Context(), twoLogs(), newLogPage(printerTo(&out, "text"), twoServices), twoServices, stack.LogOptions{Tail: 10, Times: true}); err != nil {
		t.Fatal(err)
	}
	want := "api    | first [2J\nworker | second\napi    | third [redacted:password]\nworker | no end\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestLogsOfOneServiceStandWithoutItsName(t *testing.T) {
	var out bytes.Buffer
	if err := showLogs(t.Context(), twoLogs(), newLogPage(printerTo(&out, "text"), twoServices[1:]), twoServices[1:], stack.LogOptions{Times: true}); err != nil {
		t.Fatal(err)
	}
	if out.String() != "second\nno end\n" {
		t.Errorf("got %q", out.String())
	}
}

func TestLogsForMachines(t *testing.T) {
	var out bytes.Buffer
	if err := showLogs(t.Context(), twoLogs(), newLogPage(printerTo(&out, "json"), twoServices), twoServices, stack.LogOptions{Times: true}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var first logLine
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || len(lines) != 4 {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if first != (logLine{"api", "s-api-1", "r", "stderr", "2026-11-22T10:00:01.000000000Z", "first [2J"}) || strings.Contains(out.String(), "hunter2") {
		t.Errorf("%+v\n%s", first, out.String())
	}
}

func TestSince(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{"": {}, "15m": now.Add(-15 * time.Minute), "2026-11-22T10:00:00Z": now.Add(-2 * time.Hour)} {
		if got, err := sinceWhen(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"soon", "-5m", "2026-11-22"} {
		if _, err := sinceWhen(text, now); stack.CauseOf(err) != stack.CauseUsage {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestExecEndsAsTheCommandDid(t *testing.T) {
	var out bytes.Buffer
	for _, code := range []int{0, 1, 42, 137} {
		o := &execOptions{printer: printerTo(&out, "text"), in: strings.NewReader("given\n"), command: []string{"say", "it"}, stdin: code == 42}
		err := o.exec(t.Context(), &speaking{exit: code}, twoServices[0])
		if got := ExitCode(t.Context(), err); got != code {
			t.Errorf("exit code %d, want %d", got, code)
		}
	}
	if text := out.String(); strings.Contains(text, "hunter2") || strings.Count(text, "given") != 1 || !strings.Contains(text, "say it [redacted:password]") {
		t.Errorf("%s", text)
	}
}

func TestAnInterruptedExecSaysThatTheCommandMayGoOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := (&execOptions{printer: printerTo(io.Discard, "text"), command: []string{"sleep", "60"}}).exec(ctx, &speaking{}, twoServices[0])
	if ExitCode(t.Context(), err) != ExitInterrupted || !strings.Contains(err.Error(), "may go on there") {
		t.Errorf("%v", err)
	}
}

func TestATerminalIsNotGivenWithoutOne(t *testing.T) {
	o := &execOptions{printer: printerTo(io.Discard, "text"), in: strings.NewReader(""), command: []string{"sh"}}
	if err := o.terminal(t.Context(), &speaking{}, twoServices[0]); stack.CauseOf(err) != stack.CauseUsage {
		t.Errorf("%v", err)
	}
}

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

func TestBackupsInWords(t *testing.T) {
	var out bytes.Buffer
	taken := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	err := (&backupListOptions{printer: printerTo(&out, "text")}).print([]backup.Listed{
		{Record: backup.Record{Name: "b", Created: taken, Bytes: 3 << 20, SHA256: "f", Place: "db", Kind: backup.PostgreSQL, Tables: 12, Rows: 41, Release: "aaaa", Cause: "asked for"}, Host: true, Local: true, Problem: "truncated on the host: 5 of 3145728 bytes"},
		{Record: backup.Record{Name: "a", Created: taken, Bytes: 5}, Local: true, Problem: "it has no record"},
	})
	want := `BACKUP  PLACE  TAKEN                 SIZE     PARTS      COUNT    RELEASE  WHERE       CAUSE
b       db     2026-11-22 12:00 UTC  3 MB     12 tables  41 rows  aaaa     host, here  asked for
a       -      2026-11-22 12:00 UTC  5 bytes  -          -        -        here        -

b: truncated on the host: 5 of 3145728 bytes
a: it has no record
`
	if err != nil || out.String() != want {
		t.Errorf("%v, got\n%swant\n%s", err, out.String(), want)
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

func TestReleasesTellWhyOneFailed(t *testing.T) {
	var out bytes.Buffer
	failed := stack.ReleaseRecord{ID: "5f2c", State: stack.ReleaseFailed, Reason: "run migrate: it ended with exit code 2: configuration:\n  LOG_LEVEL: is \"loud\""}
	if err := (&releasesOptions{printer: printerTo(&out, "text")}).print([]stack.ReleaseRecord{failed}, ""); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `configuration: LOG_LEVEL: is "loud"`+"\n") {
		t.Errorf("%s", out.String())
	}
}

func TestReleasesForMachinesTellWhichIsLive(t *testing.T) {
	got := listed([]stack.ReleaseRecord{{ID: "b"}, {ID: "a"}}, "a")
	if raw, err := json.Marshal(got); err != nil || len(got) != 2 || got[0].Live || !got[1].Live || !strings.Contains(string(raw), `"live":true`) {
		t.Errorf("%s, %v", raw, err)
	}
	if raw, _ := json.Marshal(listed(nil, "")); string(raw) != "[]" {
		t.Errorf("none are %s", raw)
	}
}

func TestWhoHoldsTheLockInWords(t *testing.T) {
	var out bytes.Buffer
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	(&lockOptions{printer: printerTo(&out, "text")}).printHolder(stack.LockInfo{Owner: "ada\x1b[2J@desk", Run: "r1", Since: now.Add(-time.Hour), Beat: now.Add(-3 * time.Second)}, now)
	for _, want := range []string{"@desk holds the lock since 2026-11-22 11:00 UTC (run r1, last heard of 3 s ago)\n", "--lock-wait 10m", "stackctl lock --clear r1"} {
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%q is not in %q", want, out.String())
		}
	}
}

func TestExecForMachines(t *testing.T) {
	var out bytes.Buffer
	o := &execOptions{printer: printerTo(&out, "json"), in: strings.NewReader("one\nno end"), command: []string{"say"}, stdin: true}
	if err := o.exec(t.Context(), &speaking{exit: 3}, twoServices[0]); ExitCode(t.Context(), err) != 3 {
		t.Errorf("%v", err)
	}
	want := `{"service":"api","container":"s-api-1","release":"r","stream":"stdout","line":"say [redacted:password]"}
{"service":"api","container":"s-api-1","release":"r","stream":"stdout","line":"one"}
{"service":"api","container":"s-api-1","release":"r","stream":"stdout","line":"no end"}
{"service":"api","container":"s-api-1","release":"r","exit_code":3}
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestNoCommandRunsInAContainerThatDoesNot(t *testing.T) {
	if err := executable(stack.Container{Service: "api", State: "running"}); err != nil {
		t.Error(err)
	}
	err := executable(stack.Container{Service: "api", State: "exited"})
	if stack.CauseOf(err) != stack.CauseStep || !strings.Contains(err.Error(), "stackctl logs api") {
		t.Errorf("%v", err)
	}
}

func TestShownHostKeysAreNotTrustedYet(t *testing.T) {
	keys := []host.HostKey{{Type: "ssh-ed25519", Fingerprint: "SHA256:one"}, {Type: "ssh-rsa", Fingerprint: "SHA256:two"}}
	var out, errs bytes.Buffer
	o := &trustOptions{printer: printerTo(&out, "text")}
	o.errs = &errs
	if err := o.showKeys(keys, stack.Target{Name: "prod"}); err != nil || out.String() != "SHA256:one ssh-ed25519\nSHA256:two ssh-rsa\n" {
		t.Errorf("%v %q", err, out.String())
	}
	if want := "nothing was added"; !strings.Contains(errs.String(), want) || !strings.Contains(errs.String(), "stackctl trust --target prod --fingerprint SHA256:one") {
		t.Errorf("%q", errs.String())
	}
}

func TestWhatBeginsWithTheCommandIsTheCommands(t *testing.T) {
	for line, want := range map[string]string{
		"db sh -c true":           "db [] [sh -c true]",
		"db -- sh -c true":        "db [] [sh -c true]",
		"db --tty psql":           "db [--tty psql] []",
		"db --tty -- psql -U app": "db [--tty] [psql -U app]",
		"db -t prod -- ls -- x":   "db [-t prod] [ls -- x]",
		"db ls -- x":              "db [] [ls -- x]",
		"db -- -odd":              "db [] [-odd]",
	} {
		service, flags, command := parts(strings.Fields(line))
		if got := fmt.Sprint(service, " ", flags, " ", command); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
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
