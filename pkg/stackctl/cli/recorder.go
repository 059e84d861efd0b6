package cli

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/evidence"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/swarm"
)

// story is one verb of the deployer.
type story func(ctx context.Context, d *deploy.Deployer) (stack.Report, error)

// recorder runs verbs of the deployer, shows them and keeps their evidence.
type recorder struct {
	*printer
	project *project
	doing   *doing
}

// record runs a story against each chosen target, shows it and keeps its
// evidence, whatever comes of it.
func (r *recorder) record(ctx context.Context, verb string, flags runFlags, run story) error {
	c, targets, broken := r.project.chosen(flags)
	if broken != nil {
		targets = []stack.Target{{}}
		if c.Evidence.Dir == "" {
			c.Evidence.Dir = fallbackDir(r.project.file)
		}
	}
	if broken == nil {
		broken = r.readSecrets(ctx, &c)
	}
	r.learn(c, targets...)
	screen := r.display(len(targets) > 1)
	w := work{config: c, verb: verb, run: run, broken: broken}
	if len(targets) > 1 {
		outcomes := flags.each(targets, func(t stack.Target) outcome { return r.recordOne(ctx, w, t, tagged(screen, t.Name)) })
		r.incomplete(screen.Close())
		return r.concludeAll(ctx, verb, outcomes)
	}
	x := r.recordOne(ctx, w, targets[0], screen.Emit)
	err := screen.Close()
	if x.dir == "" {
		r.incomplete(err)
		return x.err
	}
	r.incomplete(errors.Join(err, r.conclude(x.report, x.dir)))
	if x.err != nil {
		return &shown{x.err}
	}
	return nil
}

// work is what is done against each target.
type work struct {
	config stack.Config
	verb   string
	run    story
	// broken is why nothing can be done.
	broken error
}

// recordOne runs a story against one target and keeps its evidence.
func (r *recorder) recordOne(ctx context.Context, w work, t stack.Target, screen func(stack.Event)) outcome {
	show := func(e stack.Event) { r.doing.note(t.Name, e); screen(e) }
	kept, err := evidence.Open(w.config.Evidence.Dir, evidence.NewID(time.Now(), w.verb), r.known, time.Now)
	if err != nil {
		return outcome{target: t.Name, err: errors.Join(w.broken, err)}
	}
	d := &deploy.Deployer{
		Config: w.config, Target: t, Run: kept.ID(), Owner: owner(), Commit: commit(w.config.Root), Tools: tools(),
		Artifacts: kept, Connect: swarm.Reach, Builder: localBuilder, Now: time.Now,
		Emit: keeping(kept, show),
	}
	broken := w.broken
	// A run that could not be signed in the end must not begin.
	signer, err := evidence.LoadSigner(w.config.Evidence.Key)
	if broken == nil {
		broken = err
	}
	if short := redact.TooShort(d.Known()); broken == nil && len(short) > 0 {
		broken = stack.Usage(w.config.File, 0, "these secrets are too short or too common to be kept out of logs: "+strings.Join(short, ", "), "choose longer ones; `stackctl init --secrets` makes good ones")
	}
	run := w.run
	if broken != nil {
		run = func(context.Context, *deploy.Deployer) (stack.Report, error) {
			return refused(w.verb, kept.ID(), broken), broken
		}
	}
	report, failure := run(ctx, d)
	report, failure = seal(ctx, signer, kept, report, failure)
	show(stack.Event{At: time.Now(), Kind: stack.EventVerdict, Name: w.verb, Message: string(report.Verdict), Took: report.Took, Report: &report})
	r.notify(ctx, w, t, report, kept.Dir())
	return outcome{target: t.Name, report: report, dir: kept.Dir(), err: failure}
}

// keeping keeps each event before it shows it. That one cannot be kept is said
// once: the evidence judges itself in the end.
func keeping(kept *evidence.Run, show func(stack.Event)) stack.Emit {
	var said sync.Once
	return func(e stack.Event) {
		if err := kept.Event(e); err != nil {
			said.Do(func() {
				show(stack.Event{At: time.Now(), Kind: stack.EventNote, Message: "the evidence will not be whole: " + err.Error()})
			})
		}
		show(e)
	}
}

// seal lets the evidence judge itself (gate G10), settles the verdict, and
// closes the run's folder.
func seal(ctx context.Context, signer *evidence.Signer, kept *evidence.Run, r stack.Report, failure error) (stack.Report, error) {
	own := kept.Judge(r)
	r.Gates = append(r.Gates, own)
	if bad := deploy.Judged([]stack.GateResult{own}); bad != nil && failure == nil {
		failure = bad
		r.Reason, r.Fix = stack.Explain(bad)
	}
	r.ExitCode = ExitCode(ctx, failure)
	if failure != nil && r.Verdict == stack.VerdictGood {
		r.Verdict = deploy.Verdict(ctx, failure)
	}
	if err := kept.Close(r, signer); err != nil {
		return unkept(ctx, r, failure, stack.Fault(stack.CauseUnjudged, "close the evidence in "+kept.Dir(), err,
			"free space there or make it writable, then run `stackctl verify`: what runs stays as it is"))
	}
	return r, failure
}

// unkept is the end of a run whose evidence is not whole: what nobody can check
// is not good, and the report on the screen says so.
func unkept(ctx context.Context, r stack.Report, failure, closing error) (stack.Report, error) {
	reason, fix := stack.Explain(closing)
	if failure == nil {
		r.Verdict, r.Reason, r.Fix = deploy.Verdict(ctx, closing), reason, fix
	} else {
		r.Reason += "; and then: " + closing.Error()
	}
	failure = errors.Join(failure, closing)
	r.ExitCode = ExitCode(ctx, failure)
	return r, failure
}

// refused is the report of a run that could not begin.
func refused(verb, run string, err error) stack.Report {
	r := stack.Report{Run: run, Verb: verb, Verdict: stack.VerdictRefused, Started: time.Now().UTC(), Tools: tools()}
	r.Reason, r.Fix = stack.Explain(err)
	return r
}

// fallbackDir is where evidence goes when stackctl.yaml cannot be read.
func fallbackDir(file string) string {
	abs, err := filepath.Abs(file)
	if err != nil {
		return "artifacts"
	}
	return filepath.Join(filepath.Dir(abs), "artifacts")
}
