package engine

import (
	"context"
	"io"

	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// ExecTerminal executes argv in a running container on a terminal of its own,
// joined to the operator's, and gives its exit code.
func (e *Engine) ExecTerminal(ctx context.Context, container string, argv []string, t stack.Terminal) (int, error) {
	code, err := e.execTerminal(ctx, container, argv, t)
	return code, stepFault(ctx, execName(container, argv), err, "")
}

func (e *Engine) execTerminal(ctx context.Context, container string, argv []string, t stack.Terminal) (int, error) {
	made, err := e.api.ExecCreate(ctx, container, client.ExecCreateOptions{
		Cmd: argv, TTY: true, AttachStdin: true, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return 0, err
	}
	conn, err := e.api.ExecAttach(ctx, made.ID, client.ExecAttachOptions{TTY: true})
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, conn.Close)()
	resizing, stop := context.WithCancel(ctx)
	defer stop()
	go e.resize(resizing, made.ID, t.Sizes)
	go func() {
		// A write that fails shows in the exit code of the process. The end of
		// the input is not passed on: a terminal says it by a key, and the engine
		// would let go of the output too.
		_, _ = io.Copy(conn.Conn, t.In)
	}()
	if _, err := io.Copy(t.Out, conn.Reader); err != nil {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return 0, err
	}
	return e.exitCode(ctx, made.ID)
}

// resize follows the operator's terminal. A size that cannot be set leaves the
// command with the one that it has.
func (e *Engine) resize(ctx context.Context, exec string, sizes <-chan [2]uint) {
	for {
		select {
		case <-ctx.Done():
			return
		case size, ok := <-sizes:
			if !ok {
				return
			}
			_, _ = e.api.ExecResize(ctx, exec, client.ExecResizeOptions{Width: size[0], Height: size[1]})
		}
	}
}
