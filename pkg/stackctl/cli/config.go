package cli

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/stack"
)

// configOptions are what config needs.
type configOptions struct {
	*printer
	project *project
}

func newConfig(s *session, run func(context.Context, *configOptions) error) *cobra.Command {
	o := &configOptions{printer: s.printer, project: s.project}
	return &cobra.Command{
		Use: "config", Args: cobra.NoArgs,
		Short: "Show the settings of a target, and where each came from",
		Long: `config shows what a run would use: the settings of stackctl.yaml, of the
environment (STACKCTL_…), of flags, of ~/.ssh/config and /etc/ssh/ssh_config, and
the defaults, each with its file and line. The values of variables are not shown.
Nothing is connected to.`,
		Example: "  stackctl config --target production\n  stackctl config --output json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
}

func runConfig(_ context.Context, o *configOptions) error {
	c, t, err := o.project.load()
	if err != nil {
		return err
	}
	list, err := config.Settings(c, t)
	if err != nil {
		return err
	}
	list = slices.Insert(list, 0, o.chosenTarget(c, t))
	o.learn(c, t)
	if o.output == "json" {
		return o.jsonLine(map[string]any{"target": t.Name, "settings": list})
	}
	return o.print(list)
}

// chosenTarget returns which target it is, and who chose it.
func (o *configOptions) chosenTarget(c stack.Config, t stack.Target) config.Setting {
	s := config.Setting{Key: "--target", Value: t.Name, From: "default"}
	switch {
	case len(o.project.targets) > 0:
		s.From = "flag --target"
	case c.Target != "":
		s.From = "the file's target"
	}
	return s
}

func (o *configOptions) print(list []config.Setting) error {
	w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SETTING\tVALUE\tFROM")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Key, o.safe(or(s.Value, "-")), s.From)
	}
	return w.Flush()
}
