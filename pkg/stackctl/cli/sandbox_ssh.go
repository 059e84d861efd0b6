package cli

import (
	"context"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/stack"
)

// sandboxSSHOptions are what sandbox ssh needs.
type sandboxSSHOptions struct {
	*printer
	project *project

	command []string // empty: a shell
}

func newSandboxSSH(s *session, run func(context.Context, *sandboxSSHOptions) error) *cobra.Command {
	o := &sandboxSSHOptions{printer: s.printer, project: s.project}
	return &cobra.Command{
		Use: "ssh [-- COMMAND...]", Args: cobra.ArbitraryArgs, Short: "Log in to the droplet as root",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.command = args
			return run(cmd.Context(), o)
		},
	}
}

func runSandboxSSH(ctx context.Context, o *sandboxSSHOptions) error {
	s, err := sandboxState(o.project, "ssh to the sandbox")
	if err != nil {
		return err
	}
	argv := s.SSH("root", o.command...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, o.out, o.errs
	if err := cmd.Run(); err != nil {
		return stack.Fault(stack.CauseStep, "ssh to the sandbox", err, "")
	}
	return nil
}
