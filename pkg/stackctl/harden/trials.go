package harden

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// Server is what the trials need of a server.
type Server interface {
	Up(ctx context.Context, project string, compose []byte, services []string, progress func(service, state string)) ([]string, error)
	Containers(ctx context.Context) ([]stack.Container, error)
	Inspect(ctx context.Context, container string) ([]byte, error)
	Conduct(ctx context.Context, container string) (stack.Conduct, error)
	Logs(ctx context.Context, container string, o stack.LogOptions, stdout, stderr io.Writer) error
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	DropThrowaway(ctx context.Context, project string, services, volumes []string) error
	DropRehearsal(ctx context.Context, project string) error
}

// Trials find what the services of a release bear.
type Trials struct {
	Server  Server
	Config  stack.Config
	Release stack.Release
	// Root is where the release's files are on the server.
	Root string
	// Services limits the trials to some; empty: all.
	Services []string
	// Before is what an earlier run found, by service.
	Before map[string]Setting
	// Pace is by how much more time things need than on a good line.
	Pace float64
	// Tell is told what is tried.
	Tell func(text string)
}

// Run starts the services without hardening first, to see what they do; then those
// that get ready each with it, after what they need. Nothing of it stays on the
// server, also where ctx ends.
func (t Trials) Run(ctx context.Context) (verdicts []Verdict, err error) {
	const what = "try the hardening"
	p, err := choose(t.Release, t.Services)
	if err != nil {
		return nil, stack.Fault(stack.CauseUsage, what, err, "name services of the compose files with --service")
	}
	s, err := newStage(t.Release, p, t.Root)
	if err != nil {
		return nil, err
	}
	r := &run{
		Trials: t, project: p, stage: s, all: maps.Clone(p.services), settings: map[string]Setting{}, calm: map[string]bool{}, since: map[string]time.Time{},
		seen: map[string]Seen{}, plain: map[string][]string{}, courses: map[string]*Course{}, lines: map[string]string{}, unworthy: map[string][]Left{},
	}
	if err := r.clear(ctx); err != nil {
		return nil, err
	}
	defer func() {
		late, cancel := node.Aside(ctx)
		defer cancel()
		err = errors.Join(err, t.Server.DropRehearsal(late, s.name))
	}()
	err = r.tryAll(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		err = stack.Interrupted(ctx, what)
	}
	if err != nil {
		return nil, err
	}
	return r.verdicts(), nil
}

// run is one run of trials.
type run struct {
	Trials
	project project
	stage   stage
	// all are the services that were to be tried, with what they need.
	all map[string]stack.Service
	// settings are those that the services of the stage have now.
	settings map[string]Setting
	// calm are the services that never ended without hardening: one start tells.
	calm map[string]bool
	// since is when a container was first seen to run, where Up did not wait for it.
	since map[string]time.Time
	// seen and plain are what the services do and say without hardening.
	seen    map[string]Seen
	plain   map[string][]string
	courses map[string]*Course
	// lines are what services said that are not tried, unworthy what is not worth a trial.
	lines    map[string]string
	unworthy map[string][]Left
	// took is how long the services needed without hardening.
	took time.Duration
}

// clear removes what a run left that was killed, and refuses a compose project of
// somebody else that has the stage's name.
func (r *run) clear(ctx context.Context) error {
	if err := r.Server.DropRehearsal(ctx, r.stage.name); err != nil {
		return err
	}
	containers, err := r.Server.Containers(ctx)
	if err != nil {
		return err
	}
	for _, c := range containers {
		if c.Project == r.stage.name {
			return stack.Fault(stack.CauseUsage, "try the hardening", fmt.Errorf("container %s is of the compose project %s, and is no trial's", c.Name, r.stage.name), "remove it, or give its project another name")
		}
	}
	return nil
}

func (r *run) tryAll(ctx context.Context) error {
	if err := r.plainly(ctx); err != nil {
		return err
	}
	for _, level := range r.project.levels() {
		if err := r.level(ctx, level); err != nil {
			return err
		}
	}
	return nil
}

// plainly starts all services without hardening and looks at what they do. One that
// does not get ready is not tried.
func (r *run) plainly(ctx context.Context) error {
	for len(r.project.services) > 0 {
		r.Tell(fmt.Sprintf("as they are: %s", strings.Join(r.project.names(), ", ")))
		began := time.Now()
		failed, o, err := r.up(ctx, r.project.names(), r.limit(r.project.names()))
		if err != nil {
			return err
		}
		if failed == "" {
			r.took = time.Since(began)
			break
		}
		r.Tell(failed + " does not get ready as it is: " + said("", o))
		r.lines[failed] = said("", o)
		before := r.project.names()
		r.project.skip(failed, "as it is, it "+cmp.Or(o.Problem, "does not get ready"))
		gone := slices.DeleteFunc(before, func(name string) bool { _, stays := r.project.services[name]; return stays })
		// Its volumes may be others' too.
		if err := r.Server.DropThrowaway(ctx, r.stage.name, gone, nil); err != nil {
			return err
		}
	}
	for _, name := range r.project.names() {
		if err := r.observe(ctx, name); err != nil {
			return err
		}
	}
	return r.Server.DropRehearsal(ctx, r.stage.name)
}

// level tries the services of one level, all at once; those that fail go on by
// themselves.
func (r *run) level(ctx context.Context, names []string) error {
	for _, name := range names {
		if r.project.only[name] {
			s := r.project.services[name]
			wanted, left := Wanted(s, r.seen[name], r.Before[name])
			r.unworthy[name], r.courses[name] = left, NewCourse(wanted)
		}
	}
	fresh := names
	for {
		if err := r.drop(ctx, r.project.anew(fresh, r.stage.volumes)); err != nil {
			return err
		}
		open := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return r.courses[name] == nil || r.courses[name].Done() })
		for _, name := range names {
			if c := r.courses[name]; c != nil {
				r.settings[name] = c.Next()
			}
		}
		if len(open) == 0 {
			return nil
		}
		for _, name := range fresh {
			if slices.Contains(open, name) {
				r.Tell(fmt.Sprintf("%s with %s", name, r.settings[name]))
			}
		}
		failed, o, err := r.up(ctx, open, r.trialLimit(open))
		if err != nil {
			return err
		}
		if failed != "" && !slices.Contains(open, failed) {
			r.give(open, failed, said("", o))
			return nil
		}
		if fresh, err = r.judge(ctx, open, failed, o); err != nil {
			return err
		}
	}
}

// judge takes how a start of services ended, and returns those that begin anew.
func (r *run) judge(ctx context.Context, open []string, failed string, o Outcome) ([]string, error) {
	if failed != "" {
		r.Tell(failed + " does not get ready: " + said("", o))
		r.courses[failed].Ended(o)
		return []string{failed}, nil
	}
	var fresh []string
	for _, name := range open {
		o, err := r.outcome(ctx, name, true)
		if err != nil {
			return nil, err
		}
		if _, line := r.settings[name].blamed(o.Log); line != "" {
			r.Tell(name + " gets ready, and complains: " + line)
		}
		if r.courses[name].Ended(o); !r.courses[name].Done() {
			fresh = append(fresh, name)
		}
	}
	return fresh, nil
}

// give gives up on services since one that they need did not get ready again.
func (r *run) give(open []string, needed, line string) {
	for _, name := range open {
		delete(r.courses, name)
		r.settings[name] = Setting{}
		r.project.skipped[name], r.lines[name] = needed+", which it needs, did not get ready again", line
	}
}

// drop removes services of the stage with their volumes.
func (r *run) drop(ctx context.Context, names []string) error {
	var volumes []string
	for _, name := range names {
		for _, key := range r.stage.volumes[name] {
			volumes = append(volumes, r.stage.name+"_"+key)
		}
	}
	return r.Server.DropThrowaway(ctx, r.stage.name, names, volumes)
}

// limit is how long services may take to get ready.
func (r *run) limit(names []string) time.Duration {
	return time.Duration(float64(r.Config.Timeouts.StartOf(r.Release, names)) * max(1, r.Pace))
}

// trialMargin is what a trial may take beside twice what all services took together
// without hardening.
const trialMargin = 20 * time.Second

func (r *run) trialLimit(names []string) time.Duration {
	return min(r.limit(names), 2*r.took+trialMargin)
}

// verdicts returns what was found, by service.
func (r *run) verdicts() []Verdict {
	var out []Verdict
	names := joined(slices.Collect(maps.Keys(r.all)), slices.Collect(maps.Keys(r.project.skipped)))
	for _, name := range names {
		if !r.project.only[name] {
			continue
		}
		v := Verdict{Service: name, Used: r.seen[name].Memory, UnderDeploy: len(limitsOf(r.stage.services[name])) > 0}
		c := r.courses[name]
		switch {
		case c == nil:
			v.Untried, v.Line = r.project.skipped[name], r.lines[name]
		case c.Broken() != "":
			v.Untried, v.Line, v.Starts = "started a second time as it is, it did not get ready", c.Broken(), c.Starts
		default:
			v.Bears, v.Left, v.Needs, v.Starts = c.Next(), slices.Concat(r.unworthy[name], c.Left()), c.Needs(), c.Starts
		}
		out = append(out, v)
	}
	return out
}
