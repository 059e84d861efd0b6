package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/sandbox"
	"stackctl/pkg/stackctl/stack"
)

func newSandbox(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "A virtual droplet on this machine, to rehearse the exact deploy",
		Long: `sandbox runs a bare Debian server in a container, with systemd and sshd, and
beside it a local ACME server, a mail server that shows every mail, and an OpenID
provider that stands in for Google. It is the target of every verb where
stackctl.yaml names no other. It needs Linux, root and a Docker Engine on this machine.`,
	}
	var images string
	up := &cobra.Command{
		Use: "up", Args: cobra.NoArgs, Short: "Start the droplet and what it needs beside it; keep what is there",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := sandbox.Up(cmd.Context(), sandbox.Options{Dir: o.sandboxDir(), Images: images, Progress: o.tell})
			if err != nil {
				return err
			}
			if o.output == "json" {
				return o.json(s)
			}
			fmt.Fprintf(o.out, "the sandbox runs at %s\nsite     %s (after a deploy)\nmails    %s/ or stackctl sandbox mail\nsign-in  %s stands in for Google\nssh      stackctl sandbox ssh\n", s.Address, s.URL(), s.Mail, s.Issuer)
			return nil
		},
	}
	up.Flags().StringVar(&images, "images", "build/sandbox", "the `folder` with droplet.tar, pebble.tar and outside.tar")
	var all bool
	down := &cobra.Command{
		Use: "down", Args: cobra.NoArgs, Short: "Remove the sandbox and everything in it",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := sandbox.Down(cmd.Context(), o.sandboxDir(), all); err != nil {
				return err
			}
			fmt.Fprintln(o.out, "the sandbox is gone")
			return nil
		},
	}
	down.Flags().BoolVar(&all, "all", false, "also the images that it was made of")
	ssh := &cobra.Command{
		Use: "ssh [-- COMMAND...]", Args: cobra.ArbitraryArgs, Short: "Log in to the droplet as root",
		RunE: func(cmd *cobra.Command, args []string) error { return o.sandboxSSH(cmd.Context(), args) },
	}
	cmd.AddCommand(up, down, ssh, newSandboxMail(o))
	return cmd
}

func (o *options) sandboxDir() string {
	return filepath.Join(filepath.Dir(o.file), filepath.Dir(config.SandboxFile))
}

func (o *options) tell(line string) {
	if !o.quiet && o.output == "text" {
		fmt.Fprintf(o.errs, "%s  %s\n", time.Now().Format("15:04:05"), line)
	}
}

func (o *options) sandboxSSH(ctx context.Context, args []string) error {
	s, err := o.sandboxState("ssh to the sandbox")
	if err != nil {
		return err
	}
	argv := s.SSH("root", args...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, o.out, o.errs
	if err := cmd.Run(); err != nil {
		return stack.Fault(stack.CauseStep, "ssh to the sandbox", err, "")
	}
	return nil
}
