package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// bench tries mutants, one at a time.
type bench struct {
	repo    string
	binary  string
	scratch string
	// secrets is a folder of good secrets. With a droplet it is the one that
	// the good deployment was made with: the database keeps its password.
	secrets string
	// key signs the runs whose evidence is altered.
	key string
	// server is nil where only files are judged.
	server *server
	made   int
}

const runLimit = 5 * time.Minute

const targetFile = ".stackctl/sandbox/target.yaml"

// nowhere is the target of a bench without a droplet: nothing connects to it.
const nowhere = "host: 192.0.2.10\nuser: deploy\nadmin: root\ndomain: stack.localhost\npath: /srv/stack\nacme: {email: operator@stack.localhost}\n" +
	"env: {STAFF_ALLOWLIST: \"127.0.0.1/32,198.51.100.7/32\"}\n"

// newBench prepares what every mutant shares.
func newBench(repo, binary, scratch string) (b *bench, err error) {
	defer caught(&err)
	b = &bench{repo: repo, binary: binary, scratch: scratch, secrets: filepath.Join(scratch, "secrets"), key: filepath.Join(scratch, "evidence.key")}
	p := newProject(repo, filepath.Join(scratch, "first"), binary)
	b.tell(p, "init", "--secrets")
	b.tell(p, "evidence", "keygen", b.key)
	must(copyTree(p.path("secrets"), b.secrets))
	return b, nil
}

// tell runs a command that must end well.
func (b *bench) tell(p *project, args ...string) result {
	r, err := p.stackctl(runLimit, nil, args...)
	must(err)
	if r.exit != 0 {
		panic(stop{fmt.Errorf("stackctl %s: exit code %d\n%s", strings.Join(args, " "), r.exit, r.text)})
	}
	return r
}

// caught turns the end of a mutant into an error.
func caught(err *error) {
	if p := recover(); p != nil {
		s, ok := p.(stop)
		if !ok {
			panic(p)
		}
		*err = s.error
	}
}

// project is a fresh good project.
func (b *bench) project() *project {
	b.made++
	p := newProject(b.repo, filepath.Join(b.scratch, fmt.Sprintf("p%d", b.made)), b.binary)
	must(copyTree(b.secrets, p.path("secrets")))
	if b.server != nil {
		b.server.prepare(p)
	} else {
		p.write(targetFile, nowhere)
	}
	return p
}

// try breaks, judges and restores.
func (b *bench) try(m mutant) outcome {
	o := outcome{Name: m.name, Row: m.row, Expected: strings.Fields(m.gates), Command: strings.Join(m.command(), " "), By: []string{}}
	began := time.Now()
	err := b.look(m, &o)
	o.TookMS = float64(time.Since(began).Microseconds()) / 1000
	if b.server != nil && !m.static() {
		err = errors.Join(err, b.restore(m))
	}
	if err != nil {
		o.Caught, o.Broken = false, err.Error()
	}
	return o
}

func (b *bench) look(m mutant, o *outcome) (err error) {
	defer caught(&err)
	p := b.project()
	defer func() { _ = os.RemoveAll(p.root) }()
	if m.files != nil {
		m.files(p)
	}
	if b.server != nil && !m.static() {
		b.server.project = p
		if m.faults != nil {
			b.server.misbehave(m.faults)
		} else {
			b.server.direct()
		}
	}
	if m.server != nil {
		m.server(b.server)
	}
	if m.after != nil {
		p.edit(configFile, "  dir: artifacts", "  dir: artifacts\n  key: "+b.key)
	}
	var during func(string)
	if m.during != nil {
		during = func(run string) { m.during(p, run) }
	}
	r, err := p.stackctl(runLimit, during, m.command()...)
	must(err)
	o.Exit = r.exit
	if r.run == "" {
		return fmt.Errorf("stackctl %s left no evidence: %s", o.Command, r.text)
	}
	if m.after != nil {
		return b.alter(m, o, p, r)
	}
	told, err := report(r.run)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, r.text)
	}
	m.judge(o, told)
	if !o.Caught && m.runs() && m.args == "" && m.during == nil {
		return b.elsewhere(o, p)
	}
	return nil
}

// elsewhere asks all gates about a mutant that the expected ones missed.
func (b *bench) elsewhere(o *outcome, p *project) error {
	r, err := p.stackctl(runLimit, nil, "verify")
	if err != nil {
		return err
	}
	told, err := report(r.run)
	if err != nil {
		return err
	}
	for _, g := range told.Gates {
		if g.Status == stack.Failed && !slices.Contains(o.By, g.ID) {
			o.By = append(o.By, g.ID)
		}
	}
	return nil
}

// alter changes a good run's folder; `evidence verify` must refuse it.
func (b *bench) alter(m mutant, o *outcome, p *project, r result) error {
	verify := []string{"evidence", "verify", r.run, "--key", b.key + ".pub"}
	good, err := p.stackctl(runLimit, nil, verify...)
	if err != nil || good.exit != 0 || r.exit != 0 {
		return fmt.Errorf("the run is not good before it is altered: exit codes %d and %d: %w\n%s%s", r.exit, good.exit, err, r.text, good.text)
	}
	m.after(p, r.run)
	bad, err := p.stackctl(runLimit, nil, verify...)
	if err != nil {
		return err
	}
	o.Command, o.Exit = "evidence verify", bad.exit
	if o.Caught = bad.exit == 1; o.Caught {
		o.By = append(o.By, "G10")
	}
	for line := range strings.Lines(bad.text) {
		if line = strings.TrimSpace(line); line != "" {
			o.Said = line
			break
		}
	}
	return nil
}
