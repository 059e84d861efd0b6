package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/evidence"
)

// evidenceKeygenOptions are what evidence keygen needs.
type evidenceKeygenOptions struct {
	out io.Writer

	file string
}

func newEvidenceKeygen(s *session, run func(context.Context, *evidenceKeygenOptions) error) *cobra.Command {
	o := &evidenceKeygenOptions{out: s.printer.out}
	return &cobra.Command{
		Use: "keygen FILE", Args: cobra.ExactArgs(1), Short: "Make a signing key; its public half goes to FILE.pub",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.file = args[0]
			return run(cmd.Context(), o)
		},
	}
}

func runEvidenceKeygen(_ context.Context, o *evidenceKeygenOptions) error {
	if err := evidence.KeyGen(o.file); err != nil {
		return err
	}
	fmt.Fprintf(o.out, "made %s (keep it secret) and %s.pub (give it to auditors)\n", o.file, o.file)
	return nil
}
