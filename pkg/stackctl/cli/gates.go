package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/gates"
	"stackctl/pkg/stackctl/stack"
)

// gatesOptions are what gates needs.
type gatesOptions struct {
	*printer
	project *project
}

func newGates(s *session, run func(context.Context, *gatesOptions) error) *cobra.Command {
	o := &gatesOptions{printer: s.printer, project: s.project}
	return &cobra.Command{
		Use: "gates", Args: cobra.NoArgs,
		Short: "List the gates and what they inspect",
		Long: `gates lists the built-in gates and those that stackctl.yaml declares under
gates.own, in the order in which they are told of, with their phase, their
question and what they look at. It needs no server.`,
		Example: "  stackctl gates\n  stackctl gates --output json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
}

func runGates(_ context.Context, o *gatesOptions) error {
	own, err := o.project.ownGates()
	if err != nil {
		return err
	}
	list := gateList(own)
	if o.output == "json" {
		return o.json(list)
	}
	width := 0
	for _, g := range list {
		width = max(width, len(g.ID))
	}
	for _, g := range list {
		indent := strings.Repeat(" ", width+14)
		fmt.Fprintf(o.out, "%-*s %-12s %s\n%sinspects %s\n%s%s\n", width, g.ID, g.Phase, g.Question, indent, g.Inspects, indent,
			strings.Join(g.Refs, ", ")+g.when())
	}
	return nil
}

type listedGate struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Phase     string   `json:"phase"`
	Question  string   `json:"question"`
	Inspects  string   `json:"inspects"`
	Refs      []string `json:"refs"`
	Artifacts []string `json:"artifacts"`
	Slow      bool     `json:"slow"`
	Mutates   bool     `json:"mutates"`
}

func (g listedGate) when() string {
	switch {
	case g.Mutates:
		return " (changes something: with --all-tests, or on a target that allows it)"
	case g.Slow:
		return " (slow: with --all-tests)"
	}
	return ""
}

func gateList(own []stack.OwnGate) []listedGate {
	var out []listedGate
	for _, g := range gates.All(own) {
		out = append(out, listedGate{g.ID, g.Name, string(g.Phase), g.Question, g.Inspects, g.Refs, g.Artifacts, g.Slow, g.Mutates})
	}
	return out
}
