package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/sandbox"
)

// sandboxUpOptions are the flags of sandbox up, and what it needs.
type sandboxUpOptions struct {
	*printer
	project *project

	images string
	nodes  int
}

func newSandboxUp(s *session, run func(context.Context, *sandboxUpOptions) error) *cobra.Command {
	o := &sandboxUpOptions{printer: s.printer, project: s.project}
	cmd := &cobra.Command{
		Use: "up", Args: cobra.NoArgs, Short: "Start the droplet and what it needs beside it; keep what is there",
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.images, "images", "build/sandbox", "the `folder` with droplet.tar, pebble.tar and outside.tar")
	cmd.Flags().IntVar(&o.nodes, "nodes", 0, "how many droplets, as the nodes of one target, with Debian 13 (droplet13.tar); 0 keeps what is there, or makes a single server")
	return cmd
}

func runSandboxUp(ctx context.Context, o *sandboxUpOptions) error {
	s, err := sandbox.Up(ctx, sandbox.Options{Dir: sandboxDir(o.project), Nodes: o.nodes, Images: o.images, Progress: o.progress})
	if err != nil {
		return err
	}
	if o.output == "json" {
		return o.json(s)
	}
	fmt.Fprintf(o.out, "the sandbox runs at %s\n", s.Address)
	login := ""
	for _, n := range s.Nodes {
		fmt.Fprintf(o.out, "%-8s %s %s\n", n.Name, n.Address, strings.Join(n.Labels, " "))
		login = " NODE"
	}
	fmt.Fprintf(o.out, "site     %s (after a deploy)\nmails    %s/ or stackctl sandbox mail\nsign-in  %s stands in for Google\nssh      stackctl sandbox ssh%s\n", s.URL(), s.Mail, s.Issuer, login)
	return nil
}

func (o *sandboxUpOptions) progress(line string) {
	if !o.quiet && o.output == "text" {
		fmt.Fprintf(o.errs, "%s  %s\n", time.Now().Format("15:04:05"), line)
	}
}
