package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// Record is what is known of a backup without its key. It lies beside the
// encrypted file and tells nothing of any row.
type Record struct {
	Name    string    `json:"name"`
	Project string    `json:"project"`
	Target  string    `json:"target"`
	Release string    `json:"release"`
	Cause   string    `json:"cause"`
	Created time.Time `json:"created"`
	Bytes   int64     `json:"bytes"`  // of the encrypted file
	SHA256  string    `json:"sha256"` // of the encrypted file
	// Plain is the length of what is encrypted.
	Plain int64 `json:"plain_bytes"`
	// Place and Kind are those of the manifest; empty: a PostgreSQL database.
	Place  string `json:"place,omitempty"`
	Kind   Kind   `json:"kind,omitempty"`
	Tables int    `json:"tables"`
	Rows   int64  `json:"rows"`
	// Notes are what should be known of it.
	Notes []string `json:"notes,omitempty"`
	// Decrypted reports whether the written file was decrypted again to check it: it
	// cannot be where only public keys are known.
	Decrypted bool          `json:"decrypted"`
	Took      time.Duration `json:"took_ns"`
	// Where names the hosts that took it; empty in records of before.
	Where string `json:"where,omitempty"`
}

// Listed is a backup and where it is. Without a record, its Bytes are those of
// a copy.
type Listed struct {
	Record
	Host  bool `json:"on_host"`
	Local bool `json:"local"`
	// Nodes are those of a cluster that have a copy.
	Nodes []string `json:"nodes,omitempty"`
	// HostBytes and LocalBytes are how large the copies are.
	HostBytes  int64 `json:"host_bytes"`
	LocalBytes int64 `json:"local_bytes"`
	// Problem is what the copies' sizes tell; empty: nothing is wrong with them.
	Problem string `json:"problem,omitempty"`
	// on is the host whose copy counts.
	on Host
}

// Recorded reports whether a record of the backup was found.
func (l Listed) Recorded() bool { return l.recorded() }

func (r Record) recorded() bool { return r.SHA256 != "" }

// whole reports whether a copy of that size may be what was written.
func (l Listed) whole(bytes int64) bool { return !l.Recorded() || bytes == l.Bytes }

// wrong returns what is wrong with the copies, as far as their sizes tell.
func (l Listed) wrong() string {
	if !l.Recorded() {
		return "it has no record: only a restore tells whether it is whole"
	}
	var out []string
	for _, c := range []struct {
		there bool
		bytes int64
		where string
	}{{l.Host, l.HostBytes, "on the host"}, {l.Local, l.LocalBytes, "here"}} {
		switch {
		case c.there && c.bytes < l.Bytes:
			out = append(out, fmt.Sprintf("truncated %s: %d of %d bytes", c.where, c.bytes, l.Bytes))
		case c.there && c.bytes > l.Bytes:
			out = append(out, fmt.Sprintf("larger than recorded %s: %d instead of %d bytes", c.where, c.bytes, l.Bytes))
		}
	}
	return strings.Join(out, "; ")
}

// kept is a copy of a backup: what its record says, and how large it is.
type kept struct {
	Record
	size int64
	on   Host
}

// read gives a copy its record, where that is about it.
func (f *kept) read(raw []byte) {
	if known, err := parseRecord(raw, f.Name); err == nil {
		f.Record = known
	}
}

const (
	maxRecord = 64 << 10
	// maxListed bounds how many backups are looked at in one place.
	maxListed = 2000
)

// parseRecord reads a record file; what it says is only ever shown.
func parseRecord(raw []byte, name string) (Record, error) {
	var r Record
	if len(raw) > maxRecord {
		return r, errors.New("it is too large")
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, err
	}
	if r.Name != name || !validName(name) || r.Bytes < 0 || len(r.SHA256) != hex.EncodedLen(sha256.Size) {
		return r, errors.New("it is not about this backup")
	}
	return r, nil
}

// List lists what the host and the operator's folder hold, newest first.
func (b *Backups) List(ctx context.Context) ([]Listed, error) {
	found := map[string]*Listed{}
	at := func(f kept) *Listed {
		l := found[f.Name]
		if l == nil {
			l = &Listed{}
			found[f.Name] = l
		}
		if !l.Recorded() {
			l.Record = f.Record
		}
		return l
	}
	local, err := b.localCopies()
	if err != nil {
		return nil, err
	}
	for _, f := range local {
		l := at(f)
		l.Local, l.LocalBytes = true, f.size
	}
	remote, err := b.hostCopies(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range remote {
		l := at(f)
		if f.on.Name != "" {
			l.Nodes = append(l.Nodes, f.on.Name)
		}
		if !l.Host || !l.whole(l.HostBytes) { // of two hosts, the one with a whole copy
			l.Host, l.HostBytes, l.on = true, f.size, f.on
		}
	}
	out := make([]Listed, 0, len(found))
	for _, l := range found {
		l.Problem = l.wrong()
		out = append(out, *l)
	}
	sort.Slice(out, func(i, j int) bool { return stamp(out[i].Name) > stamp(out[j].Name) })
	return out, nil
}

// stamp is the time in a backup's name.
func stamp(name string) string {
	parts := strings.Split(name, "-")
	return strings.Join(parts[max(0, len(parts)-2):], "-")
}

// mine reports whether a name is a backup of this project.
func (b *Backups) mine(name string) bool {
	return validName(name) && strings.HasPrefix(name, b.Project+"-") && len(name) == len(b.Project)+len("-20060102T150405Z-abcdef")
}

func (b *Backups) localCopies() ([]kept, error) {
	entries, err := os.ReadDir(b.Config.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, stack.Usage(b.Config.Dir, 0, err.Error(), "name another folder under backup.dir")
	}
	var out []kept
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), dataEnding)
		info, err := e.Info()
		if !ok || !b.mine(name) || err != nil || !info.Mode().IsRegular() || len(out) >= maxListed {
			continue
		}
		f := b.unrecorded(name, info.Size())
		if raw, err := readBounded(filepath.Join(b.Config.Dir, name+recordEnding), maxRecord); err == nil {
			f.read(raw)
		}
		if f.Target == "" || f.Target == b.Target {
			out = append(out, f)
		}
	}
	return out, nil
}

// unrecorded is what is known of a copy without a record.
func (b *Backups) unrecorded(name string, size int64) kept {
	return kept{Record: Record{Name: name, Project: b.Project, Bytes: size, Created: created(name)}, size: size}
}

func created(name string) time.Time {
	parts := strings.Split(name, "-")
	at, _ := time.Parse("20060102T150405Z", parts[max(0, len(parts)-2)])
	return at
}

func readBounded(file string, limit int64) ([]byte, error) {
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = errors.New("it is too large")
	}
	return raw, err
}

// temporary is a backup's name on the host while it is not whole.
func temporary(name string) string { return "." + name + ".tmp" }

// temporaryHere is the same here, where other targets may write to the same
// folder at the same time.
func (b *Backups) temporaryHere(name string) string {
	sum := sha256.Sum256([]byte(b.Target))
	return "." + hex.EncodeToString(sum[:4]) + "-" + name + ".tmp"
}

// tidyLocal removes what an earlier run left half written here.
func (b *Backups) tidyLocal() error {
	left, err := filepath.Glob(filepath.Join(escapeGlob(b.Config.Dir), b.temporaryHere(b.Project+"-*")))
	if err != nil {
		return err
	}
	for _, f := range left {
		if err := removeIfThere(f); err != nil {
			return fault("tidy "+b.Config.Dir, err, "")
		}
	}
	return nil
}

func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}

// Prune removes the oldest backups of each place beyond Config.Keep, here and on
// the host; it returns the names that went. A copy that was cut takes no whole one's place.
// What this run took stays, though others carry a time of the future.
// Only files with names of ours are looked at.
func (b *Backups) Prune(ctx context.Context) ([]string, error) {
	list, err := b.List(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(x, y Listed) int { // the newest first, these before them
		return slices.Index(b.taken, y.Name) - slices.Index(b.taken, x.Name)
	})
	var gone []string
	host, local := map[string]int{}, map[string]int{}
	enough := func(kept map[string]int, place string, whole bool) bool {
		if kept[place] == b.Config.Keep {
			return true
		}
		if whole {
			kept[place]++
		}
		return false
	}
	for _, l := range list {
		drop := false
		if l.Host && enough(host, b.placeName(l.Record), l.whole(l.HostBytes)) {
			drop = true
			if err := b.onHosts(ctx, "remove backup "+l.Name+" on the host", "rm", "-f", "--", path.Join(b.hostDir(), l.Name+dataEnding), path.Join(b.hostDir(), l.Name+recordEnding)); err != nil {
				return gone, err
			}
		}
		if l.Local && !b.Archive && enough(local, b.placeName(l.Record), l.whole(l.LocalBytes)) {
			drop = true
			err := errors.Join(removeIfThere(filepath.Join(b.Config.Dir, l.Name+dataEnding)), removeIfThere(filepath.Join(b.Config.Dir, l.Name+recordEnding)))
			if err != nil {
				return gone, fault("remove backup "+l.Name, err, "")
			}
		}
		if drop {
			gone = append(gone, l.Name)
		}
	}
	return gone, nil
}

func removeIfThere(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
