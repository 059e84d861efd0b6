package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/provision"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

func newProvision(o *options) *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use: "provision", Args: cobra.NoArgs,
		Short: "Make a bare Debian or Ubuntu server ready for deploys",
		Long: `provision observes the server first and changes only what differs: Docker
Engine, the deploy user, key-only SSH, firewall, swap, unattended security
updates, fail2ban, log limits, folders. A second run says that nothing changed.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.provision(cmd.Context(), dry) },
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would change and change nothing")
	return cmd
}

func (o *options) provision(ctx context.Context, dry bool) error {
	c, t, err := o.load()
	if err != nil {
		return err
	}
	o.redactor = redact.New(release.Known(c, t))
	settings, err := provisionSettings(t)
	if err != nil {
		return err
	}
	conn, err := host.Dial(ctx, host.OptionsFor(t, true))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	facts, err := provision.Observe(ctx, conn, settings)
	if err != nil {
		return err
	}
	changes := provision.Plan(facts, settings)
	for _, note := range provision.Notes(facts) {
		o.tell(note)
	}
	if o.output == "json" {
		if err := o.json(map[string]any{"target": t.Name, "host": t.Host, "changes": changes, "dry_run": dry}); err != nil || dry {
			return err
		}
	} else {
		if len(changes) == 0 {
			fmt.Fprintf(o.out, "%s is ready: nothing changed\n", t.Host)
			return nil
		}
		fmt.Fprintf(o.out, "%s needs %d changes:\n", t.Host, len(changes))
		for _, change := range changes {
			fmt.Fprintf(o.out, "  %s\n", o.safe(change.String()))
		}
	}
	if dry || len(changes) == 0 {
		return nil
	}
	return o.applyChanges(ctx, conn, settings, t)
}

func (o *options) applyChanges(ctx context.Context, conn *host.Conn, settings provision.Settings, t stack.Target) error {
	screen := o.display(false)
	began := time.Now()
	changes, err := provision.Ensure(ctx, conn, settings, screen.Emit)
	if closed := screen.Close(); err == nil {
		err = closed
	}
	if err != nil {
		if ctx.Err() != nil {
			return stack.Fault(stack.CauseInterrupted, "provision "+t.Host, context.Cause(ctx), "run it again; it goes on from what is there")
		}
		return err
	}
	if o.output == "text" {
		fmt.Fprintf(o.out, "%s is ready: %d changes in %s\n", t.Host, len(changes), time.Since(began).Round(time.Second))
	}
	return nil
}

// provisionSettings says what the target shall become.
func provisionSettings(t stack.Target) (provision.Settings, error) {
	key, err := host.PublicKey(host.OptionsFor(t, true))
	if err != nil {
		return provision.Settings{}, err
	}
	if t.User == "root" {
		return provision.Settings{}, stack.Fault(stack.CauseUsage, "provision "+t.Name, errors.New("the deploy user is root"), "set `user:` of the target to a user of its own, such as deploy")
	}
	return provision.SettingsFor(t, key), nil
}
