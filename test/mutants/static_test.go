package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// scratch is a folder for all tests.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	scratch = dir
	code := m.Run()
	_ = os.RemoveAll(dir) // only space is lost
	os.Exit(code)
}

// built is stackctl, compiled once for all tests.
var built = sync.OnceValues(func() (file string, err error) {
	file, err = filepath.Abs(filepath.Join(scratch, "stackctl"))
	if err != nil {
		return "", err
	}
	build := exec.Command("scripts/build.sh", "stackctl", file)
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build stackctl: %w\n%s", err, out)
	}
	return file, nil
})

// prepared is a bench without a droplet and without the built program.
func prepared(t *testing.T) *bench {
	t.Helper()
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBench(repo, "", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEveryMutantOfTheFilesIsCaught breaks the project's files in one way at a
// time, and judges them in this process.
func TestEveryMutantOfTheFilesIsCaught(t *testing.T) {
	b := prepared(t)
	if good := b.try(mutant{name: "nothing is broken", gates: "none"}); good.Exit != 0 || len(good.By) > 0 || good.Broken != "" {
		t.Fatalf("the good project: %+v", good)
	}
	list := slices.DeleteFunc(all(), func(m mutant) bool { return !m.static() })
	tryAll(list, func(m mutant) {
		if o := b.try(m); o.Broken != "" || !o.Caught {
			t.Errorf("missed: %s: wanted %s by rule %q, failed were %v by %v (exit code %d) %s %s\n\tunlisted rules: %v", m.name, m.gates, m.rule, o.By, o.Rules, o.Exit, o.Said, o.Broken, o.Others)
		}
	})
	if len(list) < 380 {
		t.Errorf("only %d mutants of the files were tried", len(list))
	}
}

// TestNoHarmlessDeploymentFails judges unusual projects that are good.
func TestNoHarmlessDeploymentFails(t *testing.T) {
	b := prepared(t)
	tryAll(slices.Concat(harmlessFiles, harmlessWords), func(h harmless) {
		if o := b.try(mutant{name: h.name, gates: "none", files: h.files}); o.Exit != 0 || o.Broken != "" {
			t.Errorf("false alarm: %s: failed were %v by %v (exit code %d) %s %s", h.name, o.By, o.Rules, o.Exit, o.Said, o.Broken)
		}
	})
}

// tryAll tries a list, as many at once as there are cores, and tells how far it is.
func tryAll[T any](list []T, try func(T)) {
	began := time.Now()
	work := make(chan T)
	var all sync.WaitGroup
	var done atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for one := range work {
				try(one)
				if n := done.Add(1); n%50 == 0 || int(n) == len(list) {
					fmt.Fprintf(os.Stderr, "%d of %d projects judged in %s\n", n, len(list), time.Since(began).Round(time.Second))
				}
			}
		})
	}
	for _, one := range list {
		work <- one
	}
	close(work)
	all.Wait()
}

// TestTheTableIsWhole holds what the bench promises: every known row, each
// gate at least five times, no name twice.
func TestTheTableIsWhole(t *testing.T) {
	gates, rows, names := map[string]int{}, map[int]bool{}, map[string]bool{}
	own := 0
	for _, m := range all() {
		if names[m.name] {
			t.Errorf("two mutants are called %q", m.name)
		}
		names[m.name], rows[m.row] = true, true
		if m.row == 0 {
			own++
		}
		first := strings.Fields(m.gates)
		if len(first) == 0 {
			t.Fatalf("%s names no gate", m.name)
		}
		gates[first[0]]++
	}
	for row := 1; row <= 25; row++ {
		if !rows[row] {
			t.Errorf("row %d of the known broken deployments is missing", row)
		}
	}
	for _, id := range strings.Fields("G1 G2 G3 G4 G5 G6 G7 G8 G9 G10") {
		if gates[id] < 5 {
			t.Errorf("gate %s has %d mutants", id, gates[id])
		}
	}
	if own < 40 {
		t.Errorf("only %d mutants are not from the table of known ones", own)
	}
}

// TestAMissIsToldAsOne sees that the bench calls nothing caught that is not.
func TestAMissIsToldAsOne(t *testing.T) {
	b := prepared(t)
	for _, m := range []mutant{
		{name: "harmless", gates: "G9", rule: "compose/image-pinned", files: func(p *project) { p.append(composeFile, "# a comment\n") }},
		{name: "caught by another gate only", gates: "G2", rule: "contract/servers", files: func(p *project) { p.edit(staticFile, "acme-staging-v02", "acme-v02") }},
		{name: "caught by another rule of the gate", gates: "G1", rule: "acme/foreign-resolver", files: func(p *project) { p.edit(staticFile, "acme-staging-v02", "acme-v02") }},
		{name: "caught by a second rule as well", gates: "G1", rule: "acme/foreign-resolver", files: resolver("spare", "caServer: "+productionURL)},
		{name: "cannot be made", gates: "G9", rule: "compose/image-pinned", files: func(p *project) { p.edit(composeFile, "no such text", "") }},
	} {
		if o := b.try(m); o.Caught {
			t.Errorf("%s: told as caught by %v", m.name, o.By)
		}
	}
	if o := b.try(mutant{name: "another gate", gates: "G2", rule: "contract/servers", files: func(p *project) { p.edit(staticFile, "acme-staging-v02", "acme-v02") }}); !slices.Contains(o.By, "G1") {
		t.Errorf("the gate that caught it is not told: %+v", o)
	}
}
