package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// executor applies steps. It decides nothing: which steps there are, and what
// happens when one fails, is decided elsewhere.
type executor struct {
	*story
	server node.Server
	want   Wanted
	seen   stack.Observed
	// before are the edge's dynamic files as they were found.
	before []stack.File
	record stack.ReleaseRecord
	// orders are the names that the edge will ask a public authority to certify.
	orders []string
	// turned is when the edge last went from one release to another.
	turned time.Time
	// applied are the steps that were begun; undo is planned from them.
	applied []stack.Step
	// old, back and cause are what an undo leads to: the release, the edge's files
	// that lead to it, and why.
	old   stack.Release
	back  []stack.File
	cause error
	// started are the containers as they were when the first gates of this run began.
	started []stack.Container
	// draining are the releases that the plan ends once the new one is judged.
	draining []string
	// committed reports whether the release is good: what follows only tidies up.
	committed bool
}

// run applies the steps of a plan one after another.
func (x *executor) run(ctx context.Context, plan stack.Plan) error {
	for i, step := range plan.Steps {
		if ctx.Err() != nil {
			return stack.Interrupted(ctx, "step "+step.String())
		}
		err := x.step(ctx, step, i, len(plan.Steps), x.checkStepRoom)
		if err != nil && x.committed && stack.CauseOf(err) == stack.CauseStep {
			x.note("the release is good; what was to be tidied up stays until the next deploy: " + err.Error())
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// step applies the one at i of n, and reports how it went. check may refuse it first.
func (x *executor) step(ctx context.Context, step stack.Step, i, n int, check func(context.Context, stack.Step) error) error {
	began := x.d.Now()
	x.emit(stack.Event{Kind: stack.EventStep, Name: string(step.Kind), Message: step.String(), Done: int64(i + 1), Total: int64(n), Step: &step})
	var detail string
	var err error
	apply := x.apply
	if check != nil {
		apply, err = x.applyInRoom, check(ctx, step)
	}
	if err == nil {
		x.applied = append(x.applied, step)
		detail, err = apply(ctx, step)
	}
	result := stack.StepResult{Step: step, Started: began.UTC(), Took: x.d.Now().Sub(began), Detail: detail}
	kind, message := stack.EventDone, detail
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			err = stack.Interrupted(ctx, "step "+string(step.Kind)+" "+step.Subject)
		}
		result.Error = err.Error()
		kind, message = stack.EventFailed, err.Error()
	}
	x.report.Steps = append(x.report.Steps, result)
	x.emit(stack.Event{Kind: kind, Name: string(step.Kind), Message: message, Took: result.Took, Step: &step})
	return err
}

// began reports whether a step of a kind was begun.
func (x *executor) began(kind stack.Kind) bool {
	return slices.ContainsFunc(x.applied, func(s stack.Step) bool { return s.Kind == kind })
}

func (x *executor) apply(ctx context.Context, step stack.Step) (string, error) {
	switch step.Kind {
	case stack.StepShipImage, stack.StepPullImage, stack.StepBuildImage:
		return x.bring(ctx, step)
	case stack.StepShipFiles:
		return x.shipFiles(ctx)
	case stack.StepNetwork:
		return x.network(ctx, step)
	case stack.StepTrial:
		return x.trial(ctx)
	case stack.StepAdopt, stack.StepReinstate, stack.StepDiscard:
		return x.adoption(ctx, step)
	case stack.StepRemove:
		return x.remove(ctx, step)
	case stack.StepData, stack.StepEdge:
		return x.base(ctx, step)
	case stack.StepBackup:
		return x.backup(ctx, step)
	case stack.StepMigrate:
		return x.migrate(ctx, step)
	case stack.StepStart:
		return x.start(ctx, step)
	case stack.StepGates:
		return x.gates(ctx, step)
	case stack.StepSwitch:
		if step.Release != x.want.Release.ID {
			return x.point(ctx, x.back)
		}
		return x.point(ctx, x.want.Pointed)
	case stack.StepStandby, stack.StepIngress, stack.StepRehearse, stack.StepReach, stack.StepCertificates:
		return x.edgeStep(ctx, step)
	case stack.StepDrain:
		return "", x.drain(ctx, step)
	case stack.StepStop:
		return "", x.stop(ctx, step.Release, step.Services...)
	case stack.StepWait:
		return x.wait(ctx, step)
	case stack.StepHook:
		return x.hook(ctx, step)
	case stack.StepFail:
		return "", x.fail(ctx, x.cause)
	case stack.StepCommit:
		return "", x.commit(ctx)
	case stack.StepPrune:
		return "", x.prune(ctx, step.Release)
	}
	return "", fmt.Errorf("there is no step %q", step.Kind)
}

// edgeStep applies a step about who serves visitors meanwhile, and what the edges can
// do for a release.
func (x *executor) edgeStep(ctx context.Context, step stack.Step) (string, error) {
	switch step.Kind {
	case stack.StepStandby:
		return x.standby(ctx, step)
	case stack.StepIngress:
		return x.ingress(ctx, step)
	case stack.StepRehearse:
		return x.rehearse(ctx, step)
	case stack.StepReach:
		return x.reachRelease(ctx)
	}
	return x.certificates(ctx, step)
}

// base starts services of the project's base, as a release defines them.
func (x *executor) base(ctx context.Context, step stack.Step) (string, error) {
	r := x.want.Release
	if step.Release != "" {
		r = x.old
	}
	return x.up(ctx, r, r.Project, r.Base, step)
}

// start starts a release: the new one, or one that ran before.
func (x *executor) start(ctx context.Context, step stack.Step) (string, error) {
	r := x.want.Release
	if step.Release != r.ID {
		return x.startAgain(ctx, step)
	}
	return x.up(ctx, r, r.AppProject(), r.App, step)
}

// drain stops services of a release once what was on its way to them has arrived.
func (x *executor) drain(ctx context.Context, step stack.Step) error {
	if len(step.Services) == 0 { // what users reached is among them
		if err := x.settle(ctx); err != nil {
			return err
		}
	}
	return x.stop(ctx, step.Release, step.Services...)
}

// startAgain starts what was stopped of a release that is on the host.
func (x *executor) startAgain(ctx context.Context, step stack.Step) (string, error) {
	project := stack.AppProject(x.want.Release.Project, step.Release)
	containers, err := x.server.Containers(ctx)
	if err == nil {
		for _, name := range step.Services {
			if len(containersOf(stack.Observed{Containers: containers}, project, name)) == 0 {
				return x.up(ctx, x.old, project, x.old.App, step) // its name was needed
			}
		}
		err = x.server.Start(ctx, project)
	}
	if err != nil {
		return "", fmt.Errorf("start release %s again: %w", step.Release, err)
	}
	return "", nil
}

func (x *executor) up(ctx context.Context, r stack.Release, project string, compose []byte, step stack.Step) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, x.stretch(x.d.Config.Timeouts.StartOf(r, step.Services)))
	defer cancel()
	if names := unresponsive(x.seen, r, project, step.Services); len(names) > 0 {
		// Compose leaves what runs as it is, or gives up on it at once.
		if err := x.server.Stop(ctx, project, illGrace, names...); err != nil {
			return "", stack.Fault(stack.CauseStep, "stop "+strings.Join(names, ", ")+" on "+x.d.Target.Where(), err, "")
		}
	}
	touched, err := x.server.Up(ctx, project, compose, step.Services, func(service, state string) {
		x.emit(stack.Event{Kind: stack.EventProgress, Name: string(step.Kind), Message: service + " " + state, Step: &step})
	})
	if err != nil {
		x.logs(ctx, project)
		fix := "the report holds the last log lines"
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			fix += "; where they need longer raise timeouts.start in stackctl.yaml"
		}
		return "", stack.Fault(stack.CauseStep, "start "+strings.Join(step.Services, ", ")+" on "+x.d.Target.Where(), err, advice(err, fix))
	}
	return fmt.Sprintf("touched %s", cmp.Or(strings.Join(touched, ", "), "nothing")), nil
}

// illGrace is how long an unhealthy container may take to end.
const illGrace = 5 * time.Second

// unresponsive are those of a step's services whose containers run without answering,
// or read routes from a folder that is gone. They are started anew, but for data
// services: a store that is busy with its own recovery would begin it again. A Swarm
// replaces what is unhealthy by itself, and the others of its service serve meanwhile.
func unresponsive(seen stack.Observed, r stack.Release, project string, services []string) []string {
	var out []string
	for _, c := range seen.Containers {
		s, ok := r.Service(c.Service)
		ill := c.Health == "unhealthy" && c.Node == "" && s.Layer != stack.LayerData || seen.Unrouted && s.Layer == stack.LayerEdge
		if ok && ill && c.Project == project && c.State == "running" && slices.Contains(services, c.Service) {
			out = append(out, c.Service)
		}
	}
	return out
}

func (x *executor) migrate(ctx context.Context, step stack.Step) (string, error) {
	for _, name := range step.Services {
		if err := x.once(ctx, name); err != nil {
			return "", err
		}
	}
	return "done", nil
}

// waitEvery is how often it is seen whether a one-shot still runs.
const waitEvery = 2 * time.Second

// wait waits until a one-shot of a run that was cut off has ended.
func (x *executor) wait(ctx context.Context, step stack.Step) (string, error) {
	limit := x.d.Config.Timeouts.Migrate
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		containers, err := x.server.Containers(ctx)
		if err != nil {
			return "", err
		}
		i := slices.IndexFunc(containers, func(c stack.Container) bool {
			return stack.Owns(c, x.want.Release.Project) && c.Release == step.Release && c.Service == step.Services[0] && c.OneShot() && c.Active()
		})
		if i < 0 {
			return "it has ended", nil
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return "", ctx.Err()
			}
			return "", stack.Fault(stack.CauseStep, "wait for "+step.Subject, fmt.Errorf("it still runs after %s", limit),
				"raise timeouts.migrate in stackctl.yaml, or end it on the host: docker stop "+containers[i].Name)
		case <-time.After(waitEvery):
		}
	}
}

// once runs a service of the release to completion.
func (x *executor) once(ctx context.Context, name string) error {
	limit := x.d.Config.Timeouts.Migrate
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out, err := x.server.RunOnce(ctx, x.want.Release.AppProject(), x.want.Release.App, name)
	text := strings.TrimSpace(string(out.Stdout) + string(out.Stderr))
	if err == nil && out.Exit != 0 {
		err = fmt.Errorf("it ended with exit code %d: %s", out.Exit, lastLines(text, 3))
	}
	if err == nil {
		return nil
	}
	x.keepLog(name, text)
	fix := "correct it and deploy again; the report holds its output"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("it had not ended after %s: %w", limit, err)
		fix = "raise timeouts.migrate in stackctl.yaml if it needs longer; the report holds its output"
	}
	return stack.Fault(stack.CauseStep, "run "+name, err, fix)
}

func (x *executor) gates(ctx context.Context, step stack.Step) (string, error) {
	before := len(x.report.Gates)
	if x.started == nil {
		x.started, _ = x.server.Containers(ctx) // gates that need them say why they cannot be listed
	}
	err := x.judge(ctx, step.Phase, x.subject(ctx))
	return tally(x.report.Gates[before:]), err
}

// tally returns how many gates of those that looked have passed, and how many did not look.
func tally(gates []stack.GateResult) string {
	passed, skipped := 0, 0
	for _, r := range gates {
		switch r.Status {
		case stack.Passed:
			passed++
		case stack.Skipped:
			skipped++
		}
	}
	text := fmt.Sprintf("%d of %d passed", passed, len(gates)-skipped)
	if skipped > 0 {
		text += fmt.Sprintf(", %d skipped", skipped)
	}
	return text
}

// subject is the deployment as the gates see it.
func (x *executor) subject(ctx context.Context) gate.Subject {
	return gate.Subject{Release: x.want.Release, Before: x.previous(ctx), Outside: outside{}, Server: x.server, Started: x.started, Draining: x.draining}
}

// draining are the releases other than a plan's own that it drains.
func draining(plan stack.Plan) []string {
	var out []string
	for _, s := range plan.Steps {
		if s.Kind == stack.StepDrain && s.Release != plan.Release && !slices.Contains(out, s.Release) {
			out = append(out, s.Release)
		}
	}
	return out
}

// predecessor returns the release that one is compared with: the live one, or the
// last good one where a run was cut off that had led users to this one already.
// Empty: there is none.
func predecessor(seen stack.Observed, own string) string {
	if seen.Live != own {
		return seen.Live
	}
	if r := seen.Record(own); r.State == stack.ReleaseGood {
		return ""
	}
	last, _ := Earlier(seen, "") // without one it is the first
	return last.ID
}

// previous reads what the release before left for comparison.
func (x *executor) previous(ctx context.Context) *gate.Before {
	id := predecessor(x.seen, x.want.Release.ID)
	if id == "" {
		return nil
	}
	at := func(name string) string { return x.d.Target.At(stack.ReleasePath(id, name)) }
	b := &gate.Before{ID: id}
	b.Contract, _ = x.server.ReadFile(ctx, at(stack.ContractFile))
	b.Schema, _ = x.server.ReadFile(ctx, at(stack.SchemaFile))
	return b
}
