package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

func newSecrets(s *session) *cobra.Command {
	cmd := &cobra.Command{Use: "secrets", Short: "List, edit and rotate the secrets of the project",
		Long: `secrets acts on where values are kept: files, files encrypted with age, and what
stackctl.yaml has under secrets. Servers get a new value with the next deploy. No
value is ever shown.`}
	cmd.AddCommand(newSecretsList(s, runSecretsList), newSecretsEdit(s, runSecretsEdit), newSecretsRotate(s, runSecretsRotate))
	return cmd
}

// secretUses lists the secrets of the project, for the target that is chosen.
func secretUses(ctx context.Context, p *project) (stack.Config, []release.SecretUse, error) {
	c, t, err := p.load()
	if err != nil {
		return c, nil, err
	}
	uses, err := release.SecretUses(ctx, c, t)
	return c, uses, err
}

// completeSecrets completes the names of the project's secrets.
func (p *project) completeSecrets(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if _, uses, err := secretUses(cmd.Context(), p); err == nil && len(args) == 0 {
		for _, u := range uses {
			names = append(names, u.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// secretNamed finds a secret that can be written.
func secretNamed(ctx context.Context, p *project, name string) (stack.Config, release.SecretUse, error) {
	c, uses, err := secretUses(ctx, p)
	if err != nil {
		return c, release.SecretUse{}, err
	}
	for _, u := range uses {
		if u.Name != name {
			continue
		}
		if u.Source.From() == "file " {
			return c, u, stack.Usage(c.File, 0, "secret "+name+" is the value of a variable", "change it where the variable is set")
		}
		return c, u, nil
	}
	return c, release.SecretUse{}, stack.Usage(c.File, 0, fmt.Sprintf("there is no secret %q", name), "see `stackctl secrets list`")
}

// stateOf looks at a file without reading it.
func stateOf(s stack.SecretSource) string {
	for _, file := range []string{s.File, s.Age, s.SOPS} {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			return "missing"
		}
		return "there"
	}
	return ""
}

// secretChanged tells that a secret was changed or rotated, and what it takes to
// have an effect.
func secretChanged(out io.Writer, use release.SecretUse, how string) {
	who := or(strings.Join(slices.Sorted(maps.Keys(use.Services)), ", "), "what uses it")
	fmt.Fprintf(out, "%s %s in %s; %s: a new value with the next `stackctl deploy`\n", how, use.Name, redact.Printable(use.Source.From()), who)
	if how == "rotated" {
		if use.Source.Previous != "" {
			fmt.Fprintf(out, "the value before is in %s: deploy, and rotate that one when nobody needs it any more\n", use.Source.Previous)
		} else {
			fmt.Fprintln(out, "no `previous` is named: what the value before was good for, such as sessions and tokens, ends with that deploy")
		}
	}
}
