//go:build e2e

package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// ledger keeps what each test costs: where the time of all of them goes.
var ledger = struct {
	sync.Mutex
	costs map[string]*cost
}{costs: map[string]*cost{}}

// cost is a test's: how long it had a server, and its runs of stackctl by verb.
type cost struct {
	held time.Duration
	runs map[string]*runs
}

func (c *cost) String() string {
	text := fmt.Sprintf("%.0f s", c.held.Seconds())
	for _, verb := range slices.Sorted(maps.Keys(c.runs)) {
		text += fmt.Sprintf(", %d %s %.0f s", c.runs[verb].count, verb, c.runs[verb].took.Seconds())
	}
	return text
}

type runs struct {
	count int
	took  time.Duration
}

// charge lets a change a test's cost; subtests are their test's.
func charge(t *testing.T, change func(c *cost)) {
	name, _, _ := strings.Cut(t.Name(), "/")
	ledger.Lock()
	defer ledger.Unlock()
	c := ledger.costs[name]
	if c == nil {
		c = &cost{runs: map[string]*runs{}}
		ledger.costs[name] = c
	}
	change(c)
}

// holding counts the time from now until a test ends.
func holding(t *testing.T) {
	began := time.Now()
	t.Cleanup(func() {
		charge(t, func(c *cost) {
			c.held += time.Since(began)
			t.Logf("with a server for %s", c)
		})
	})
}

// ran counts a run of stackctl that has ended.
func ran(t *testing.T, verb string, took time.Duration) {
	charge(t, func(c *cost) {
		if c.runs[verb] == nil {
			c.runs[verb] = &runs{}
		}
		c.runs[verb].count++
		c.runs[verb].took += took
	})
}

// writeLedger adds the costs to a file, the highest first.
func writeLedger(file string) error {
	ledger.Lock()
	defer ledger.Unlock()
	var text strings.Builder
	names := slices.SortedFunc(maps.Keys(ledger.costs), func(a, b string) int { return cmp.Compare(ledger.costs[b].held, ledger.costs[a].held) })
	for _, name := range names {
		fmt.Fprintf(&text, "%s: %s\n", name, ledger.costs[name])
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		_, err = f.WriteString(text.String())
		err = errors.Join(err, f.Close())
	}
	return err
}
