//go:build linux

package backup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// resize gives a copy another size, and the one that it had.
func resize(t *testing.T, dir string, r Record, by int64) {
	t.Helper()
	if err := os.Truncate(filepath.Join(dir, r.Name+dataEnding), r.Bytes+by); err != nil {
		t.Fatal(err)
	}
}

// taken is a shop with one backup, here and on the host.
func taken(t *testing.T) (*Backups, Record) {
	t.Helper()
	c := newCluster(t)
	c.shop(t)
	b := c.backups(t)
	r, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	return b, r
}

func TestACopyOfAnotherSizeIsToldAndNotRestored(t *testing.T) {
	b, r := taken(t)
	open := func() (*Opened, error) { return b.Open(t.Context(), "latest") }
	told := func(want string) {
		t.Helper()
		list, err := b.List(t.Context())
		if err != nil || len(list) != 1 || list[0].Problem != want || list[0].Bytes != r.Bytes {
			t.Errorf("got %+v, %v, want %q", list, err, want)
		}
	}
	told("")
	resize(t, b.Config.Dir, r, -5)
	told(fmt.Sprintf("truncated here: %d of %d bytes", r.Bytes-5, r.Bytes))
	o, err := open() // from the host's copy, which is whole
	if err != nil || !o.fetched {
		t.Errorf("cut here alone: %v", err)
	}
	o.Close()
	resize(t, b.hostDir(), r, 7)
	both := fmt.Sprintf("larger than recorded on the host: %d instead of %d bytes; truncated here: %d of %d bytes", r.Bytes+7, r.Bytes, r.Bytes-5, r.Bytes)
	told(both)
	if _, err := open(); stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), r.Name+": "+both) {
		t.Errorf("no copy is whole: %v", err)
	}
	if err := os.RemoveAll(b.Config.Dir); err != nil {
		t.Fatal(err)
	}
	resize(t, b.hostDir(), r, -5)
	told(fmt.Sprintf("truncated on the host: %d of %d bytes", r.Bytes-5, r.Bytes))
	if _, err := open(); stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "truncated on the host") {
		t.Errorf("cut on the host: %v", err)
	}
	if left := names(t, b.Config.Dir); len(left) > 0 {
		t.Errorf("it was fetched: %v", left)
	}
}

func TestABackupWithoutARecordIsToldAndRestoredAllTheSame(t *testing.T) {
	b, r := taken(t)
	for _, dir := range []string{b.Config.Dir, b.hostDir()} {
		if err := os.Remove(filepath.Join(dir, r.Name+recordEnding)); err != nil {
			t.Fatal(err)
		}
	}
	list, err := b.List(t.Context())
	if err != nil || len(list) != 1 || !strings.HasPrefix(list[0].Problem, "it has no record") {
		t.Errorf("got %+v, %v", list, err)
	}
	o, err := b.Open(t.Context(), r.Name)
	if err != nil {
		t.Fatal(err)
	}
	o.Close()
}

// A disk that was full for a week leaves cut copies: they must not push out the
// last whole one.
func TestACutCopyTakesNoWholeOnesPlace(t *testing.T) {
	b, whole := taken(t)
	b.Config.Keep = 1
	later := make([]Record, 2)
	for i := range later {
		b.Now = func() time.Time { return time.Now().Add(time.Duration(i+1) * time.Second) } // names are ordered by the second
		var err error
		if later[i], err = b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"}); err != nil {
			t.Fatal(err)
		}
		resize(t, b.Config.Dir, later[i], -1)
	}
	gone, err := b.Prune(t.Context())
	if err != nil || len(gone) != 2 || !slices.Contains(gone, whole.Name) {
		t.Fatalf("pruned %v, %v", gone, err)
	}
	list, err := b.List(t.Context())
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, l := range list {
		if !l.Local || l.Host != (l.Name == later[1].Name) {
			t.Errorf("%s: here %t, on the host %t", l.Name, l.Local, l.Host)
		}
	}
	b.Now = func() time.Time { return time.Now().Add(time.Minute) }
	fresh, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err = b.List(t.Context()); err != nil || len(list) != 1 || list[0].Name != fresh.Name {
		t.Errorf("%+v, %v", list, err)
	}
}
