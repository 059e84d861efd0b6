// Command mutants breaks a good deployment in one way at a time, lets the built
// stackctl judge it, and tells which breaks were caught, by which gate. It owns
// the table of breaks and how each is made and undone; it judges none itself.
//
//	make mutants
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

func main() {
	var o settings
	flag.BoolVar(&o.files, "files", false, "try the mutants of the files alone, without a droplet")
	flag.BoolVar(&o.running, "running", false, "leave the mutants of the files out")
	flag.BoolVar(&o.keep, "keep", false, "keep the droplet for the next run")
	flag.StringVar(&o.only, "run", "", "try only mutants whose gates or name match this expression")
	flag.StringVar(&o.json, "json", "build/mutants/mutants.json", "where the outcomes are written")
	flag.IntVar(&o.good, "good", 0, "instead of mutants, judge the good deployment so often with all tests")
	flag.IntVar(&o.loops, "loops", 2, "how many busy loops run beside every second run of -good")
	flag.BoolVar(&o.harmless, "harmless", false, "instead of mutants, deploy unusual projects that are good")
	flag.Parse()
	missed, err := o.run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	}
	if missed {
		os.Exit(1)
	}
}

// settings are the flags.
type settings struct {
	files, running, keep bool
	harmless             bool
	only, json           string
	good, loops          int
}

func (o settings) run() (missed bool, err error) {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return false, err
	}
	repo, err := os.Getwd()
	if err != nil {
		return false, err
	}
	scratch, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	began := time.Now()
	b, err := newBench(repo, filepath.Join(repo, "build", "stackctl"), scratch)
	if err != nil {
		return false, err
	}
	if !o.files {
		err = b.open(func(line string) { fmt.Fprintln(os.Stderr, line) })
	}
	defer func() {
		if failure := b.close(o.keep); err == nil {
			err = failure
		}
	}()
	if err != nil {
		return false, err
	}
	if o.good > 0 {
		return b.good(o.good, o.loops, o.json)
	}
	if o.harmless {
		return b.harmless(only, o.json)
	}
	var list []outcome
	for _, m := range all() {
		if o.files && !m.static() || o.running && m.static() || !only.MatchString(m.gates+" "+m.name) {
			continue
		}
		got := b.try(m)
		fmt.Println(got.line())
		list = append(list, got)
		if got.Broken != "" && b.server != nil {
			b.mend()
		}
	}
	return tell(os.Stdout, list, time.Since(began), filepath.Join(repo, o.json))
}
