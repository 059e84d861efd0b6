package deploy

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gates"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// story is one run as it goes: what will be its report.
type story struct {
	d      *Deployer
	mu     sync.Mutex
	server node.Server // nil until it is reached
	report stack.Report
	// hooked are the results of the hooks that ran after something.
	hooked []stack.GateResult
	// schema is what the schema gate saw.
	schema []byte
	// ahead is how far the host's clock is before the operator's.
	ahead time.Duration
	// pace is how many times longer a look takes than on a good line; 0 is not known.
	pace float64
}

func (d *Deployer) begin(verb string) *story {
	s := &story{d: d, report: stack.Report{
		Run: d.Run, Verb: verb, Project: d.Config.Project, Target: d.Target.Name, Host: d.Target.Where(),
		URL: "https://" + d.Target.Domain + "/", Commit: d.Commit, Tools: d.Tools, Started: d.Now().UTC(),
		Logs: map[string]string{}, Artifacts: map[string]string{},
	}}
	return s
}

// end turns how the run ended into its verdict.
func (s *story) end(ctx context.Context, err error) (stack.Report, error) {
	r := &s.report
	r.Took = s.d.Now().Sub(r.Started)
	r.Verdict = Verdict(ctx, err)
	if s.server != nil {
		wire := s.server.Wire()
		r.Wire = &wire
	}
	if err != nil {
		r.Reason, r.Fix = stack.Explain(err)
	}
	return *r, err
}

// Verdict names how a run that ended with err ended.
func Verdict(ctx context.Context, err error) stack.Verdict {
	if err == nil {
		return stack.VerdictGood
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return stack.VerdictInterrupted
	}
	switch stack.CauseOf(err) {
	case stack.CauseGate:
		return stack.VerdictGateFailed
	case stack.CauseUnjudged:
		return stack.VerdictUnjudged
	case stack.CauseUsage, stack.CauseUnreachable, stack.CauseLocked:
		return stack.VerdictRefused
	case stack.CauseInterrupted:
		return stack.VerdictInterrupted
	}
	return stack.VerdictStepFailed
}

// hostNow is the time by the host's clock. What several operators write there is
// ordered by it, whatever their own clocks say.
func (s *story) hostNow() time.Time { return s.d.Now().Add(s.ahead).UTC() }

func (s *story) emit(e stack.Event) {
	if e.At.IsZero() {
		e.At = s.d.Now().UTC()
	}
	if s.d.Emit != nil {
		s.d.Emit(e)
	}
}

func (s *story) note(text string) { s.emit(stack.Event{Kind: stack.EventNote, Message: text}) }

// schemaArtifact is what the release after this one is compared with.
const schemaArtifact = "schema-compat-check.json"

// Artifact takes a gate's evidence; the schema is kept for the next release.
func (s *story) Artifact(name string, content []byte) error {
	if name == schemaArtifact {
		s.mu.Lock()
		s.schema = content
		s.mu.Unlock()
	}
	return s.d.Artifacts.Artifact(name, content)
}

// artifact keeps evidence; one that cannot be kept is said so in the report.
func (s *story) artifact(name string, content []byte) {
	if err := s.d.Artifacts.Artifact(name, content); err != nil {
		s.mu.Lock()
		s.report.Artifacts[name] = err.Error()
		s.mu.Unlock()
		s.note("artifact " + name + ": " + err.Error())
	}
}

// phase runs one part of the story and tells of it.
func (s *story) phase(name string, part func() (string, error)) error {
	began := s.d.Now()
	s.emit(stack.Event{Kind: stack.EventPhase, Name: name})
	detail, err := part()
	kind, message := stack.EventDone, detail
	if err != nil {
		kind, message = stack.EventFailed, err.Error()
	}
	s.emit(stack.Event{Kind: kind, Name: name, Message: message, Took: s.d.Now().Sub(began)})
	return err
}

// judge runs the gates of one phase and gives an error where one did not pass.
func (s *story) judge(ctx context.Context, phase stack.Phase, subject gate.Subject) error {
	list, err := gates.Select(phase, s.d.Gates, s.d.Config.Gates.Own...)
	if err != nil {
		return err
	}
	subject.Config, subject.Target, subject.All = s.d.Config, s.d.Target, s.d.All
	subject.Artifacts, subject.Pace = s, s.pace
	results := gate.Run(ctx, list, seenFirst(subject, s.server), s.emit)
	for _, m := range otherNodes(s.d.Target, s.server, phase) {
		results = append(results, gate.Run(ctx, onNode(list, m, s.d.Target), seenFrom(subject, m), s.emit)...)
	}
	s.report.Gates = append(s.report.Gates, results...)
	s.report.Unused = gate.Unused(s.report.Gates, gates.All(s.d.Config.Gates.Own), s.d.Config.Exceptions)
	if ctx.Err() != nil {
		return stack.Interrupted(ctx, "judge the "+string(phase)+" gates")
	}
	return Judged(results)
}

// Judged gives the error that gate results amount to; nil: nothing failed.
func Judged(results []stack.GateResult) error {
	var failed, unjudged []string
	for _, r := range results {
		switch r.Status {
		case stack.Failed:
			failed = append(failed, r.ID+" "+r.Name)
		case stack.CouldNotJudge:
			unjudged = append(unjudged, r.ID+" "+r.Name+" ("+r.Reason+")")
		case stack.Passed, stack.Skipped:
		}
	}
	switch {
	case len(failed) > 0:
		return stack.Fault(stack.CauseGate, "judge the deployment", errors.New("failed: "+strings.Join(failed, ", ")), "the report lists each finding with its fix")
	case len(unjudged) > 0:
		return stack.Fault(stack.CauseUnjudged, "judge the deployment", errors.New("could not be judged: "+strings.Join(unjudged, ", ")), "remove what hinders it and run the same command again")
	}
	return nil
}

// Known are the values that must never leave in clear.
func (d *Deployer) Known() map[string]string { return release.Known(d.Config, d.Target) }
