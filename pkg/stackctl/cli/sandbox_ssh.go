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

	node    string   // empty: the first, or only, droplet
	command []string // empty: a shell
}

func newSandboxSSH(s *session, run func(context.Context, *sandboxSSHOptions) error) *cobra.Command {
	o := &sandboxSSHOptions{printer: s.printer, project: s.project}
	return &cobra.Command{
		Use: "ssh [NODE] [-- COMMAND...]", Args: cobra.ArbitraryArgs, Short: "Log in to the droplet, or to one of several by its node's name, as root",
		Example: "  stackctl sandbox ssh\n  stackctl sandbox ssh node2 -- docker ps",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.command = args
			if cmd.ArgsLenAtDash() == 1 || cmd.ArgsLenAtDash() < 0 && len(args) == 1 {
				o.node, o.command = args[0], args[1:]
			}
			return run(cmd.Context(), o)
		},
	}
}

func runSandboxSSH(ctx context.Context, o *sandboxSSHOptions) error {
	s, err := sandboxState(o.project, "ssh to the sandbox")
	if err != nil {
		return err
	}
	if o.node != "" && len(s.Nodes) == 0 {
		o.node, o.command = "", append([]string{o.node}, o.command...) // a single server takes a command without dashes
	}
	if o.node != "" {
		n, err := s.Node(o.node)
		if err != nil {
			return err
		}
		s = s.On(n)
	}
	argv := s.SSH("root", o.command...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, o.out, o.errs
	if err := cmd.Run(); err != nil {
		return stack.Fault(stack.CauseStep, "ssh to the sandbox", err, "")
	}
	return nil
}
