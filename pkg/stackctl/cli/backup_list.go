package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/operate"
)

// backupListOptions are what backup list needs.
type backupListOptions struct {
	*printer
	project *project
}

func newBackupList(s *session, run func(context.Context, *backupListOptions) error) *cobra.Command {
	o := &backupListOptions{printer: s.printer, project: s.project}
	return &cobra.Command{
		Use: "list", Args: cobra.NoArgs, Short: "List the backups on the host and here",
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
}

func runBackupList(ctx context.Context, o *backupListOptions) error {
	return connect(ctx, o.project, o.redactor, func(c connection) error {
		found, err := operate.Backups(ctx, c.server, c.config, c.target)
		if err != nil {
			return err
		}
		if o.output == "json" {
			return o.json(append([]backup.Listed{}, found...))
		}
		return o.print(found)
	})
}

func (o *backupListOptions) print(found []backup.Listed) error {
	if len(found) == 0 {
		fmt.Fprintln(o.out, "there are no backups; `stackctl backup` takes one")
		return nil
	}
	w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "BACKUP\tPLACE\tTAKEN\tSIZE\tPARTS\tCOUNT\tRELEASE\tWHERE\tCAUSE")
	var wrong []string
	for _, l := range found {
		where := l.Nodes
		if l.Host && len(where) == 0 {
			where = []string{"host"}
		}
		if l.Local {
			where = append(where, "here")
		}
		tables, rows := "-", "-"
		if l.Recorded() {
			tables, rows = fmt.Sprintf("%d %s", l.Tables, l.Kind.Parts()), fmt.Sprintf("%d %s", l.Rows, l.Kind.Count())
		}
		if l.Problem != "" {
			wrong = append(wrong, o.clean(l.Name+": "+l.Problem))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Name, or(o.clean(l.Place), "-"), moment(l.Created), size(l.Bytes), tables, rows, or(o.clean(l.Release), "-"), o.clean(strings.Join(where, ", ")), or(o.clean(l.Cause), "-"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(wrong) > 0 {
		fmt.Fprintf(o.out, "\n%s\n", strings.Join(wrong, "\n"))
	}
	return nil
}
