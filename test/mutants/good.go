package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// goodRun is one run of the whole suite on the good deployment.
type goodRun struct {
	Name    string   `json:"name,omitempty"`
	Loaded  bool     `json:"loaded"`
	Exit    int      `json:"exit_code"`
	Seconds float64  `json:"seconds"`
	Load    string   `json:"load_average"`
	Failed  []string `json:"failed,omitempty"`
	Reason  string   `json:"reason,omitempty"`
}

// good judges the good deployment n times with all tests, every second time
// beside busy loops; with none, beside what else the machine does. Any gate that
// does not pass is a false alarm.
func (b *bench) good(n, loops int, file string) (alarm bool, err error) {
	defer caught(&err)
	var runs []goodRun
	for i := range n {
		loaded := i%2 == 1 && loops > 0
		end := func() {}
		if loaded {
			end = busy(loops)
		}
		// So many runs in so short a time are more than the site lets anybody
		// sign up and log in.
		b.server.forget()
		p := b.project()
		began := time.Now()
		r, err := p.stackctl(runLimit, nil, "verify", "--all-tests")
		end()
		if err != nil {
			return true, err
		}
		one := goodRun{Loaded: loaded, Exit: r.exit, Seconds: time.Since(began).Seconds(), Load: loadAverage()}
		told, err := report(r.run)
		if err != nil {
			return true, err
		}
		one.Reason = told.Reason
		one.Failed = alarms(told)
		alarm = alarm || one.Exit != 0
		fmt.Printf("run %2d  loaded %-5t exit %d  %5.1f s  load %s  %v\n", i+1, loaded, one.Exit, one.Seconds, one.Load, one.Failed)
		runs = append(runs, one)
		_ = os.RemoveAll(p.root)
	}
	alarms, seconds := 0, map[bool][]float64{}
	for _, r := range runs {
		if r.Exit != 0 {
			alarms++
		}
		seconds[r.Loaded] = append(seconds[r.Loaded], r.Seconds)
	}
	for _, loaded := range []bool{false, true} {
		if list := seconds[loaded]; len(list) > 0 {
			slices.Sort(list)
			fmt.Printf("loaded %-5t %d runs, %.1f to %.1f s, median %.1f s\n", loaded, len(list), list[0], list[len(list)-1], list[len(list)/2])
		}
	}
	fmt.Printf("%d false alarms in %d runs\n", alarms, n)
	return alarm, keep(filepath.Join(b.repo, file), runs)
}

// harmless deploys unusual projects that are good, one after another. Any gate
// that fails, and any deploy that does not end well, is a false alarm.
func (b *bench) harmless(only *regexp.Regexp, file string) (alarm bool, err error) {
	defer caught(&err)
	var runs []goodRun
	for _, h := range slices.Concat(harmlessFiles, harmlessWords) {
		if !only.MatchString(h.name) {
			continue
		}
		p := b.project()
		h.files(p)
		began := time.Now()
		r, err := p.stackctl(runLimit, nil, "deploy")
		if err != nil {
			return true, err
		}
		told, err := report(r.run)
		if err != nil {
			return true, err
		}
		one := goodRun{Name: h.name, Exit: r.exit, Seconds: time.Since(began).Seconds(), Load: loadAverage(), Reason: told.Reason, Failed: alarms(told)}
		alarm = alarm || r.exit != 0
		fmt.Printf("%-50s exit %d  %5.1f s  %v\n", h.name, r.exit, one.Seconds, one.Failed)
		runs = append(runs, one)
		_ = os.RemoveAll(p.root)
	}
	b.mend()
	return alarm || len(runs) == 0, keep(filepath.Join(b.repo, file), runs)
}

// alarms are what the gates of a run did not pass.
func alarms(r stack.Report) []string {
	var out []string
	for _, g := range r.Gates {
		if g.Status == stack.Passed || g.Status == stack.Skipped {
			continue
		}
		out = append(out, g.ID+" "+g.Name+": "+string(g.Status)+" "+g.Reason)
		for _, f := range g.Findings {
			out = append(out, "  "+f.Subject+": "+f.Problem+": "+f.Observed)
		}
	}
	return out
}

// busy runs so many busy loops until it is told to end.
func busy(loops int) (end func()) {
	stop := make(chan struct{})
	for range loops {
		go func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if n%1000 == 0 {
					runtime.Gosched()
				}
			}
		}()
	}
	return func() { close(stop) }
}

func loadAverage() string {
	raw, _ := os.ReadFile("/proc/loadavg") // for the record only
	if len(raw) > 14 {
		raw = raw[:14]
	}
	return string(raw)
}
