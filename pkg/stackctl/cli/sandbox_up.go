package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/sandbox"
)

// sandboxUpOptions are the flags of sandbox up, and what it needs.
type sandboxUpOptions struct {
	*printer
	project *project

	images string
}

func newSandboxUp(s *session, run func(context.Context, *sandboxUpOptions) error) *cobra.Command {
	o := &sandboxUpOptions{printer: s.printer, project: s.project}
	cmd := &cobra.Command{
		Use: "up", Args: cobra.NoArgs, Short: "Start the droplet and what it needs beside it; keep what is there",
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.images, "images", "build/sandbox", "the `folder` with droplet.tar, pebble.tar and outside.tar")
	return cmd
}

func runSandboxUp(ctx context.Context, o *sandboxUpOptions) error {
	s, err := sandbox.Up(ctx, sandbox.Options{Dir: sandboxDir(o.project), Images: o.images, Progress: o.progress})
	if err != nil {
		return err
	}
	if o.output == "json" {
		return o.json(s)
	}
	fmt.Fprintf(o.out, "the sandbox runs at %s\nsite     %s (after a deploy)\nmails    %s/ or stackctl sandbox mail\nsign-in  %s stands in for Google\nssh      stackctl sandbox ssh\n", s.Address, s.URL(), s.Mail, s.Issuer)
	return nil
}

func (o *sandboxUpOptions) progress(line string) {
	if !o.quiet && o.output == "text" {
		fmt.Fprintf(o.errs, "%s  %s\n", time.Now().Format("15:04:05"), line)
	}
}
