package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/gate"
)

func newGates(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "gates", Args: cobra.NoArgs,
		Short: "List the gates and what they inspect",
		RunE: func(*cobra.Command, []string) error {
			if o.output == "json" {
				return o.json(gateList())
			}
			for _, g := range gateList() {
				fmt.Fprintf(o.out, "%-4s %-12s %s\n%18s%s\n%18s%s\n", g.ID, g.Phase, g.Question, "", "inspects "+g.Inspects, "",
					strings.Join(g.Refs, ", ")+g.when())
			}
			return nil
		},
	}
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

func gateList() []listedGate {
	var out []listedGate
	for _, g := range gate.Registry() {
		out = append(out, listedGate{g.ID, g.Name, string(g.Phase), g.Question, g.Inspects, g.Refs, g.Artifacts, g.Slow, g.Mutates})
	}
	return out
}

// json writes a value for machines.
func (o *options) json(v any) error {
	e := json.NewEncoder(o.out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
