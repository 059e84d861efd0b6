package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/gates"
)

// rulesOptions are what rules needs.
type rulesOptions struct {
	*printer
	project *project
}

func newRules(s *session, run func(context.Context, *rulesOptions) error) *cobra.Command {
	o := &rulesOptions{printer: s.printer, project: s.project}
	return &cobra.Command{
		Use: "rules", Args: cobra.NoArgs,
		Short: "List the rules that findings come from",
		Long: `rules lists every rule of the gates, the built-in and the declared ones, with
its level, its question, its source and its fix. A finding names its rule, and an
exception in stackctl.yaml excuses one rule on one subject. It needs no server.`,
		Example: "  stackctl rules\n  stackctl rules --output json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
}

func runRules(_ context.Context, o *rulesOptions) error {
	own, err := o.project.ownGates()
	if err != nil {
		return err
	}
	list := gates.Rules(own)
	if o.output == "json" {
		return o.json(list)
	}
	width := 0
	for _, r := range list {
		width = max(width, len(r.ID))
	}
	for _, r := range list {
		fmt.Fprintf(o.out, "%-*s  %-6s  %s\n%*s  %s (%s)\n", width, r.ID, r.Level, r.Asks, width+8, "", r.Fix, r.Source)
	}
	return nil
}
