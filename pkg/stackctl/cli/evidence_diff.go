package cli

import (
	"context"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/evidence"
)

// evidenceDiffOptions are what evidence diff needs.
type evidenceDiffOptions struct {
	*printer

	before, after string // the folders of two runs
}

func newEvidenceDiff(s *session, run func(context.Context, *evidenceDiffOptions) error) *cobra.Command {
	o := &evidenceDiffOptions{printer: s.printer}
	return &cobra.Command{
		Use: "diff DIR DIR", Args: cobra.ExactArgs(2), Short: "Tell what differs between two runs",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.before, o.after = args[0], args[1]
			return run(cmd.Context(), o)
		},
	}
}

func runEvidenceDiff(_ context.Context, o *evidenceDiffOptions) error {
	return o.text(evidence.Diff(o.before, o.after))
}
