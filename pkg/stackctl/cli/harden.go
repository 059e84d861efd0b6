package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/display"
	"stackctl/pkg/stackctl/evidence"
	"stackctl/pkg/stackctl/harden"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/swarm"
)

// hardenOptions are the flags of harden, and what it needs.
type hardenOptions struct {
	*printer
	project *project
	doing   *doing
	runFlags

	services []string
	write    string
	force    bool
	anywhere bool
	lockWait time.Duration
}

// hardenFile is what harden writes to where no flag says otherwise.
const hardenFile = "compose.hardened.yaml"

func newHarden(s *session, run func(context.Context, *hardenOptions) error) *cobra.Command {
	o := &hardenOptions{printer: s.printer, project: s.project, doing: s.doing}
	cmd := &cobra.Command{
		Use: "harden", Args: cobra.NoArgs,
		Short: "Find on the sandbox which hardening each service bears, and write it as a compose override",
		Long: `harden starts the project's services on the sandbox, apart from what is deployed
there: in a compose project of their own, on fresh volumes and networks, with no
port published. First as they are, to see what they write and use; then each with
a read-only root file system, no capabilities, no new privileges, a user that is
not root, and limits of memory and processes. What one does not get ready with is
left out, and told with the line of its log. All of it is removed again.

It writes an override file for compose.files in stackctl.yaml, and changes no other
file. One that it did not write is replaced with --force alone. A second run compares.`,
		Example: "  stackctl harden --target sandbox\n  stackctl harden --service web --service worker --write -",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.services, "service", nil, "try this `service` alone, beside what it needs; several times for several")
	f.StringVar(&o.write, "write", hardenFile, "the `file` to write, beside stackctl.yaml; - prints it")
	f.BoolVar(&o.force, "force", false, "replace a file that harden did not write")
	f.BoolVar(&o.anywhere, "any-target", false, "try it on a target that is no sandbox: its memory and processor are shared with what serves")
	o.bindEnv(cmd)
	bindLockWait(cmd, &o.lockWait, "run")
	_ = cmd.RegisterFlagCompletionFunc("service", s.project.completeServices)
	return cmd
}

func runHarden(ctx context.Context, o *hardenOptions) error {
	c, t, err := o.project.one(o.runFlags)
	if err != nil {
		return err
	}
	if err := o.readSecrets(ctx, &c); err != nil {
		return err
	}
	o.learn(c, t)
	if err := o.checkSandbox(c, t); err != nil {
		return err
	}
	file, err := o.openOverride(c)
	if err != nil {
		return err
	}
	c.Compose.Files = file.others
	screen := o.progress()
	verdicts, err := o.try(ctx, c, t, &file, screen.Emit)
	if err = errors.Join(err, screen.Close()); err != nil {
		return err
	}
	o.cleanVerdicts(verdicts)
	return o.conclude(ctx, c, t, file, verdicts)
}

// checkSandbox refuses a target that somebody's site may be on.
func (o *hardenOptions) checkSandbox(c stack.Config, t stack.Target) error {
	if t.Clustered() {
		return stack.Fault(stack.CauseUsage, "harden on "+t.Name, errors.New("it is a cluster"), "what services bear is found on one: start a sandbox without --nodes and name it with --target sandbox")
	}
	is, err := config.IsSandbox(c, t)
	if err != nil || is || o.anywhere {
		return err
	}
	return stack.Fault(stack.CauseUsage, "harden on "+t.Name, fmt.Errorf("%s is no sandbox of this project", t.Host),
		"start one with `stackctl sandbox up` and name it with --target sandbox; --any-target tries it there all the same")
}

// progress returns what shows how far the trials are, apart from what they give.
func (o *hardenOptions) progress() display.Display {
	kind := display.Plain
	if o.quiet || o.output == "json" {
		kind = display.Quiet
	}
	return display.New(kind, o.errs, o.errs, display.Options{Redact: o.mask, Verbose: o.verbose, NoColor: true})
}

// try brings the project's release to the target and tries its services there.
func (o *hardenOptions) try(ctx context.Context, c stack.Config, t stack.Target, file *override, show stack.Emit) (verdicts []harden.Verdict, err error) {
	emit := func(e stack.Event) { o.doing.note(t.Name, e); show(e) }
	d := &deploy.Deployer{
		Config: c, Target: t, Run: evidence.NewID(time.Now(), "harden"), Owner: owner(), Commit: commit(c.Root), Tools: tools(),
		Artifacts: unkeptArtifacts{}, Connect: swarm.Reach, Builder: localBuilder, Now: time.Now, LockWait: o.lockWait, Emit: emit,
	}
	err = d.Rehearse(ctx, func(ctx context.Context, r deploy.Rehearsal) error {
		for _, s := range r.Release.Services {
			file.services = append(file.services, s.Name)
		}
		verdicts, err = harden.Trials{
			Server: r.Server, Config: c, Release: r.Release, Root: t.At(stack.RehearsalDir), Services: o.services,
			Before: harden.Settings(file.before), Pace: r.Pace,
			Tell: func(text string) { emit(stack.Event{At: time.Now(), Kind: stack.EventNote, Message: text}) },
		}.Run(ctx)
		return err
	})
	return verdicts, err
}

// unkeptArtifacts is for a run that leaves no evidence: it deploys nothing.
type unkeptArtifacts struct{}

func (unkeptArtifacts) Artifact(string, []byte) error { return nil }
