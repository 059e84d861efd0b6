// Command projects takes figures of projects of many services, with stackctl and
// with `docker compose up --wait` on the host, in turns on a droplet of its own.
// It owns how the figures are taken; it judges none.
//
//	make build images && go run ./test/bench/projects
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	sizes := flag.String("sizes", "10:3,25:2,50:1", "how many `services:rounds` to take, and how often each")
	builds := flag.Int("builds", 3, "how often a build with nothing changed is taken")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if args := flag.Args(); len(args) == 3 { // the alternative itself, on the droplet
		err = alternative(ctx, args[0], args[1], args[2])
	} else {
		err = compare(ctx, *sizes, *builds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "projects:", err)
		os.Exit(1)
	}
}

func compare(ctx context.Context, sizes string, builds int) (err error) {
	h, err := newHost(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	if err := h.builds(builds); err != nil {
		return err
	}
	var all figures
	for _, size := range strings.Split(sizes, ",") {
		services, rounds, _ := strings.Cut(size, ":")
		n, err := strconv.Atoi(services)
		if err != nil || n < len(firsts) {
			return fmt.Errorf("-sizes: %q is no number of services from %d", services, len(firsts))
		}
		r, err := strconv.Atoi(cmp.Or(rounds, "1"))
		if err != nil {
			return fmt.Errorf("-sizes: %w", err)
		}
		for i := range r {
			fmt.Fprintf(os.Stderr, "%s  %d services, round %d of %d, load average %s\n", time.Now().Format(time.TimeOnly), n, i+1, r, loadAverage())
			if err := h.round(n, &all); err != nil {
				return fmt.Errorf("%d services: %w", n, err)
			}
		}
		all.print() // so that a later size that fails leaves those before
	}
	return nil
}

// round takes a project of n services through both ways, and removes it after each.
func (h *host) round(n int, all *figures) error {
	for _, way := range []struct {
		name    string
		do      func() (figure, error)
		web     string
		books   string
		ports   [2]int // of this machine, for web and books
		prepare func() error
	}{
		{ours, h.deploy, "https://" + domain + "/", "https://books." + domain + "/entries", [2]int{8080, 8081}, h.provision},
		{theirs, h.up, "http://" + domain + ":80/", "http://" + domain + ":443/entries", [2]int{80, 443}, nil},
	} {
		if way.prepare != nil {
			if err := way.prepare(); err != nil {
				return err
			}
		}
		for _, step := range []struct {
			what, method, url string
			change            func(*settings)
		}{
			{what: "first start"},
			{what: "nothing changed"},
			{what: "`web` changed, which overlaps", method: "GET", url: way.web, change: func(s *settings) { s.web++ }},
			{what: "`books` changed, which is recreated", method: "POST", url: way.books, change: func(s *settings) { s.books++ }},
		} {
			if step.change != nil {
				step.change(&h.settings)
			}
			if err := h.write(n, way.ports); err != nil {
				return err
			}
			end := func() tally { return tally{} }
			if step.url != "" {
				end = h.visit(step.method, step.url)
			}
			f, err := way.do()
			f.tally = end()
			if err != nil {
				return fmt.Errorf("%s, %s: %w", step.what, way.name, err)
			}
			f.services, f.what, f.way = n, step.what, way.name
			all.list = append(all.list, f)
			fmt.Fprintf(os.Stderr, "  %s, %s: %.2f s, %d requests to the Engine, %d visits, %d lost, the longest %s %s\n",
				step.what, way.name, f.took.Seconds(), f.calls, f.answered, f.lost, f.longest.Round(time.Millisecond), f.first)
		}
		if way.name == ours {
			if err := h.leaves(n, all); err != nil {
				return err
			}
		}
		if err := h.remove(way.name == ours); err != nil {
			return err
		}
	}
	return nil
}

// builds takes a project that is built, with nothing changed.
func (h *host) builds(rounds int) error {
	if rounds == 0 {
		return nil
	}
	if err := h.provision(); err != nil {
		return err
	}
	if err := h.writeBuilt(); err != nil {
		return err
	}
	var all figures
	for _, way := range []struct {
		name string
		do   func() (figure, error)
	}{{ours, h.deploy}, {"`docker compose up --build --wait`", h.up}} {
		for i := range rounds + 1 {
			f, err := way.do()
			if err != nil {
				return fmt.Errorf("a build, %s: %w", way.name, err)
			}
			f.services, f.way, f.what = 2, way.name, "a build, nothing changed"
			if i == 0 {
				f.what = "a build, first start"
			}
			all.list = append(all.list, f)
		}
		if err := h.remove(way.name == ours); err != nil {
			return err
		}
	}
	all.print()
	return nil
}

// The two ways.
const (
	ours   = "`stackctl deploy`"
	theirs = "`docker compose up --wait`"
)

// figure is one run of one way.
type figure struct {
	services  int
	what, way string
	took      time.Duration
	// serves is when the new release serves and is yet to be judged from outside;
	// 0: no other one serves afterwards, or nobody tells.
	serves time.Duration
	calls  int64 // requests to the Engine
	tally
}

func (f figure) visited() bool { return f.answered+f.lost > 0 }

// figures are all that were taken.
type figures struct {
	list []figure
	left []string // rows of what stackctl leaves on the host
}

// print writes the tables.
func (a *figures) print() {
	fmt.Printf("\nLoad average now: %s\n\n| services | what | way | median | all runs | of it until the new release served | requests to the Engine |\n|---|---|---|---|---|---|---|\n", loadAverage())
	a.each(func(all []figure) {
		var took, calls, serves []string
		for _, f := range all {
			took = append(took, fmt.Sprintf("%.2f", f.took.Seconds()))
			calls = append(calls, fmt.Sprint(f.calls))
			if f.serves > 0 {
				serves = append(serves, fmt.Sprintf("%.2f", f.serves.Seconds()))
			}
		}
		fmt.Printf("| %d | %s | %s | %.2f s | %s s | %s | %s |\n", all[0].services, all[0].what, all[0].way, median(all).Seconds(), strings.Join(took, ", "),
			cmp.Or(strings.Join(serves, ", "), "–"), strings.Join(calls, ", "))
	})
	if !slices.ContainsFunc(a.list, figure.visited) {
		return
	}
	fmt.Print("\n| services | what | way | requests | lost | longest wait |\n|---|---|---|---|---|---|\n")
	a.each(func(all []figure) {
		var asked, lost, longest []string
		for _, f := range all {
			asked = append(asked, fmt.Sprint(f.answered+f.lost))
			lost = append(lost, fmt.Sprint(f.lost))
			longest = append(longest, fmt.Sprintf("%.2f", f.longest.Seconds()))
		}
		if all[0].visited() {
			fmt.Printf("| %d | %s | %s | %s | %s | %s s |\n", all[0].services, all[0].what, all[0].way, strings.Join(asked, ", "), strings.Join(lost, ", "), strings.Join(longest, ", "))
		}
	})
	fmt.Print("\n| services | what is on the host after the deploys | how much |\n|---|---|---|\n" + strings.Join(a.left, ""))
}

// each hands out the runs of one size, step and way together, in the order in
// which they were first taken.
func (a *figures) each(do func([]figure)) {
	key := func(f figure) string { return fmt.Sprint(f.services, f.what, f.way) }
	groups, order := map[string][]figure{}, []string{}
	for _, f := range a.list {
		if groups[key(f)] == nil {
			order = append(order, key(f))
		}
		groups[key(f)] = append(groups[key(f)], f)
	}
	slices.SortStableFunc(order, func(x, y string) int {
		fx, fy := groups[x][0], groups[y][0]
		return cmp.Or(cmp.Compare(fx.services, fy.services), cmp.Compare(a.first(fx.what), a.first(fy.what)))
	})
	for _, k := range order {
		do(groups[k])
	}
}

// first is where a step is found first.
func (a *figures) first(what string) int {
	return slices.IndexFunc(a.list, func(f figure) bool { return f.what == what })
}

// median is the lower one where there are two.
func median(all []figure) time.Duration {
	var took []time.Duration
	for _, f := range all {
		took = append(took, f.took)
	}
	slices.Sort(took)
	return took[(len(took)-1)/2]
}

func loadAverage() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(raw))[:3], ", ")
}
