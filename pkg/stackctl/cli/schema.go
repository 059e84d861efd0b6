package cli

import (
	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/config"
)

func newSchema(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "schema", Args: cobra.NoArgs,
		Short: "Print the JSON Schema of stackctl.yaml, for editors",
		Long: `schema prints the JSON Schema of stackctl.yaml. An editor that knows YAML
schemas completes and checks the file with it, where a line at its top says so:

  # yaml-language-server: $schema=.stackctl/schema.json`,
		Example: "  stackctl schema > .stackctl/schema.json",
		RunE: func(*cobra.Command, []string) error {
			_, err := o.out.Write(config.Schema())
			return err
		},
	}
}
