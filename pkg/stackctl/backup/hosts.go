package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

// Host is one that keeps copies.
type Host struct {
	// Name is the node's; empty: the server is one host.
	Name string
	Commands
}

// copies is on how many hosts of a cluster a backup is kept: the loss of one that
// also had the data loses neither.
const copies = 2

// hosts are those that may keep copies.
func (b *Backups) hosts() []Host {
	if len(b.Hosts) == 0 {
		return []Host{{Commands: b.Server}}
	}
	return b.Hosts
}

// takers are the hosts that a new backup goes to.
func (b *Backups) takers() []Host { return b.hosts()[:min(copies, len(b.hosts()))] }

// hostOf is the host that a service's container is on.
func (b *Backups) hostOf(ctx context.Context, service string) (Commands, error) {
	list, err := b.Server.Containers(ctx)
	for _, c := range list {
		for _, h := range b.Hosts {
			if b.owns(c) && c.Service == service && c.Node == h.Name && !c.Away {
				return h, nil
			}
		}
	}
	return b.Server, err
}

// where names the hosts that the backup goes to.
func (b *Backups) where() string {
	var names []string
	for _, h := range b.takers() {
		names = append(names, or(h.Name, "the host"))
	}
	return strings.Join(names, " and ")
}

// listScript prints name, size and record of each backup, NUL-separated.
const listScript = `cd -- "$1" 2>/dev/null || exit 0
n=0
for f in "$2"-*.age; do
  [ -f "$f" ] && [ ! -L "$f" ] || continue
  n=$((n + 1)); [ $n -le "$3" ] || break
  printf '%s\0' "${f%.age}"
  stat -c %s -- "$f" | tr -d '\n'
  printf '\0'
  [ -f "${f%.age}.json" ] && head -c 8192 -- "${f%.age}.json"
  printf '\0'
done`

func (b *Backups) hostCopies(ctx context.Context) ([]kept, error) {
	var all []kept
	for _, h := range b.hosts() {
		out, err := h.Run(ctx, "sh", "-c", listScript, "sh", b.hostDir(), b.Project, fmt.Sprint(maxListed))
		if err != nil {
			return nil, fault("list the backups in "+b.hostDir(), err, "")
		}
		all = append(all, b.listed(h, string(out.Stdout))...)
	}
	return all, nil
}

// listed reads what listScript printed on a host.
func (b *Backups) listed(h Host, text string) []kept {
	fields := strings.Split(text, "\x00")
	var list []kept
	for i := 0; i+2 < len(fields); i += 3 {
		name := fields[i]
		if !b.mine(name) {
			continue
		}
		size, _ := strconv.ParseInt(fields[i+1], 10, 64)
		f := b.unrecorded(name, size)
		f.on = h
		f.read([]byte(fields[i+2]))
		list = append(list, f)
	}
	return list
}

// putScript takes its input as a file that nobody else may read.
const putScript = `umask 077; mkdir -p -- "$1" && exec cat >"$1/$2"`

// upload is a new file on each of some hosts. A write fails as soon as one of them
// does not take it.
type upload struct {
	ways  []*io.PipeWriter
	ended []chan error
}

func (b *Backups) upload(ctx context.Context, name string) *upload {
	u := &upload{}
	for _, h := range b.takers() {
		in, out := io.Pipe()
		ended := make(chan error, 1)
		u.ways, u.ended = append(u.ways, out), append(u.ended, ended)
		go func() {
			err := b.put(ctx, h, in, name)
			if err != nil {
				_ = in.CloseWithError(err)
			}
			ended <- err
		}()
	}
	return u
}

func (b *Backups) put(ctx context.Context, h Host, in io.Reader, name string) error {
	stderr := &head{limit: 4 << 10}
	exit, err := h.Attach(ctx, in, io.Discard, stderr, "sh", "-c", putScript, "sh", b.hostDir(), name)
	if err == nil && exit != 0 {
		err = fault("write "+path.Join(b.hostDir(), name)+" on "+or(h.Name, "the host"), errors.New(or(stderr.line(), fmt.Sprintf("exit code %d", exit))), fixFor(stderr.line()))
	}
	return err
}

func (u *upload) Write(p []byte) (int, error) {
	for _, w := range u.ways {
		if n, err := w.Write(p); err != nil {
			return n, err
		}
	}
	return len(p), nil
}

// end closes the files; with an error the hosts are told that they are not whole.
func (u *upload) end(err error) {
	for _, w := range u.ways {
		_ = w.CloseWithError(err) // it never fails; nil is the end
	}
}

// sent waits until the hosts are done, and returns why one of them failed.
func (u *upload) sent() error {
	var first error
	for _, ended := range u.ended {
		if err := <-ended; first == nil {
			first = err
		}
	}
	return first
}

// fixFor returns what to do about a full disk.
func fixFor(said string) string {
	if strings.Contains(strings.ToLower(said), "no space left") {
		return "free some space: remove old backups, lower backup.keep, `docker image prune` on the host, or enlarge the disk"
	}
	return ""
}

// settleScript renames a file on the host to its final name, beside its record, where it
// is what was sent.
const settleScript = `cd -- "$1" && sync -- "$2" && sum=$(sha256sum -- "$2") && [ "${sum%% *}" = "$4" ] || { echo "its SHA-256 is ${sum%% *}, sent was $4" >&2; exit 9; }
umask 077; cat >"$2.json" && mv -f -- "$2.json" "$3.json" && mv -f -- "$2" "$3.age"`

func (b *Backups) settleOnHost(ctx context.Context, tmp string, r Record) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	for _, h := range b.takers() {
		stderr := &head{limit: 4 << 10}
		exit, err := h.Attach(ctx, strings.NewReader(string(raw)+"\n"), io.Discard, stderr, "sh", "-c", settleScript, "sh", b.hostDir(), tmp, r.Name, r.SHA256)
		if err == nil && exit != 0 {
			err = errors.New(stderr.line())
		}
		if err != nil {
			return fault("check the backup on "+or(h.Name, "the host"), err, fixFor(stderr.line()))
		}
	}
	return nil
}

// dropScript removes what a run that died or failed left under other names
// than final ones, and records without a backup.
const dropScript = `cd -- "$1" 2>/dev/null || exit 0
rm -f -- ".$2"-*.tmp ".$2"-*.tmp.json
for f in "$2"-*.json; do [ -e "${f%.json}.age" ] || rm -f -- "$f"; done`

// tidyHost removes what is not under a final name.
func (b *Backups) tidyHost(ctx context.Context) error {
	return b.onHosts(ctx, "tidy "+b.hostDir(), "sh", "-c", dropScript, "sh", b.hostDir(), b.Project)
}

// onHosts runs a command on every host.
func (b *Backups) onHosts(ctx context.Context, what string, argv ...string) error {
	for _, h := range b.hosts() {
		if _, err := h.Run(ctx, argv...); err != nil {
			return fault(what, err, "")
		}
	}
	return nil
}
