package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/stack"
)

// hostDestroyOptions are the flags of host destroy, and what it needs.
type hostDestroyOptions struct {
	*printer
	in      io.Reader
	project *project

	yes string // the name that is confirmed
}

func newHostDestroy(s *session, run func(context.Context, *hostDestroyOptions) error) *cobra.Command {
	o := &hostDestroyOptions{printer: s.printer, in: s.in, project: s.project}
	cmd := &cobra.Command{
		Use: "destroy", Args: cobra.NoArgs,
		Short: "Remove the server of a target with its disk, and what was made for it",
		Long: `destroy removes the droplet that has the target's tag, with its disk, its
firewall, and the DNS records that lead to it. It tells all of that first and asks
for the droplet's name. What others use stays: a firewall with other droplets
behind it, records that lead elsewhere, the SSH key. Backups are fetched before by
` + "`stackctl backup`" + `: nothing of the disk comes back.`,
		Example: "  stackctl host destroy --target staging\n  stackctl host destroy --target staging --yes shop-staging",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.yes, "yes", "", "remove the droplet of this `name` without asking")
	return cmd
}

func runHostDestroy(ctx context.Context, o *hostDestroyOptions) error {
	r, err := rentedTarget(ctx, o.project, o.printer)
	if err != nil {
		return err
	}
	goes, err := r.landlord.Removal(ctx, r.place, r.known)
	if err != nil {
		return err
	}
	name := r.place.Name()
	if goes.Droplet != nil {
		name = goes.Droplet.Name
	}
	if goes.Empty() {
		fmt.Fprintf(o.errs, "nothing of target %s is there with the tag %s\n", r.target.Name, r.place.Tag())
		if o.output == "json" {
			return o.json(goes)
		}
		return forgetHost(r)
	}
	if o.output == "text" {
		for _, line := range goes.Lines() {
			fmt.Fprintln(o.errs, o.clean(line))
		}
	}
	if err := o.confirm(ctx, name); err != nil {
		return err
	}
	if err := r.landlord.Destroy(ctx, goes); err != nil {
		return err
	}
	if err := forgetHost(r); err != nil {
		return err
	}
	if o.output == "json" {
		return o.json(goes)
	}
	fmt.Fprintf(o.out, "%s is removed\n", name)
	if r.known.Address != "" {
		fmt.Fprintf(o.out, "its host key is still in known_hosts: ssh-keygen -R %s\n", r.known.Address)
	}
	return nil
}

// forgetHost removes what is kept of a server that is gone.
func forgetHost(r rented) error {
	if err := os.Remove(stack.MadeHostFile(r.config.Root, r.target.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return stack.Fault(stack.CauseStep, "forget the server", err, "")
	}
	return nil
}

// confirm wants the droplet's name, by the flag or typed.
func (o *hostDestroyOptions) confirm(ctx context.Context, name string) error {
	if o.yes != "" {
		if o.yes != name {
			return usageOf("stackctl host destroy", fmt.Errorf("--yes names %s, and the droplet is %s; nothing was removed", o.yes, name))
		}
		return nil
	}
	in, ok := terminalOf(o.in)
	if !ok {
		return usageOf("stackctl host destroy", errors.New("it removes a server and its disk: say --yes "+name))
	}
	fmt.Fprintf(o.errs, "Type %s to go on: ", name)
	answer := make(chan bool, 1)
	go func() { // a read of a terminal cannot be called off; it ends with the program
		said, err := bufio.NewReader(io.LimitReader(in, 200)).ReadString('\n')
		answer <- err == nil && strings.TrimSpace(said) == name
	}()
	select {
	case <-ctx.Done():
		return stack.Fault(stack.CauseInterrupted, "confirm the removal", context.Cause(ctx), "nothing was removed")
	case confirmed := <-answer:
		if !confirmed {
			return usageOf("stackctl host destroy", errors.New("not confirmed; nothing was removed"))
		}
	}
	return nil
}
