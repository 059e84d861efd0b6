//go:build linux

package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/stack"
)

// dock is this machine with its real engine as a server, and one project on it.
type dock struct {
	*engine.Engine
	t       *testing.T
	project string
	image   string
}

func (d dock) Run(ctx context.Context, argv ...string) (stack.Output, error) {
	return (&cluster{}).Run(ctx, argv...)
}

func (d dock) Attach(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, argv ...string) (int, error) {
	return (&cluster{}).Attach(ctx, stdin, stdout, stderr, argv...)
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// newDock opens the engine and makes an image that holds nothing.
func newDock(t *testing.T) dock {
	t.Helper()
	e, err := engine.Open(t.Context(), func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", "/var/run/docker.sock")
	})
	if err != nil {
		t.Fatalf("these tests need a Docker Engine (scripts/prepare-engine.sh): %v", err)
	}
	var tag [4]byte
	_, _ = rand.Read(tag[:])
	d := dock{e, t, "backuptest" + hex.EncodeToString(tag[:]), ""}
	empty := exec.Command("docker", "import", "-", d.project)
	empty.Stdin = bytes.NewReader(make([]byte, 10240))
	if out, err := empty.CombinedOutput(); err != nil {
		t.Fatalf("docker import: %v: %s", err, out)
	}
	t.Cleanup(func() {
		_ = exec.Command("sh", "-c", `docker rm -f $(docker ps -aq --filter label=com.docker.compose.project=`+d.project+` --filter label=dev.stackctl.loan=`+d.project+`); `+
			`docker rm -f $(docker ps -aq --filter label=com.docker.compose.project=`+d.project+`); docker volume rm -f `+d.project+`_data; docker rmi `+d.project).Run()
		_ = e.Close()
	})
	return d
}

// service starts a container of the project, of an image that has no program,
// which runs the host's shell.
func (d dock) service(name, mount, script string) string {
	d.t.Helper()
	args := []string{"run", "-d", "--network", "none", "--label", "com.docker.compose.project=" + d.project, "--label", "com.docker.compose.service=" + name,
		"--label", stack.LabelProject + "=" + d.project, "-v", mount}
	for _, dir := range []string{"/usr", "/bin", "/lib", "/lib64"} {
		args = append(args, "-v", dir+":"+dir+":ro")
	}
	return docker(d.t, append(args, d.project, "/bin/sh", "-c", script)...)
}

// sh runs a script in a container and returns what it prints.
func (d dock) sh(container, script string) string {
	d.t.Helper()
	return docker(d.t, "exec", container, "/bin/sh", "-c", script)
}

func (d dock) backups(p ...Place) *Backups {
	b := (&cluster{}).backups(d.t)
	b.Server, b.Project, b.Places = d, d.project, p
	return b
}

// filled makes every kind of file that a copy must carry.
const filled = `cd /data && mkdir -p -m 750 uploads/2026 'odd "name"' empty && chown 1000:1001 uploads && printf one >uploads/2026/a.txt && chmod 640 uploads/2026/a.txt &&
ln -s 2026/a.txt uploads/link && ln uploads/2026/a.txt uploads/hard && ln -s /nowhere dangling && printf two >"$(printf 'new\nline')" && chmod 2775 empty && mkfifo pipe && chmod 1777 . &&
truncate -s 64M sparse && printf end >>sparse && touch -d '2020-02-02 02:02:02' uploads/2026/a.txt`

// state prints what a folder holds.
const state = `cd /data && find . -printf '%p %y %m %U:%G %s %l %n\n' | sort && find . -type f -exec sha256sum {} + | sort && stat -c %Y uploads/2026/a.txt && du -s sparse`

func TestAVolumeIsBackedUpRehearsedRestoredAndUndone(t *testing.T) {
	d := newDock(t)
	c := d.service("app", d.project+"_data:/data", "while sleep 1; do :; done")
	d.sh(c, filled)
	if err := d.Return(t.Context(), c); err == nil || !strings.Contains(err.Error(), "no label") {
		t.Fatalf("a service's container was removed as if it had been lent: %v", err)
	}
	b := d.backups(Place{Name: "data", Kind: Files, Service: "app", Target: "/data"})
	before := d.sh(c, state)
	r, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Rows != 12 || r.Place != "data" || r.Kind != Files || !r.Decrypted || r.Bytes > 1<<20 {
		t.Errorf("got %+v", r)
	}
	data, err := b.Data(t.Context())
	if err != nil || len(data) != 1 || data[0].Bytes < 4096 || data[0].Bytes > 1<<20 || data[0].Last == nil || data[0].Last.Name != r.Name {
		t.Errorf("the data: %+v, %v", data, err)
	}
	o, err := b.Open(t.Context(), "latest")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	out, err := b.Rehearse(t.Context(), o)
	if err != nil || len(out.Differences) > 0 || out.Equal != out.Tables || out.Rows != 12 {
		t.Errorf("the drill: %+v, %v", out, err)
	}
	d.sh(c, "cd /data && rm -r uploads && echo new >new && chown 5:5 empty")
	changed := d.sh(c, "cd /data && find . | sort")
	re, err := b.Restore(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if after := d.sh(c, state); after != before {
		t.Errorf("it was\n%s\nand is\n%s", before, after)
	}
	if err := b.Undo(t.Context(), re); err != nil {
		t.Fatal(err)
	}
	if after := d.sh(c, "cd /data && find . | sort"); after != changed {
		t.Errorf("after the undo it is\n%s\nwant\n%s", after, changed)
	}
	d.nothingLeft(c)
}

// nothingLeft fails where something of ours is beside a volume or runs on.
func (d dock) nothingLeft(container string) {
	d.t.Helper()
	source := docker(d.t, "inspect", "-f", `{{range .Mounts}}{{if eq .Destination "/data"}}{{.Source}}{{end}}{{end}}`, container)
	left, err := filepath.Glob(filepath.Join(filepath.Dir(source), ".stackctl*"))
	if err != nil || len(left) > 0 {
		d.t.Errorf("left: %v, %v", left, err)
	}
	if lent := docker(d.t, "ps", "-aq", "--filter", "label="+stack.LabelLoan+"="+d.project); lent != "" {
		d.t.Errorf("lent containers are left: %s", lent)
	}
}

func TestADrillOfAFolderTellsWhatDiffers(t *testing.T) {
	d := newDock(t)
	dir := filepath.Join(t.TempDir(), "uploads")
	if err := os.MkdirAll(filepath.Join(dir, "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a/1", "a/2", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := d.service("app", dir+":/data", "sleep 1000")
	b := d.backups(Place{Name: "uploads", Kind: Files, Service: "app", Target: "/data", While: Stopped})
	if _, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"}); err != nil {
		t.Fatal(err)
	}
	if running := docker(t, "inspect", "-f", "{{.State.Running}}", c); running != "true" {
		t.Error("the service was stopped for the copy, and was not started again")
	}
	o, err := b.Open(t.Context(), "latest")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	// A tar that lost a file on its way is what a drill is for.
	o.Manifest.Tables[1].Rows++
	out, err := b.Rehearse(t.Context(), o)
	if err != nil || len(out.Differences) != 1 || out.Differences[0].Object != "folder a" || out.Differences[0].Problem != "other number of entries" {
		t.Errorf("got %+v, %v", out, err)
	}
	if _, err := b.Restore(t.Context(), o); !errors.Is(err, ErrDiffers) {
		t.Errorf("it was restored although it differs: %v", err)
	}
	d.nothingLeft(c)
}

func TestAFolderThatAnotherProjectWritesToIsNotReplaced(t *testing.T) {
	d := newDock(t)
	c := d.service("app", d.project+"_data:/data", "echo mine >/data/mine; sleep 1000")
	b := d.backups(Place{Name: "data", Kind: Files, Service: "app", Target: "/data"})
	if _, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"}); err != nil {
		t.Fatal(err)
	}
	o, err := b.Open(t.Context(), "latest")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	other := docker(t, "run", "-d", "--network", "none", "-v", d.project+"_data:/x", "-v", "/usr:/usr:ro", "-v", "/bin:/bin:ro", "-v", "/lib:/lib:ro", "-v", "/lib64:/lib64:ro", d.project, "/bin/sleep", "1000")
	defer docker(t, "rm", "-f", other)
	if _, err := b.Restore(t.Context(), o); stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "other projects") {
		t.Errorf("got %v", err)
	}
	if got := d.sh(c, "cat /data/mine"); got != "mine" {
		t.Errorf("it holds %q", got)
	}
	d.nothingLeft(c)
}

// sqliteWriter inserts pairs in one transaction each, in write-ahead mode: a
// copy that is not of one instant holds an odd number of rows or is malformed.
const sqliteWriter = `{ echo "PRAGMA journal_mode=WAL; CREATE TABLE t (i, x);"
while :; do echo "BEGIN; INSERT INTO t VALUES (1, randomblob(3000)); INSERT INTO t VALUES (2, randomblob(3000)); COMMIT;"; done; } | sqlite3 /data/app.db`

func TestADatabaseOfSQLiteIsCopiedInOneInstantWhileItIsWrittenTo(t *testing.T) {
	if _, err := exec.LookPath("sqlite3"); err != nil {
		t.Fatalf("Debian's package sqlite3: %v", err)
	}
	d := newDock(t)
	c := d.service("app", d.project+"_data:/data", sqliteWriter)
	rows := func(file string) string {
		out, err := exec.Command("sqlite3", file, "PRAGMA integrity_check; SELECT count(*) % 2, count(*) > 100 FROM t").CombinedOutput()
		if err != nil {
			return err.Error() + string(out)
		}
		return strings.TrimSpace(string(out))
	}
	source := docker(t, "inspect", "-f", `{{range .Mounts}}{{if eq .Destination "/data"}}{{.Source}}{{end}}{{end}}`, c)
	for deadline := time.Now().Add(time.Minute); rows(filepath.Join(source, "app.db")) != "ok\n0|1"; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing is written: %s\n%s", rows(filepath.Join(source, "app.db")), docker(t, "logs", c))
		}
	}
	b := d.backups(Place{Name: "data", Kind: Files, Service: "app", Target: "/data"})
	r, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	if told := strings.Join(r.Notes, "\n"); !strings.Contains(told, "app.db is a database of SQLite") || !strings.Contains(told, "paused for") {
		t.Errorf("it says %q", told)
	}
	if paused := docker(t, "inspect", "-f", "{{.State.Paused}}", c); paused != "false" {
		t.Error("the service is paused still")
	}
	o, err := b.Open(t.Context(), "latest")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	docker(t, "kill", c)
	if _, err := b.Restore(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := rows(filepath.Join(source, "app.db")); got != "ok\n0|1" {
		t.Errorf("the restored database: %s", got)
	}
}
