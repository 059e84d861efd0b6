package cli

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/stack"
)

// manOptions are what man needs.
type manOptions struct {
	out  io.Writer
	root *cobra.Command // the command whose verbs have the pages

	dir string
}

func newMan(s *session, run func(context.Context, *manOptions) error) *cobra.Command {
	o := &manOptions{out: s.printer.out}
	return &cobra.Command{
		Use: "man DIR", Args: cobra.ExactArgs(1), Short: "Write the manual pages of all verbs to a folder",
		Example: "  stackctl man /usr/local/share/man/man1\n  stackctl man man && man -l man/stackctl-deploy.1",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.root, o.dir = cmd.Root(), args[0]
			return run(cmd.Context(), o)
		},
	}
}

func runMan(_ context.Context, o *manOptions) error {
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return stack.Usage(o.dir, 0, err.Error(), "name a folder that can be written to")
	}
	n, err := writePages(o.root, o.dir)
	if err != nil {
		return stack.Usage(o.dir, 0, err.Error(), "name a folder that can be written to")
	}
	fmt.Fprintf(o.out, "wrote %d pages to %s\n", n, o.dir)
	return nil
}
