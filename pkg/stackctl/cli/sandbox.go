package cli

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/sandbox"
	"stackctl/pkg/stackctl/stack"
)

func newSandbox(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "A virtual droplet on this machine, to rehearse the exact deploy",
		Long: `sandbox runs a bare Debian server in a container, with systemd and sshd, and
beside it a local ACME server, a mail server that shows every mail, and an OpenID
provider that stands in for Google. It is the target of every verb where
stackctl.yaml names no other. It needs Linux, root and a Docker Engine on this machine.`,
	}
	cmd.AddCommand(newSandboxUp(s, runSandboxUp), newSandboxDown(s, runSandboxDown), newSandboxSSH(s, runSandboxSSH), newSandboxMail(s, runSandboxMail))
	return cmd
}

// sandboxDir returns the folder with the state of the project's sandbox.
func sandboxDir(p *project) string {
	return filepath.Join(filepath.Dir(p.file), filepath.Dir(config.SandboxFile))
}

// sandboxState returns the running sandbox; what is what was to be done with it.
func sandboxState(p *project, what string) (sandbox.State, error) {
	s, err := sandbox.Load(sandboxDir(p))
	if errors.Is(err, fs.ErrNotExist) {
		return s, stack.Fault(stack.CauseUsage, what, errors.New("no sandbox runs"), "start one with `stackctl sandbox up`")
	}
	return s, err
}
