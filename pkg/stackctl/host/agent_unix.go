//go:build !windows

package host

import (
	"errors"
	"io"
	"net"
)

func dialAgent(socket string) (io.ReadWriteCloser, error) {
	if socket == "" {
		return nil, errors.New("no SSH agent runs (SSH_AUTH_SOCK is not set)")
	}
	return net.Dial("unix", socket)
}
