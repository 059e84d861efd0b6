package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/display"
	"stackctl/pkg/stackctl/stack"
)

// many are the flags of the verbs that act on several targets side by side.
type many struct {
	all      bool
	parallel int
	failFast bool
}

// sideBySide is how many targets are worked on at once without --parallel.
const sideBySide = 8

// bindMany gives a verb the flags for several targets.
func (o *options) bindMany(cmd *cobra.Command, runs bool) {
	cmd.Flags().BoolVar(&o.many.all, "all-targets", false, "act on every target of the file, side by side")
	if runs {
		cmd.Flags().IntVar(&o.many.parallel, "parallel", sideBySide, "how many targets are worked on at once")
		cmd.Flags().BoolVar(&o.many.failFast, "fail-fast", false, "begin no further target once one has failed; those under way go on")
	}
}

// bindEnv gives a verb the flag for variables of the compose files.
func (o *options) bindEnv(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&o.env, "env", nil, "a variable of the compose files, such as TAG=1.4, over the environment and the env file; several times for several")
}

// variables are the values of --env by name.
func variables(flags []string) (map[string]string, error) {
	out := map[string]string{}
	for _, flag := range flags {
		name, value, ok := strings.Cut(flag, "=")
		if !ok || !variableName.MatchString(name) {
			// Its value is not shown: it may be a secret.
			return nil, stack.Fault(stack.CauseUsage, "read --env", errors.New("one is not NAME=value"), "write --env TAG=1.4")
		}
		out[name] = value
	}
	return out, nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// chosen reads the settings and picks the targets.
func (o *options) chosen() (stack.Config, []stack.Target, error) {
	c, err := config.Load(o.config)
	if err != nil {
		return c, nil, err
	}
	if c.Compose.Env, err = variables(o.env); err != nil {
		return c, nil, err
	}
	names := o.targets
	switch {
	case o.many.all && len(names) > 0:
		return c, nil, stack.Fault(stack.CauseUsage, "pick the targets", errors.New("--target and --all-targets were both given"), "use one of them")
	case o.many.all:
		names = targetNames(c)
	}
	if len(names) == 0 {
		names = []string{""}
	}
	var targets []stack.Target
	for _, name := range names {
		t, err := config.Target(c, name)
		if err != nil {
			return c, nil, err
		}
		for _, other := range targets {
			if other.Name != t.Name && other.Host == t.Host && other.Port == t.Port && other.Path == t.Path {
				return c, nil, stack.Fault(stack.CauseUsage, "pick the targets", fmt.Errorf("%s and %s are the same folder of the same host", other.Name, t.Name), "act on one after the other")
			}
		}
		if !slices.ContainsFunc(targets, func(other stack.Target) bool { return other.Name == t.Name }) {
			targets = append(targets, t)
		}
	}
	return c, targets, nil
}

func targetNames(c stack.Config) []string {
	var names []string
	for name := range c.Targets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// outcome is how a run against one target ended.
type outcome struct {
	target string
	report stack.Report
	// dir holds its evidence; empty where it did not begin.
	dir string
	err error
}

// verdict is an outcome in a word.
func (x outcome) verdict() string {
	if x.dir == "" && x.err == nil {
		return "not begun"
	}
	return string(x.report.Verdict)
}

// side runs one verb against several targets side by side. One that fails
// neither stops nor hurts the others.
func (o *options) side(targets []stack.Target, run func(t stack.Target) outcome) []outcome {
	outcomes := make([]outcome, len(targets))
	slots := make(chan struct{}, max(1, o.many.parallel))
	var (
		all    sync.WaitGroup
		mu     sync.Mutex
		failed bool
	)
	for i, t := range targets {
		outcomes[i].target = t.Name
		slots <- struct{}{}
		mu.Lock()
		stop := failed && o.many.failFast
		mu.Unlock()
		if stop {
			<-slots
			continue
		}
		all.Go(func() {
			defer func() { <-slots }()
			outcomes[i] = run(t)
			mu.Lock()
			failed = failed || outcomes[i].err != nil
			mu.Unlock()
		})
	}
	all.Wait()
	return outcomes
}

// overall is the last word of a run against several targets.
type overall struct {
	Kind     string          `json:"kind"`
	Verb     string          `json:"verb"`
	ExitCode int             `json:"exit_code"`
	Targets  []overallTarget `json:"targets"`
}

type overallTarget struct {
	Target   string        `json:"target"`
	Verdict  string        `json:"verdict"`
	ExitCode int           `json:"exit_code"`
	Reason   string        `json:"reason,omitempty"`
	Release  string        `json:"release,omitempty"`
	Live     string        `json:"live,omitempty"`
	Took     time.Duration `json:"took_ns"`
	Dir      string        `json:"evidence,omitempty"`
}

// concludeAll prints each target's summary and the overall verdict, and gives
// the worst error.
func (o *options) concludeAll(ctx context.Context, verb string, outcomes []outcome) error {
	var failures []error
	sum := overall{Kind: "overall", Verb: verb}
	for _, x := range outcomes {
		if x.err != nil {
			failures = append(failures, x.err)
		}
		sum.Targets = append(sum.Targets, overallTarget{Target: x.target, Verdict: x.verdict(), ExitCode: ExitCode(ctx, x.err), Reason: x.report.Reason,
			Release: x.report.Release, Live: x.report.Live, Took: x.report.Took, Dir: x.dir})
	}
	worst := Worst(failures)
	sum.ExitCode = ExitCode(ctx, worst)
	if o.output == "json" {
		o.unread(o.jsonLine(sum))
	} else {
		o.unread(o.printOverall(sum, outcomes))
	}
	if worst != nil {
		return &shown{worst}
	}
	return nil
}

// jsonLine writes a value as one line, masked like the events before it.
func (o *options) jsonLine(v any) error {
	raw, err := json.Marshal(v)
	if err == nil {
		_, err = fmt.Fprintf(o.out, "%s\n", o.mask(raw))
	}
	return err
}

func (o *options) printOverall(sum overall, outcomes []outcome) error {
	good := 0
	var errs []error
	for _, x := range outcomes {
		if x.dir != "" && !o.quiet {
			fmt.Fprintf(o.out, "\n── %s %s\n", x.target, strings.Repeat("─", max(4, 60-len(x.target))))
			errs = append(errs, o.conclude(x.report, x.dir))
		}
		if x.err == nil && x.dir != "" {
			good++
		}
	}
	fmt.Fprintf(o.out, "\n%s: %d of %d targets good, exit code %d\n\n", sum.Verb, good, len(sum.Targets), sum.ExitCode)
	w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "TARGET\tVERDICT\tEXIT\tLIVE\tTOOK\tEVIDENCE")
	for _, t := range sum.Targets {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", t.Target, t.Verdict, t.ExitCode, or(t.Live, "-"), t.Took.Round(100*time.Millisecond), or(t.Dir, "-"))
	}
	return errors.Join(append(errs, w.Flush())...)
}

// tagged shows the events of one target of several.
func tagged(screen display.Display, target string) func(stack.Event) {
	return func(e stack.Event) {
		e.Target = target
		screen.Emit(e)
	}
}

// completeTargets completes the last of a comma-separated list of targets.
func (o *options) completeTargets(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	c, err := config.Load(o.config)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	before, _ := cutLast(typed, ",")
	var names []string
	for _, name := range targetNames(c) {
		if !slices.Contains(strings.Split(before, ","), name) {
			names = append(names, before+name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// cutLast splits a text after the last separator.
func cutLast(text, separator string) (before, after string) {
	i := strings.LastIndex(text, separator)
	return text[:i+1], text[i+1:]
}
