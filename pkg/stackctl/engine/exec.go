package engine

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// execLimit bounds each stream of Exec.
const execLimit = 4 << 20

// Exec executes argv in a running container, without a shell, and returns what
// it printed and its exit code. More than 4 MiB on a stream is an error.
func (e *Engine) Exec(ctx context.Context, container string, argv ...string) (stack.Output, error) {
	stdout, stderr := &head{limit: execLimit}, &head{limit: execLimit}
	code, err := e.ExecStream(ctx, container, argv, nil, stdout, stderr)
	out := stack.Output{Stdout: stdout.kept, Stderr: stderr.kept, Exit: code}
	if err == nil && (stdout.over || stderr.over) {
		err = stepFault(ctx, execName(container, argv), fmt.Errorf("it printed more than %d bytes", execLimit), "")
	}
	return out, err
}

// ExecStream executes argv in a running container with its streams connected,
// and returns its exit code. stdin may be nil; the reader of a non-nil one must
// end by itself. Where ctx ends first, the connection is cut, but the engine
// leaves the process running.
func (e *Engine) ExecStream(ctx context.Context, container string, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	code, err := e.execStream(ctx, container, argv, stdin, stdout, stderr)
	return code, stepFault(ctx, execName(container, argv), err, "")
}

func (e *Engine) execStream(ctx context.Context, container string, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	made, err := e.api.ExecCreate(ctx, container, client.ExecCreateOptions{
		Cmd: argv, AttachStdin: stdin != nil, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return 0, err
	}
	conn, err := e.api.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, conn.Close)()
	if stdin != nil {
		go func() {
			// A write that fails shows in the exit code of the process.
			_, _ = io.Copy(conn.Conn, stdin)
			_ = conn.CloseWrite()
		}()
	}
	if _, err := stdcopy.StdCopy(stdout, stderr, conn.Reader); err != nil {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return 0, fmt.Errorf("read its output: %w", err)
	}
	return e.exitCode(ctx, made.ID)
}

// exitCode asks until the engine has noticed the end, which comes a moment
// after the streams closed.
func (e *Engine) exitCode(ctx context.Context, exec string) (int, error) {
	for {
		res, err := e.api.ExecInspect(ctx, exec, client.ExecInspectOptions{})
		if err != nil {
			return 0, err
		}
		if !res.Running {
			return res.ExitCode, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// execName names a command without its arguments, which may be secret.
func execName(container string, argv []string) string {
	if len(argv) == 0 {
		return "execute nothing in container " + container
	}
	return fmt.Sprintf("execute %s in container %s", argv[0], container)
}

// Logs writes a container's output, as far as it is asked for.
func (e *Engine) Logs(ctx context.Context, container string, o stack.LogOptions, stdout, stderr io.Writer) error {
	return stepFault(ctx, "read the log of container "+container, e.logs(ctx, container, o, stdout, stderr), "")
}

func (e *Engine) logs(ctx context.Context, container string, o stack.LogOptions, stdout, stderr io.Writer) error {
	res, err := e.api.ContainerInspect(ctx, container, client.ContainerInspectOptions{})
	if err != nil {
		return err
	}
	lines := "all"
	if o.Tail > 0 {
		lines = strconv.Itoa(o.Tail)
	}
	since := ""
	if !o.Since.IsZero() {
		since = o.Since.UTC().Format(time.RFC3339Nano)
	}
	stream, err := e.api.ContainerLogs(ctx, res.Container.ID, client.ContainerLogsOptions{
		ShowStdout: true, ShowStderr: true, Follow: o.Follow, Tail: lines, Since: since, Timestamps: o.Times,
	})
	if err != nil {
		return err
	}
	defer stream.Close()
	if res.Container.Config != nil && res.Container.Config.Tty {
		_, err = io.Copy(stdout, stream)
	} else {
		_, err = stdcopy.StdCopy(stdout, stderr, stream)
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// ContainerOf finds the container of a service of a compose project; the first
// one where it is scaled.
func (e *Engine) ContainerOf(ctx context.Context, project, service string) (string, error) {
	list, err := e.ours(ctx, project)
	if err != nil {
		return "", stepFault(ctx, "find service "+service, err, "")
	}
	for _, c := range list {
		if c.Labels[api.ServiceLabel] == service && c.Labels[api.OneoffLabel] != "True" {
			return c.ID, nil
		}
	}
	return "", stack.Fault(stack.CauseStep, "find service "+service,
		fmt.Errorf("project %s has no container of it", project), "")
}

// head keeps the first limit bytes and notes that more came.
type head struct {
	kept  []byte
	limit int
	over  bool
}

func (h *head) Write(p []byte) (int, error) {
	n := min(len(p), h.limit-len(h.kept))
	h.kept = append(h.kept, p[:n]...)
	h.over = h.over || n < len(p)
	return len(p), nil
}

// tailOf keeps the last limit bytes.
type tailOf struct {
	kept  []byte
	limit int
}

func (t *tailOf) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if len(t.kept) > 2*t.limit {
		t.kept = append([]byte(nil), t.bytes()...)
	}
	return len(p), nil
}

func (t *tailOf) bytes() []byte {
	return t.kept[max(0, len(t.kept)-t.limit):]
}
