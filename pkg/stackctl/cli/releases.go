package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/operate"
	"stackctl/pkg/stackctl/stack"
)

// releasesOptions are what releases needs.
type releasesOptions struct {
	*printer
	project *project
}

func newReleases(s *session, run func(context.Context, *releasesOptions) error) *cobra.Command {
	o := &releasesOptions{printer: s.printer, project: s.project}
	return &cobra.Command{
		Use: "releases", Args: cobra.NoArgs,
		Short: "List the releases that the host keeps",
		Long: `releases lists what the host keeps, the newest first: the live one, good ones
that ` + "`stackctl rollback`" + ` can lead back to, and failed ones with their reason.`,
		Example: "  stackctl releases\n  stackctl releases --target production --output json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
}

func runReleases(ctx context.Context, o *releasesOptions) error {
	return connect(ctx, o.project, o.redactor, func(c connection) error {
		list, live, err := operate.Releases(ctx, c.server, c.target)
		if err != nil {
			return err
		}
		if o.output == "json" {
			return o.json(listed(list, live))
		}
		return o.print(list, live)
	})
}

// listedRelease is a release that the host keeps, for machines.
type listedRelease struct {
	stack.ReleaseRecord
	Live bool `json:"live"`
}

func listed(list []stack.ReleaseRecord, live string) []listedRelease {
	out := make([]listedRelease, 0, len(list)) // never null in JSON
	for _, r := range list {
		out = append(out, listedRelease{r, r.ID == live})
	}
	return out
}

func (o *releasesOptions) print(list []stack.ReleaseRecord, live string) error {
	if len(list) == 0 {
		fmt.Fprintln(o.out, "no release is kept yet")
		return nil
	}
	w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "RELEASE\tSTATE\tWENT LIVE\tCOMMIT\tBY\tREASON")
	for _, r := range list {
		since := "-"
		if !r.Switched.IsZero() {
			since = moment(r.Switched)
		}
		state := string(r.State)
		if r.ID == live {
			state = "live"
		}
		reason := strings.Join(strings.Fields(o.clean(r.Reason)), " ") // its first line may be no more than who says it
		fmt.Fprintf(w, "%s\t%s\t%s\t%.12s\t%s\t%s\n", r.ID, state, since, or(o.clean(r.Commit), "-"), or(o.clean(r.By), "-"), shorten(reason, 160))
	}
	return w.Flush()
}
