package host

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/stack"
)

// plainAnswer is what a login shell must let through as it is.
const plainAnswer = "stackctl-asks"

// Usable says why a connection is of no use though the login went well: a login
// shell that runs nothing or adds words of its own, a forced command, no
// sessions, no file channel. All of that is told here, and not as a failure of
// whatever would come first.
func (c *Conn) Usable(ctx context.Context) error {
	out, err := c.Run(ctx, "echo", plainAnswer)
	if err != nil {
		return err
	}
	if said := string(out.Stdout); out.Exit != 0 || said != plainAnswer+"\n" {
		return stack.Fault(stack.CauseUnreachable, "run commands on "+c.options.String(),
			fmt.Errorf("the login shell does not run them as they are: exit code %d, it said %q", out.Exit, firstLine(strings.TrimSpace(said+string(out.Stderr)))),
			fmt.Sprintf("give %s a POSIX shell that prints nothing of its own (`chsh -s /bin/sh %s` on the host, and see its .bashrc), and sshd no ForceCommand", c.options.User, c.options.User))
	}
	_, err = c.channel(ctx)
	return c.fail(ctx, "use files", err)
}

// sessionFault says what to set where sshd opens no session.
func sessionFault(err error) error {
	if open := new(ssh.OpenChannelError); errors.As(err, &open) {
		return stack.Fault(stack.CauseUnreachable, "sshd opens no further session", err, "set MaxSessions 10 in its configuration (`stackctl provision` does)")
	}
	return err
}

// channelFault says what to set where sshd opens no file channel.
func channelFault(ctx context.Context, err error) error {
	const what = "open the file channel (SFTP)"
	if err = sessionFault(err); ctx.Err() != nil || stack.CauseOf(err) == stack.CauseUnreachable {
		return fmt.Errorf("%s: %w", what, err)
	}
	return stack.Fault(stack.CauseUnreachable, what, err, "check that sshd_config has `Subsystem sftp`")
}
