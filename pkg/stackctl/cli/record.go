package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/display"
	"stackctl/pkg/stackctl/evidence"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/report"
	"stackctl/pkg/stackctl/stack"
)

// story is one verb of the deployer.
type story func(ctx context.Context, d *deploy.Deployer) (stack.Report, error)

// record runs a story against each chosen target, shows it and keeps its
// evidence, whatever comes of it.
func (o *options) record(ctx context.Context, verb string, run story) error {
	c, targets, broken := o.chosen()
	if broken != nil {
		targets = []stack.Target{{}}
		if c.Evidence.Dir == "" {
			c.Evidence.Dir = fallbackDir(o.config)
		}
	}
	if broken == nil {
		broken = o.readSecrets(ctx, &c)
	}
	o.redactor = knownOf(c, targets)
	screen := o.display(len(targets) > 1)
	w := work{config: c, verb: verb, run: run, broken: broken}
	if len(targets) > 1 {
		outcomes := o.side(targets, func(t stack.Target) outcome { return o.recordOne(ctx, w, t, tagged(screen, t.Name)) })
		o.unread(screen.Close())
		return o.concludeAll(ctx, verb, outcomes)
	}
	x := o.recordOne(ctx, w, targets[0], screen.Emit)
	err := screen.Close()
	if x.dir == "" {
		o.unread(err)
		return x.err
	}
	o.unread(errors.Join(err, o.conclude(x.report, x.dir)))
	if x.err != nil {
		return &shown{x.err}
	}
	return nil
}

// unread tells that the output of a run could not be written. The run ended as
// it did all the same: its exit code and its evidence stand. A reader that went
// away knows.
func (o *options) unread(err error) {
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		fmt.Fprintf(o.errs, "stackctl: the output is not whole, the evidence is: %s\n", redact.Printable(o.safe(err.Error())))
	}
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
func (o *options) recordOne(ctx context.Context, w work, t stack.Target, screen func(stack.Event)) outcome {
	show := screen
	if o.doing != nil {
		show = func(e stack.Event) { o.doing.note(t.Name, e); screen(e) }
	}
	kept, err := evidence.Open(w.config.Evidence.Dir, evidence.NewID(time.Now(), w.verb), o.redactor, time.Now)
	if err != nil {
		return outcome{target: t.Name, err: errors.Join(w.broken, err)}
	}
	d := &deploy.Deployer{
		Config: w.config, Target: t, Run: kept.ID(), Owner: owner(), Commit: commit(w.config.Root), Tools: tools(),
		Artifacts: kept, Connect: node.Connect, Builder: localBuilder, Now: time.Now,
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
	r, failure := run(ctx, d)
	r, failure = o.seal(ctx, signer, kept, r, failure)
	show(stack.Event{At: time.Now(), Kind: stack.EventVerdict, Name: w.verb, Message: string(r.Verdict), Took: r.Took, Report: &r})
	o.notify(ctx, w, t, r, kept.Dir())
	return outcome{target: t.Name, report: r, dir: kept.Dir(), err: failure}
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

// display shows a run as the flags and the terminal ask for. Several targets
// are told of line by line.
func (o *options) display(several bool) display.Display {
	kind := display.Detect(o.out, os.Getenv)
	if several {
		kind = display.Plain
	}
	switch {
	case o.output == "json":
		kind = display.JSON
	case o.quiet:
		kind = display.Quiet
	}
	return display.New(kind, o.out, o.errs, display.Options{Redact: o.mask, Verbose: o.verbose, NoColor: display.NoColor(os.Getenv)})
}

// mask takes known secrets out of a text.
func (o *options) mask(text []byte) []byte {
	if o.redactor == nil {
		return text
	}
	return o.redactor.Bytes(text)
}

// conclude prints the summary that stays on the screen.
func (o *options) conclude(r stack.Report, dir string) error {
	if o.output == "json" {
		return nil
	}
	page := filepath.Join(dir, "report.html")
	if _, err := os.Stat(page); err != nil {
		page = "none: " + err.Error()
	}
	if r.Verb == "plan" && r.Plan.Release != "" {
		if _, err := fmt.Fprintf(o.out, "\n%s", o.mask([]byte(redact.Printable(r.Plan.String())))); err != nil {
			return err
		}
	}
	if o.quiet {
		_, err := fmt.Fprintf(o.out, "%s %s: %s\n", r.Verb, r.Verdict, page)
		return err
	}
	text, err := report.Text(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(o.out, "\n%s\nreport   %s\n", o.mask(text), page)
	return err
}

// seal lets the evidence judge itself (gate G10), settles the verdict, and
// closes the run's folder.
func (o *options) seal(ctx context.Context, signer *evidence.Signer, kept *evidence.Run, r stack.Report, failure error) (stack.Report, error) {
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

// owner is user@machine.
func owner() string {
	name, machine := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = filepath.Base(filepath.ToSlash(u.Username))
	}
	if h, err := os.Hostname(); err == nil {
		machine = h
	}
	return name + "@" + machine
}

// commit is the commit of the project's files; "+changes" says that they
// differ from it. Without git it is what CI says, or unknown.
func commit(root string) string {
	for _, name := range []string{"STACKCTL_COMMIT", "GITHUB_SHA", "CI_COMMIT_SHA"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	head, err := exec.Command("git", "-C", root, "rev-parse", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	id := strings.TrimSpace(string(head))
	if changes, err := exec.Command("git", "-C", root, "status", "--porcelain").Output(); err == nil && len(changes) > 0 {
		id += "+changes"
	}
	return id
}

// Version is set when stackctl is built.
var Version = "dev"

// tools are the versions of what takes part on this side.
func tools() map[string]string {
	out := map[string]string{"stackctl": Version}
	if info, ok := debug.ReadBuildInfo(); ok {
		out["go"] = info.GoVersion
		for _, m := range info.Deps {
			switch m.Path {
			case "github.com/docker/compose/v5", "github.com/oasdiff/oasdiff", "github.com/compose-spec/compose-go/v2":
				out[m.Path[strings.Index(m.Path, "/")+1:]] = m.Version
			}
		}
	}
	return out
}
