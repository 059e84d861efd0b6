package cli

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/stack"
)

// backupPlacesOptions are what backup places needs.
type backupPlacesOptions struct {
	*printer
	project *project
}

func newBackupPlaces(s *session, run func(context.Context, *backupPlacesOptions) error) *cobra.Command {
	o := &backupPlacesOptions{printer: s.printer, project: s.project}
	return &cobra.Command{
		Use: "places", Args: cobra.NoArgs, Short: "List what the project keeps, how it is backed up, and why",
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
}

func runBackupPlaces(ctx context.Context, o *backupPlacesOptions) error {
	_, _, places, err := placesOf(ctx, o.project, o.printer)
	if err != nil {
		return err
	}
	if o.output == "json" {
		return o.json(append([]backup.Place{}, places...))
	}
	return o.print(places)
}

// placesOf returns what the project keeps on its target.
func placesOf(ctx context.Context, p *project, o *printer) (stack.Config, stack.Target, []backup.Place, error) {
	c, t, err := p.load()
	if err == nil {
		err = o.readSecrets(ctx, &c)
	}
	if err != nil {
		return c, t, nil, err
	}
	places, err := deploy.Places(ctx, c, t)
	return c, t, places, err
}

func (o *backupPlacesOptions) print(places []backup.Place) error {
	if len(places) == 0 {
		fmt.Fprintln(o.out, "the compose files name nothing that keeps data")
		return nil
	}
	w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "PLACE\tAS\tSERVICE\tBECAUSE")
	for _, p := range places {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", o.clean(p.Name), p.Kind, o.clean(p.Service), o.clean(p.Reason))
	}
	return w.Flush()
}
