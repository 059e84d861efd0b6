package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// secretsListOptions are the flags of secrets list, and what it needs.
type secretsListOptions struct {
	*printer
	project *project

	check bool
}

func newSecretsList(s *session, run func(context.Context, *secretsListOptions) error) *cobra.Command {
	o := &secretsListOptions{printer: s.printer, project: s.project}
	cmd := &cobra.Command{
		Use: "list", Args: cobra.NoArgs, Short: "List the secrets: where each is kept and who gets it",
		Example: "  stackctl secrets list\n  stackctl secrets list --check",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	cmd.Flags().BoolVar(&o.check, "check", false, "read each of them: commands run, keys are asked for")
	return cmd
}

func runSecretsList(ctx context.Context, o *secretsListOptions) error {
	c, uses, err := secretUses(ctx, o.project)
	if err != nil {
		return err
	}
	from := secretReader(c)
	list, failed := make([]listedSecret, 0, len(uses)), []string{}
	for _, u := range uses {
		one := listedSecret{Name: u.Name, From: source(u), Services: slices.Sorted(maps.Keys(u.Services)), Variable: u.Variable, State: stateOf(u.Source)}
		if has := u.Source.From() != "file "; o.check && has {
			if _, err := from.Read(ctx, u.Name, u.Source); err != nil {
				one.State, _ = stack.Explain(err)
				failed = append(failed, u.Name)
			} else {
				one.State = "there"
			}
		}
		list = append(list, one)
	}
	if o.output == "json" {
		err = o.json(list)
	} else {
		err = o.print(list)
	}
	if len(failed) > 0 && err == nil {
		err = stack.Fault(stack.CauseUsage, "read the secrets", errors.New("not read: "+strings.Join(failed, ", ")), "`stackctl secrets list --check` shows why")
	}
	return err
}

// listedSecret is one secret, for machines.
type listedSecret struct {
	Name     string   `json:"name"`
	From     string   `json:"from"`
	Services []string `json:"services"`
	Variable bool     `json:"variable"`
	// State is empty where nobody looked: "there", "missing", or why it cannot be read.
	State string `json:"state,omitempty"`
}

func source(u release.SecretUse) string {
	if from := u.Source.From(); from != "file " {
		return from
	}
	return "variable"
}

func (o *secretsListOptions) print(list []listedSecret) error {
	w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SECRET\tFROM\tUSED BY\tSTATE")
	for _, s := range list {
		by := s.Services
		if s.Variable {
			by = append(by, "(variable)")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Name, redact.Printable(s.From), or(strings.Join(by, ", "), "nobody"), or(redact.Printable(s.State), "-"))
	}
	return w.Flush()
}
