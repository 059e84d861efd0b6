package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/cloud"
	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/stack"
)

// hostListOptions are the flags of host list, and what it needs.
type hostListOptions struct {
	*printer
	project *project
}

func newHostList(s *session, run func(context.Context, *hostListOptions) error) *cobra.Command {
	o := &hostListOptions{printer: s.printer, project: s.project}
	return &cobra.Command{
		Use: "list", Args: cobra.NoArgs, Short: "List the servers that were made for the project",
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
}

// rentedHost is a server as host list tells it.
type rentedHost struct {
	Target  string `json:"target"`
	Name    string `json:"name"`
	ID      int    `json:"id"`
	Status  string `json:"status"`
	Region  string `json:"region"`
	Size    string `json:"size"`
	Address string `json:"address"`
	IPv6    string `json:"address6,omitempty"`
	Made    string `json:"made"`
}

func runHostList(ctx context.Context, o *hostListOptions) error {
	c, err := config.Load(o.project.file)
	if err != nil {
		return err
	}
	all, seen := []rentedHost{}, map[string]bool{}
	for _, name := range targetNames(c) {
		t := c.Targets[name]
		if !t.HostFrom.Named() || len(o.project.targets) > 0 && !slices.Contains(o.project.targets, name) {
			continue
		}
		r, err := rent(ctx, c, t, o.printer)
		if err != nil {
			return err
		}
		account := t.HostFrom.DigitalOcean.API + " " + t.HostFrom.DigitalOcean.TokenSecret
		if seen[account] {
			continue
		}
		seen[account] = true
		droplets, err := r.landlord.API.Droplets(ctx, cloud.ProjectTag(c.Project))
		if err != nil {
			return err
		}
		for _, d := range droplets {
			one := rentedHost{Name: d.Name, ID: d.ID, Status: d.Status, Region: d.Region.Slug, Size: d.Size, Made: d.Made}
			one.Address, one.IPv6 = d.Public()
			for _, tag := range d.Tags {
				if target, ours := strings.CutPrefix(tag, cloud.ProjectTag(c.Project)+":"); ours {
					one.Target = target
				}
			}
			all = append(all, one)
		}
	}
	if len(seen) == 0 {
		return stack.Usage(c.File, 0, "no target has host_from", "write `host_from: {digitalocean: {region: fra1}}` in one")
	}
	return o.show(all)
}

func (o *hostListOptions) show(all []rentedHost) error {
	if o.output == "json" {
		return o.json(all)
	}
	if len(all) == 0 {
		fmt.Fprintln(o.out, "there is none")
		return nil
	}
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TARGET\tNAME\tSTATUS\tREGION\tSIZE\tADDRESS\tMADE")
	for _, l := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", or(o.clean(l.Target), "-"), o.clean(l.Name), o.clean(l.Status), o.clean(l.Region), o.clean(l.Size), or(o.clean(l.Address), "-"), o.clean(l.Made))
	}
	return w.Flush()
}
