package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"stackctl/pkg/stackctl/display"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/report"
	"stackctl/pkg/stackctl/stack"
)

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

// conclude prints the summary that stays on the screen.
func (p *printer) conclude(r stack.Report, dir string) error {
	if p.output == "json" {
		return nil
	}
	page := filepath.Join(dir, "report.html")
	if _, err := os.Stat(page); err != nil {
		page = "none: " + err.Error()
	}
	if r.Verb == "plan" && r.Plan.Release != "" {
		if _, err := fmt.Fprintf(p.out, "\n%s", p.mask([]byte(redact.Printable(r.Plan.String())))); err != nil {
			return err
		}
	}
	if p.quiet {
		_, err := fmt.Fprintf(p.out, "%s %s: %s\n", r.Verb, r.Verdict, page)
		return err
	}
	text, err := report.Text(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, "\n%s\nreport   %s\n", p.mask(text), page)
	return err
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

// concludeAll prints each target's summary and the overall verdict, and returns
// the worst error.
func (r *recorder) concludeAll(ctx context.Context, verb string, outcomes []outcome) error {
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
	if r.output == "json" {
		r.incomplete(r.jsonLine(sum))
	} else {
		r.incomplete(r.printOverall(sum, outcomes))
	}
	if worst != nil {
		return &shown{worst}
	}
	return nil
}

func (r *recorder) printOverall(sum overall, outcomes []outcome) error {
	good := 0
	var errs []error
	for _, x := range outcomes {
		if x.dir != "" && !r.quiet {
			fmt.Fprintf(r.out, "\n── %s %s\n", x.target, strings.Repeat("─", max(4, 60-len(x.target))))
			errs = append(errs, r.conclude(x.report, x.dir))
		}
		if x.err == nil && x.dir != "" {
			good++
		}
	}
	fmt.Fprintf(r.out, "\n%s: %d of %d targets good, exit code %d\n\n", sum.Verb, good, len(sum.Targets), sum.ExitCode)
	w := tabwriter.NewWriter(r.out, 2, 4, 2, ' ', 0)
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
