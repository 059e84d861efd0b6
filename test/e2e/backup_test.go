//go:build e2e

package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/stack"
)

// psql runs statements in the live database, past stackctl.
func psql(t *testing.T, statements string) string {
	t.Helper()
	return strings.TrimSpace(onDroplet(t, `docker exec -i $(docker ps -q --filter label=com.docker.compose.service=postgres --filter label=com.docker.compose.project=stack) psql -X -q -A -t -v ON_ERROR_STOP=1 -U app app <<'SQL'
`+statements+"\nSQL"))
}

// dumped is what the live database holds, as one hash. The job queue, the
// schedule and the audit write on by themselves, so they are left out; the dump's own random
// mark is too.
func dumped(t *testing.T) string {
	t.Helper()
	return onDroplet(t, `docker exec $(docker ps -q --filter label=com.docker.compose.service=postgres --filter label=com.docker.compose.project=stack) `+
		`pg_dump -U app --exclude-table-data='river*' --exclude-table-data=audit_events --exclude-table-data=schedules --exclude-table-data='*_id_seq' app | grep -v '^.\(un\)\?restrict ' | sha256sum`)
}

// records lists the backups as stackctl does.
func (p project) backups() []backup.Listed {
	p.t.Helper()
	var list []backup.Listed
	if err := json.Unmarshal([]byte(p.must(0, "backup", "list", "--output", "json").out), &list); err != nil {
		p.t.Fatal(err)
	}
	return list
}

func TestABackupIsTakenRehearsedAndRestored(t *testing.T) {
	p := ensureGood(t)
	t.Cleanup(func() { onDroplet(t, "rm -f /srv/stack/backups/*") })
	const marked = "FROM users WHERE email LIKE 'marked-%@example.org'"
	psql(t, "DELETE "+marked+"; INSERT INTO users (email) SELECT 'marked-' || i || '@example.org' FROM generate_series(1, 1000) i")
	t.Cleanup(func() { psql(t, "DELETE "+marked) })
	p.must(0, "backup")
	list := p.backups()
	if len(list) == 0 || !list[0].Host || !list[0].Local || !list[0].Decrypted || list[0].Rows < 1000 {
		t.Fatalf("got %+v", list)
	}
	name := list[0].Name
	if plain := onDroplet(t, "head -c 21 /srv/stack/backups/"+name+".age; grep -rl AGE-SECRET /srv/stack || true"); plain != "age-encryption.org/v1" {
		t.Errorf("on the host it begins with %q", plain)
	}
	p.must(0, "restore", name, "--drill")
	if drill := read(t, filepath.Join(p.lastRun(), "drill.json")); !strings.Contains(drill, `"differences": null`) {
		t.Errorf("the drill says %s", drill)
	}
	if left := psql(t, "SELECT datname FROM pg_database WHERE datname LIKE 'stackctl%'"); left != "" {
		t.Errorf("the drill left %s", left)
	}
	psql(t, "DELETE "+marked)
	if r := p.must(2, "restore", name); !strings.Contains(r.err, "--yes") {
		t.Errorf("it says %s%s", r.out, r.err)
	}
	p.interruptRestore(name)
	if got := psql(t, "SELECT count(*) "+marked); got != "0" {
		t.Errorf("%s rows are back although the restore was interrupted", got)
	}
	if left := psql(t, "SELECT datname FROM pg_database WHERE datname LIKE 'stackctl%'"); left != "" {
		t.Errorf("the interrupted restore left %q", left)
	}
	c := client(t)
	until(t, 30*time.Second, "the application finds its database again", func() bool { return serves(t, c) })
	p.must(0, "restore", name, "--yes")
	if got := psql(t, "SELECT count(*) "+marked); got != "1000" {
		t.Errorf("%s rows are back, want 1000", got)
	}
	if list = p.backups(); !strings.HasPrefix(list[0].Cause, "before the restore of "+name) {
		t.Errorf("the present state was not backed up: %+v", list[0])
	}
	if !serves(t, client(t)) {
		t.Error("the site does not answer")
	}
	p.must(0, "verify", "--gate", "G6")
	everyArtifact(t, p)
}

// interruptRestore presses Ctrl-C when the restored database has taken the live
// one's place and is about to be judged.
func (p project) interruptRestore(name string) {
	p.t.Helper()
	before := p.lastRun()
	r := p.start("restore", name, "--yes")
	until(p.t, 4*time.Minute, "the restored database is to be judged", func() bool {
		return p.lastRun() != before && strings.Contains(p.soFar(), `"reconnect"`)
	})
	if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
		p.t.Fatal(err)
	}
	if ended := r.wait(p.t, time.Minute); ended.exit != 130 || !strings.Contains(ended.out, "what was replaced is back") {
		p.t.Errorf("exit code %d\n%s%s", ended.exit, ended.out, ended.err)
	}
}

func TestABackupThatCannotBeReadIsRefused(t *testing.T) {
	p := onGood(t)
	t.Cleanup(func() { onDroplet(t, "rm -f /srv/stack/backups/*") })
	p.must(0, "backup")
	name := p.backups()[0].Name
	file := filepath.Join(p.root, ".stackctl", "backups", "sandbox", name+".age")
	whole := []byte(read(t, file))
	cut := filepath.Join(p.root, "cut.age")
	if err := os.WriteFile(cut, whole[:len(whole)-100], 0o600); err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(whole)
	changed[len(changed)/2] ^= 1
	if err := os.WriteFile(file, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	p.must(0, "backup", "keygen", filepath.Join(p.root, "other.key"))
	for _, c := range [][]string{{"restore", cut, "--drill"}, {"restore", name, "--drill"}, {"restore", "../../etc/passwd", "--drill"}, {"restore", "nothing", "--yes"}} {
		if r := p.must(2, c...); strings.Contains(r.out, "drill –") {
			t.Errorf("%v went on: %s", c, r.out)
		}
	}
	p.edit("stackctl.yaml", "backup:\n", "backup:\n  identity: other.key\n")
	if r := p.must(2, "restore", "latest", "--drill"); !strings.Contains(r.out, "another key") && !strings.Contains(r.out, "changed or cut") {
		t.Errorf("it says %s", r.out)
	}
}

func TestAFullDiskStopsTheBackupAndTheOldReleaseServes(t *testing.T) {
	p := onGood(t)
	onDroplet(t, "mount -t tmpfs -o size=8k,mode=0777 tmpfs /srv/stack/backups")
	t.Cleanup(func() { onDroplet(t, "umount /srv/stack/backups") })
	r := p.must(4, "backup")
	if !strings.Contains(strings.ToLower(r.out), "no space left") {
		t.Errorf("it says\n%s", r.out)
	}
	if left := onDroplet(t, "ls -A /srv/stack/backups") + fmt.Sprint(len(p.backups())); left != "0" {
		t.Errorf("left: %s", left)
	}
	if !serves(t, client(t)) {
		t.Error("the old release does not serve")
	}
}

// behind lets the live database be behind what the image carries, and brings it
// back. The first migration that is missing makes a table, and then fails on an index
// that is there already: what it did before must be gone.
func behind(t *testing.T) {
	t.Helper()
	const unrepeatable = "4" // makes mail_tokens
	stamps := psql(t, "SELECT string_agg('(' || version_id || ', true)', ', ') FROM goose_db_version WHERE version_id >= "+unrepeatable)
	psql(t, "ALTER TABLE mail_tokens RENAME TO mail_tokens_aside; DELETE FROM goose_db_version WHERE version_id >= "+unrepeatable)
	t.Cleanup(func() {
		psql(t, "ALTER TABLE mail_tokens_aside RENAME TO mail_tokens; DELETE FROM goose_db_version WHERE version_id >= "+unrepeatable+"; INSERT INTO goose_db_version (version_id, is_applied) VALUES "+stamps)
	})
}

// answers reports whether the old release answers. It does not call itself ready
// while a migration of its own is missing.
func answers(t *testing.T) bool {
	t.Helper()
	resp, err := client(t).Get("https://" + domain + "/api/version")
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	discard(resp.Body)
	return resp.StatusCode == http.StatusOK
}

func TestAFailedMigrationLeavesSchemaAndDataAsTheyWere(t *testing.T) {
	p := ensureGood(t)
	t.Cleanup(func() { onDroplet(t, "rm -f /srv/stack/backups/*") })
	live := p.report().Live
	behind(t)
	p.write(".env", "LOG_LEVEL=debug\n")
	before := dumped(t)
	r := p.must(4, "deploy")
	if after := dumped(t); after != before {
		t.Errorf("the database was %sand is %s", before, after)
	}
	report := p.report()
	if report.Live != live || !strings.Contains(r.out, "migrate") || !answers(t) {
		t.Errorf("live %s, want %s\n%s", report.Live, live, r.out)
	}
	for _, s := range report.Steps {
		if s.Step.Kind == stack.StepBackup && !strings.Contains(s.Detail, "tables") {
			t.Errorf("before a pending migration the backup step says %q", s.Detail)
		}
	}
	if list := p.backups(); len(list) != 1 || !strings.HasPrefix(list[0].Cause, "before release "+report.Release) {
		t.Errorf("got %+v", list)
	}
}

func TestABackupThatFailsStopsTheDeployBeforeTheMigration(t *testing.T) {
	p := ensureGood(t)
	live := p.report().Live
	behind(t)
	p.write(".env", "LOG_LEVEL=debug\n")
	p.edit("stackctl.yaml", "backup:\n", "backup:\n  command: [sh, -c, \"echo half; exit 3\"]\n")
	p.must(4, "deploy")
	report := p.report()
	if report.Live != live || !answers(t) {
		t.Errorf("live %s, want %s", report.Live, live)
	}
	for _, s := range report.Steps {
		if s.Step.Kind == stack.StepMigrate {
			t.Error("the migration ran without a backup")
		}
	}
}

func TestARollbackThatTheSchemaCannotCarryIsRefused(t *testing.T) {
	p := ensureGood(t)
	first := p.report().Live
	p.write(".env", "LOG_LEVEL=warn\n")
	p.must(0, "deploy")
	second := p.report().Live
	// A later release contracted the schema.
	psql(t, "ALTER TABLE mail_tokens RENAME COLUMN purpose TO reason")
	r := p.stackctl("rollback", first)
	psql(t, "ALTER TABLE mail_tokens RENAME COLUMN reason TO purpose")
	if r.exit != 2 || !strings.Contains(r.out, "mail_tokens.purpose") || !strings.Contains(r.out, "cannot carry") || p.report().Live != second {
		t.Errorf("exit code %d, live %s; it says\n%s", r.exit, p.report().Live, r.out)
	}
	// With the schema as it was, the same rollback goes through.
	p.must(0, "rollback", first)
}

// writer changes the profile of one account again and again and remembers the
// last change that was acknowledged.
type writer struct {
	client      *http.Client
	csrf        string
	sent, acked int
	failed      int
	stop, ended chan struct{}
	mail        string
}

func (w *writer) call(method, path, body string) (int, map[string]any, error) {
	req, err := http.NewRequest(method, "https://"+domain+"/api"+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", "https://"+domain)
	if w.csrf != "" {
		req.Header.Set("X-CSRF-Token", w.csrf)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return 0, nil, err
	}
	var answer map[string]any
	_ = json.Unmarshal(raw, &answer)
	return resp.StatusCode, answer, nil
}

// token fetches the CSRF token of the session as it is now.
func (w *writer) token() error {
	w.csrf = ""
	status, answer, err := w.call(http.MethodGet, "/auth/csrf", "")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d", status)
	}
	w.csrf, _ = answer["token"].(string)
	return err
}

// newWriter signs an account up and begins to write, until its end is called.
func newWriter(t *testing.T) *writer {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := client(t)
	browser.Jar = jar
	w := &writer{client: browser, stop: make(chan struct{}), ended: make(chan struct{}), mail: strings.ToLower(rand.Text()[:12]) + "@example.org"}
	account := fmt.Sprintf(`{"email":%q,"password":"plum-lantern-41-orbit"}`, w.mail)
	for _, path := range []string{"/auth/signup", "/auth/login"} {
		if err := w.token(); err != nil {
			t.Fatal(err)
		}
		if status, answer, err := w.call(http.MethodPost, path, account); err != nil || status >= 300 {
			t.Fatalf("%s: status %d, %v, %v", path, status, answer, err)
		}
	}
	if err := w.token(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(w.ended)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for w.sent < 6000 {
			select {
			case <-w.stop:
				return
			case <-tick.C:
			}
			w.sent++
			status, _, err := w.call(http.MethodPatch, "/users/me", fmt.Sprintf(`{"display_name":"%d"}`, w.sent))
			if err == nil && status == http.StatusOK {
				w.acked = w.sent
			} else {
				w.failed++
			}
		}
	}()
	return w
}

func (w *writer) end() {
	close(w.stop)
	<-w.ended
}

func TestPostgresKilledDuringADeployLosesNoCommittedTransaction(t *testing.T) {
	const container = `$(docker ps -aq --filter label=com.docker.compose.service=postgres --filter label=com.docker.compose.project=stack)`
	p := onGood(t)
	w := newWriter(t)
	p.write(".env", "LOG_LEVEL=warn\nAUTH_RATE=601\n")
	r := p.start("deploy")
	until(t, 2*time.Minute, "the deploy starts the release", func() bool { return strings.Contains(p.soFar(), "start release") })
	onDroplet(t, "docker kill "+container)
	hit := r.wait(t, 6*time.Minute)
	// Whatever came of that deploy, the next one converges without help.
	p.must(0, "deploy")
	w.end()
	var stored, audited int
	_, err := fmt.Sscan(psql(t, "SELECT display_name FROM users WHERE email = '"+w.mail+"'")+" "+
		psql(t, "SELECT count(*) FROM audit_events a JOIN users u ON u.id = a.actor_id WHERE a.action = 'profile.update' AND u.email = '"+w.mail+"'"), &stored, &audited)
	acknowledged := w.sent - w.failed
	if err != nil || acknowledged == 0 || stored < w.acked || audited < acknowledged {
		t.Errorf("stored is change %d, the last acknowledged one is %d; %d are in the audit, %d were acknowledged: %v", stored, w.acked, audited, acknowledged, err)
	}
	if w.failed == 0 {
		t.Error("no write failed: the database was not down")
	}
	t.Logf("the deploy that was hit ended with %d; %d writes sent, %d acknowledged, %d audited", hit.exit, w.sent, acknowledged, audited)
}
