package host

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
)

// A proxy command that has ended refuses what is written to it before anything that
// is read tells of its end.
func TestAnEndedConnectionIsNoRefusedLogin(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	_, broken := write.WriteString("SSH-2.0-Go\r\n")
	_ = write.Close()
	_, closed := write.WriteString("x")
	for name, c := range map[string]struct {
		err error
		cut bool
	}{
		"a broken pipe": {broken, true}, "a closed pipe": {closed, true}, "the end": {io.EOF, true}, "a closed socket": {net.ErrClosed, true},
		"a socket's fault": {&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}, true}, "a refusal": {errors.New("unable to authenticate"), false},
	} {
		if got := cut(fmt.Errorf("ssh: handshake failed: %w", c.err)); got != c.cut {
			t.Errorf("%s (%v): %t", name, c.err, got)
		}
	}
}
