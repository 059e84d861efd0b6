package host

import (
	"context"
	"io"
)

// Attach executes argv with its input and outputs connected until it ends, and
// returns its exit code. When the connection ends, the command's input ends.
func (c *Conn) Attach(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, argv ...string) (int, error) {
	return c.exec(ctx, stdin, stdout, stderr, argv)
}
