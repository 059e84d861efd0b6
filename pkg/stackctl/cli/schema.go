package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/config"
)

// schemaOptions are what schema needs.
type schemaOptions struct{ out io.Writer }

func newSchema(s *session, run func(context.Context, *schemaOptions) error) *cobra.Command {
	o := &schemaOptions{out: s.printer.out}
	return &cobra.Command{
		Use: "schema", Args: cobra.NoArgs,
		Short: "Print the JSON Schema of stackctl.yaml, for editors",
		Long: `schema prints the JSON Schema of stackctl.yaml. An editor that knows YAML
schemas completes and checks the file with it, where a line at its top says so:

  # yaml-language-server: $schema=.stackctl/schema.json`,
		Example: "  stackctl schema > .stackctl/schema.json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
}

func runSchema(_ context.Context, o *schemaOptions) error {
	_, err := o.out.Write(config.Schema())
	return err
}
