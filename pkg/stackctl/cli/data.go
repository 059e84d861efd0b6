package cli

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/operate"
	"stackctl/pkg/stackctl/swarm"
)

// showData lists what the project keeps on one target.
func (o *statusOptions) showData(ctx context.Context) error {
	c, t, places, err := placesOf(ctx, o.project, o.printer)
	if err != nil {
		return err
	}
	server, err := swarm.Reach(ctx, t)
	if err != nil {
		return err
	}
	data, err := operate.Data(ctx, server, c, t, places)
	if err = errors.Join(err, server.Close()); err != nil {
		return err
	}
	if o.output == "json" {
		return o.json(append([]backup.Datum{}, data...))
	}
	return o.printData(data, time.Now())
}

func (o *statusOptions) printData(data []backup.Datum, now time.Time) error {
	if len(data) == 0 {
		fmt.Fprintln(o.out, "the compose files name nothing that keeps data")
		return nil
	}
	w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "PLACE\tAS\tSERVICE\tSIZE\tLAST BACKUP\tBECAUSE")
	for _, d := range data {
		bytes, last := "?", "none"
		if d.Bytes >= 0 {
			bytes = size(d.Bytes)
		}
		switch {
		case d.Kind == backup.None:
			last = "-"
		case d.Last != nil:
			last = operate.Age(now.Sub(d.Last.Created)) + " ago"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", o.clean(d.Name), d.Kind, o.clean(d.Service), bytes, last, o.clean(or(d.Problem, d.Reason)))
	}
	return w.Flush()
}
