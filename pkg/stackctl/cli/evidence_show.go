package cli

import (
	"context"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/evidence"
)

// evidenceShowOptions are what evidence show needs.
type evidenceShowOptions struct {
	*printer

	dir string
}

func newEvidenceShow(s *session, run func(context.Context, *evidenceShowOptions) error) *cobra.Command {
	o := &evidenceShowOptions{printer: s.printer}
	return &cobra.Command{
		Use: "show DIR", Args: cobra.ExactArgs(1), Short: "Tell the story of a run",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.dir = args[0]
			return run(cmd.Context(), o)
		},
	}
}

func runEvidenceShow(_ context.Context, o *evidenceShowOptions) error {
	return o.text(evidence.Show(o.dir))
}
