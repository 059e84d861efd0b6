//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"
)

// walkLog remembers what became of the points of a walk: in a file, so that a
// walk of hours can be ended and go on, or in memory alone.
type walkLog struct {
	file string
	ends map[string]bool // by the point's name: whether it was survived
}

// readWalkLog reads what is there; no file yet is an empty log, no name is a
// log in memory.
func readWalkLog(t *testing.T, file string) *walkLog {
	t.Helper()
	l := &walkLog{file: file, ends: map[string]bool{}}
	if file == "" {
		return l
	}
	raw, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if end, rest, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			name, _, _ := strings.Cut(rest, "\t")
			l.ends[name] = end == "survived"
		}
	}
	return l
}

func (l *walkLog) survived(p fmt.Stringer) bool { return l.ends[p.String()] }

// add notes how a point ended. The last end of a point counts.
func (l *walkLog) add(t *testing.T, p fmt.Stringer, survived bool, took time.Duration) {
	t.Helper()
	l.ends[p.String()] = survived
	if l.file == "" {
		return
	}
	end := map[bool]string{true: "survived", false: "failed"}[survived]
	f, err := os.OpenFile(l.file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		_, err = fmt.Fprintf(f, "%s\t%s\t%.0f s\n", end, p, took.Seconds())
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Error(err)
	}
}

// sum returns how many points of some faults were walked and survived; it gives
// how many were walked.
func (l *walkLog) sum(t *testing.T, faults []fault) int {
	t.Helper()
	good, total := 0, 0
	for _, f := range faults {
		walked, survived := 0, 0
		for name, end := range l.ends {
			if strings.HasSuffix(name, ", "+string(f)) {
				walked++
				if end {
					survived++
				}
			}
		}
		good, total = good+survived, total+walked
		t.Logf("%-18s %d walked, %d survived", f, walked, survived)
	}
	t.Logf("%d of %d points survived", good, total)
	return total
}
