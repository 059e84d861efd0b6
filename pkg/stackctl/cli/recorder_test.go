package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/evidence"
	"stackctl/pkg/stackctl/stack"
)

func TestEvidenceThatCannotBeClosedIsNoGoodEnd(t *testing.T) {
	for name, failure := range map[string]error{
		"after a good run": nil,
		"after a bad run":  stack.Fault(stack.CauseStep, "start api", os.ErrNotExist, "look"),
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p := printerTo(&out, "text")
			kept, err := evidence.Open(t.TempDir(), evidence.NewID(time.Now(), "deploy"), p.known, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			kept.Abandon() // as good as a disk that is full
			r := stack.Report{Run: kept.ID(), Verb: "deploy", Verdict: stack.VerdictGood, Live: "5f2c", Before: "5f2c"}
			want := ExitUnjudged
			if failure != nil {
				r.Verdict, want = stack.VerdictStepFailed, ExitStep
				r.Reason, r.Fix = stack.Explain(failure)
			}
			r, err = unkept(t.Context(), r, failure, stack.Fault(stack.CauseUnjudged, "close the evidence", os.ErrClosed, "free space"))
			if got := ExitCode(t.Context(), err); got != want || r.ExitCode != want || r.Verdict == stack.VerdictGood {
				t.Errorf("exit code %d, in the report %d, verdict %s", got, r.ExitCode, r.Verdict)
			}
			if err := p.conclude(r, kept.Dir()); err != nil {
				t.Fatal(err)
			}
			for _, said := range []string{"close the evidence: file already closed", "free space", "none: stat " + filepath.Join(kept.Dir(), "report.html")} {
				if !strings.Contains(out.String(), said) {
					t.Errorf("it does not say %q:\n%s", said, out.String())
				}
			}
		})
	}
}
