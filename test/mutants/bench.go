package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"stackctl/pkg/stackctl/cli"
	"stackctl/pkg/stackctl/evidence"
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
	// images is the folder of archives that the projects name.
	images string
	// signed is a good run of the evidence, for the mutants that alter one.
	signed func() (string, error)
	// server is nil where only files are judged.
	server *server
	made   atomic.Int64
}

const runLimit = 5 * time.Minute

const targetFile = ".stackctl/sandbox/target.yaml"

// nowhere is the target of a bench without a droplet: nothing connects to it.
const nowhere = "host: 192.0.2.10\nuser: deploy\nadmin: root\ndomain: stack.localhost\npath: /srv/stack\nacme: {email: operator@stack.localhost}\n" +
	"env: {STAFF_ALLOWLIST: \"127.0.0.1/32,198.51.100.7/32\"}\n"

// newBench prepares what every mutant shares. Without a droplet, mutants may be
// tried side by side.
func newBench(repo, binary, scratch string) (b *bench, err error) {
	defer caught(&err)
	b = &bench{
		repo: repo, binary: binary, scratch: scratch, secrets: filepath.Join(scratch, "secrets"),
		key: filepath.Join(scratch, "evidence.key"), images: filepath.Join(scratch, "images"),
	}
	b.signed = sync.OnceValues(b.sign)
	must(emptyImages(b.images))
	p := b.newProject("first")
	for _, args := range [][]string{{"init", "--secrets"}, {"evidence", "keygen", b.key}} {
		if r := p.command(args...); r.exit != 0 {
			return nil, fmt.Errorf("stackctl %s: exit code %d\n%s", strings.Join(args, " "), r.exit, r.text)
		}
	}
	return b, copyTree(p.path("secrets"), b.secrets)
}

// tell runs a command of the built program that must end well.
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

func (b *bench) newProject(folder string) *project {
	return newProject(b.repo, filepath.Join(b.scratch, folder), b.binary, b.images)
}

// project is a fresh good project.
func (b *bench) project() *project {
	p := b.newProject(fmt.Sprintf("p%d", b.made.Add(1)))
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
	if m.after != nil {
		return b.alter(m, o)
	}
	p := b.project()
	defer func() { _ = os.RemoveAll(p.root) }()
	if m.files != nil {
		m.files(p)
	}
	if m.static() {
		return lookAtFiles(m, o, p)
	}
	if b.server != nil {
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

// lookAtFiles judges a project in this process. What is refused before any gate
// looks goes through the whole command line.
func lookAtFiles(m mutant, o *outcome, p *project) error {
	if m.rule != "" || m.gates == "none" {
		told, exit := p.check()
		o.Exit = exit
		m.judge(o, told)
		return nil
	}
	r := p.command(m.command()...)
	o.Exit = r.exit
	if r.run == "" {
		return fmt.Errorf("stackctl %s left no evidence: %s", o.Command, r.text)
	}
	told, err := report(r.run)
	m.judge(o, told)
	return err
}

// sign makes a good, signed run and gives its folder.
func (b *bench) sign() (run string, err error) {
	defer caught(&err)
	p := b.project()
	p.edit(configFile, "  dir: artifacts", "  dir: artifacts\n  key: "+b.key)
	r := p.command("check")
	good := p.command("evidence", "verify", r.run, "--key", b.key+".pub")
	if r.exit != 0 || good.exit != 0 {
		return "", fmt.Errorf("the run is not good before it is altered: exit codes %d and %d\n%s%s", r.exit, good.exit, r.text, good.text)
	}
	return r.run, nil
}

// alter changes a copy of a good run's folder; `evidence verify` must refuse it.
func (b *bench) alter(m mutant, o *outcome) error {
	good, err := b.signed()
	if err != nil {
		return err
	}
	// Evidence knows the name of its folder.
	run := filepath.Join(b.scratch, fmt.Sprintf("run%d", b.made.Add(1)), filepath.Base(good))
	defer func() { _ = os.RemoveAll(filepath.Dir(run)) }()
	if err := copyTree(good, run); err != nil {
		return err
	}
	m.after(nil, run)
	key, err := evidence.LoadPublic(b.key + ".pub")
	if err != nil {
		return err
	}
	check, err := evidence.Verify(run, key)
	if err != nil {
		return err
	}
	o.Command, o.Exit = "evidence verify", cli.ExitCode(context.Background(), check.Err())
	if o.Caught = o.Exit == 1; o.Caught {
		o.By = append(o.By, "G10")
		o.Said = check.Err().Error()
	}
	return nil
}
