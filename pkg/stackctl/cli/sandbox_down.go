package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/sandbox"
)

// sandboxDownOptions are the flags of sandbox down, and what it needs.
type sandboxDownOptions struct {
	out     io.Writer
	project *project

	all bool
}

func newSandboxDown(s *session, run func(context.Context, *sandboxDownOptions) error) *cobra.Command {
	o := &sandboxDownOptions{out: s.printer.out, project: s.project}
	cmd := &cobra.Command{
		Use: "down", Args: cobra.NoArgs, Short: "Remove the sandbox and everything in it",
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	cmd.Flags().BoolVar(&o.all, "all", false, "also the images that it was made of")
	return cmd
}

func runSandboxDown(ctx context.Context, o *sandboxDownOptions) error {
	if err := sandbox.Down(ctx, sandboxDir(o.project), o.all); err != nil {
		return err
	}
	fmt.Fprintln(o.out, "the sandbox is gone")
	return nil
}
