// Command app measures the application: real processes of the server binary
// with a real PostgreSQL and Redis on this machine, and a keep-alive client
// beside them. It prints tables for docs/benchmarks.md; it judges none of them.
//
//	go run ./test/bench/app
//	go run ./test/bench/app -lists 3000000
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

func main() {
	seconds := flag.Duration("for", 10*time.Second, "how long each load lasts")
	rows := flag.Int("lists", 0, "measure the staff pages alone, with so many audit events")
	flag.Parse()
	do := func() error { return run(*seconds) }
	if *rows > 0 {
		do = func() error { return lists(*rows) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(d time.Duration) error {
	s, err := prepare()
	if err != nil {
		return err
	}
	defer s.close()
	fmt.Printf("%d cores, GOMEMLIMIT of the API %s, load average %s\n", runtime.NumCPU(), apiMemory, loadAverage())
	for _, part := range []func(*site, time.Duration) error{startToReady, logins, reads, idle, flood} {
		fmt.Println()
		if err := part(s, d); err != nil {
			return err
		}
	}
	fmt.Printf("\nload average at the end %s\n", loadAverage())
	return nil
}

// heading is that of the tables of loads. The last column is what the cores
// could carry if they did nothing else, by the CPU time of one request in all
// processes: it holds also on a machine that is busy with other things.
const heading = `| what | per second | p50 ms | p99 ms | refused | CPU ms each: client, api, postgres, redis | by CPU time, per second |
|---|---|---|---|---|---|---|`

// starts is how often the time from start to ready is taken.
const starts = 5

func startToReady(s *site, _ time.Duration) error {
	var all []string
	for range starts {
		began := time.Now()
		api, err := s.start("api")
		if err != nil {
			return err
		}
		all = append(all, fmt.Sprintf("%.0f", float64(time.Since(began).Microseconds())/1000))
		api.stop()
	}
	fmt.Printf("start to ready, ms: %s\n", strings.Join(all, ", "))
	return nil
}

// logins measures logins beside the same hashes without anything around them,
// before and after, so that a change of the machine shows.
func logins(s *site, d time.Duration) error {
	api, err := s.start("api")
	if err != nil {
		return err
	}
	defer api.stop()
	fmt.Println(heading)
	rawHashes(d / 2)
	for _, n := range []int{10, 100} {
		l := load{workers: n, d: d, prepare: s.loginClient}
		if err := l.run(s, api, fmt.Sprintf("logins, %d at once", n)); err != nil {
			return err
		}
	}
	rawHashes(d / 2)
	return nil
}

// reads measures GET /users/me.
func reads(s *site, d time.Duration) error {
	api, err := s.start("api")
	if err != nil {
		return err
	}
	defer api.stop()
	fmt.Println(heading)
	for _, n := range []int{10, 100} {
		l := load{workers: n, d: d, prepare: s.readClient}
		if err := l.run(s, api, fmt.Sprintf("`GET /users/me`, %d at once", n)); err != nil {
			return err
		}
	}
	return nil
}

// idle tells the memory of each role at rest.
func idle(s *site, _ time.Duration) error {
	fmt.Println("| role | resident MiB, idle 5 s after start |\n|---|---|")
	for _, role := range []string{"api", "web", "static", "admin", "worker", "scheduler", "jobs-ui"} {
		p, err := s.start(role)
		if err != nil {
			return err
		}
		time.Sleep(5 * time.Second)
		fmt.Printf("| %s | %.1f |\n", role, p.memory("VmRSS"))
		p.stop()
	}
	return nil
}

// many is how many logins a flood sends at once.
const many = 1000

// flood sends many logins at once, each on a connection of its own, to a fresh
// API and tells how each was answered and what the API's memory grew to.
func flood(s *site, _ time.Duration) error {
	api, err := s.start("api")
	if err != nil {
		return err
	}
	defer api.stop()
	counts, lost, took := s.atOnce(many)
	fmt.Printf("%d logins at once: %v by status, %d without an answer, all answered in %.1f s, the API grew to %.0f MiB\n",
		many, counts, lost, took.Seconds(), api.memory("VmHWM"))
	return nil
}

func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}
