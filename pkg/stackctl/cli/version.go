package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sort"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/outbound"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/update"
)

// Releases is the address of the index of releases, set when stackctl is built;
// update.Variable goes before it.
var Releases string

// versionOptions are the flags of version, and what it needs.
type versionOptions struct {
	*printer

	check bool
}

func newVersion(s *session, run func(context.Context, *versionOptions) error) *cobra.Command {
	o := &versionOptions{printer: s.printer}
	cmd := &cobra.Command{
		Use: "version", Args: cobra.NoArgs,
		Short: "Tell the version of stackctl and of what it is built with",
		Long: `Tells the version of stackctl and of what it is built with.

With --check it asks the index of releases whether there is a newer one: the
https address in ` + update.Variable + `, else the one that the program was built
with. Nothing is asked without --check, and nothing is installed.

Exit codes of --check: 0 the index answered, whether or not it names a newer
release; 2 no address is set, or none of https; 3 the server cannot be reached
or refuses; 4 what it serves is no index of releases.`,
		Example: "  stackctl version\n  stackctl version --check --output json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	cmd.Flags().BoolVar(&o.check, "check", false, "ask the index of releases whether there is a newer one")
	return cmd
}

func runVersion(ctx context.Context, o *versionOptions) error {
	if o.check {
		return o.newer(ctx)
	}
	return o.versions()
}

// versions prints the versions of stackctl and of what it is built with.
func (o *versionOptions) versions() error {
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
}

// newer prints whether there is a newer release.
func (o *versionOptions) newer(ctx context.Context) error {
	address := or(os.Getenv(update.Variable), Releases)
	if address == "" {
		return stack.Fault(stack.CauseUsage, "look for a newer release", errors.New("this stackctl was built without the address of an index of releases, and "+update.Variable+" is not set"),
			"set it to the https address of a "+update.File)
	}
	a, err := update.Check(ctx, outbound.Client{}, address, Version)
	if err != nil {
		return err
	}
	if o.output == "json" {
		return o.json(a)
	}
	switch a.Standing {
	case update.Current:
		fmt.Fprintf(o.out, "stackctl %s is up to date; the newest release is %s of %s\n", a.Version, a.Newest, a.Date.Format("2006-01-02"))
	case update.Older:
		fmt.Fprintf(o.out, "stackctl %s is older than the newest release, %s of %s\n", a.Version, a.Newest, a.Date.Format("2006-01-02"))
	case update.Unknown:
		fmt.Fprintf(o.out, "stackctl %s is no release, so it cannot be compared; the newest release is %s of %s\n", a.Version, a.Newest, a.Date.Format("2006-01-02"))
	}
	if a.Notes != "" && a.Standing != update.Current {
		fmt.Fprintf(o.out, "what changed: %s\n", redact.Printable(a.Notes))
	}
	return nil
}
