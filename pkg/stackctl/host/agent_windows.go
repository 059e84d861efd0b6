package host

import (
	"io"

	"github.com/Microsoft/go-winio"
)

// dialAgent opens the agent of Windows' own OpenSSH where no other is named.
func dialAgent(socket string) (io.ReadWriteCloser, error) {
	if socket == "" {
		socket = `\\.\pipe\openssh-ssh-agent`
	}
	return winio.DialPipe(socket, nil)
}
