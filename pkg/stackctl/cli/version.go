package cli

import (
	"fmt"
	"runtime"
	"sort"

	"github.com/spf13/cobra"
)

func newVersion(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "version", Args: cobra.NoArgs,
		Short: "Tell the version of stackctl and of what it is built with",
		RunE: func(*cobra.Command, []string) error {
			if o.output == "json" {
				return o.json(tools())
			}
			fmt.Fprintf(o.out, "stackctl %s %s/%s\n", Version, runtime.GOOS, runtime.GOARCH)
			all := tools()
			names := make([]string, 0, len(all))
			for name := range all {
				if name != "stackctl" {
					names = append(names, name)
				}
			}
			sort.Strings(names)
			for _, name := range names {
				fmt.Fprintf(o.out, "  %s %s\n", name, all[name])
			}
			return nil
		},
	}
}
