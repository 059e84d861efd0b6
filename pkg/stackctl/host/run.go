package host

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/stack"
)

// OutputLimit bounds what Run keeps of each of a command's two outputs.
const OutputLimit = 16 << 20

// errTooLong means that a command printed more than OutputLimit.
var errTooLong = fmt.Errorf("it printed more than %d MB", OutputLimit>>20)

// Run executes argv, each word quoted, under /bin/sh, whatever the login shell
// of the user. A command that ends with a code other than 0 is no error: the code is in
// Output.Exit, 128+n for one that signal n ended.
func (c *Conn) Run(ctx context.Context, argv ...string) (stack.Output, error) {
	return c.RunInput(ctx, nil, argv...)
}

// RunInput is Run with an input.
func (c *Conn) RunInput(ctx context.Context, stdin io.Reader, argv ...string) (stack.Output, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stdout, stderr := &bounded{full: cancel}, &bounded{full: cancel}
	exit, err := c.exec(ctx, stdin, stdout, stderr, argv)
	return stack.Output{Stdout: stdout.bytes(), Stderr: stderr.bytes(), Exit: exit}, err
}

// Stream is Run with the outputs written as they come. It returns the exit
// code.
func (c *Conn) Stream(ctx context.Context, stdout, stderr io.Writer, argv ...string) (int, error) {
	return c.exec(ctx, nil, stdout, stderr, argv)
}

// exec runs one command in a session of its own, MaxSessions at a time.
func (c *Conn) exec(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, argv []string) (int, error) {
	what := "run " + name(argv)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	line, err := Quote(argv)
	if err != nil {
		return -1, c.fail(ctx, what, err)
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-c.done:
		return -1, c.fail(ctx, what, net.ErrClosed)
	case <-ctx.Done():
		return -1, c.fail(ctx, what, ctx.Err())
	}
	session, err := c.session(ctx)
	if err != nil {
		return -1, c.fail(ctx, what, sessionFault(err))
	}
	defer session.Close()
	group := newGroup(stderr)
	session.Stdout, session.Stderr = stdout, group
	if err := feed(session, stdin, cancel); err != nil {
		return -1, c.fail(ctx, what, err)
	}
	if err := session.Start(group.line(line)); err != nil {
		return -1, c.fail(ctx, what, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- session.Wait() }()
	select {
	case err = <-ended:
		err = cmp.Or(err, group.flush())
	case <-ctx.Done():
		c.kill(group)
		session.Close()
		return -1, c.fail(ctx, what, ctx.Err())
	}
	return c.exitCode(ctx, what, err)
}

// feed sends an input to a session. The session's own way would wait for the
// input to end even when the command has. An input that cannot be read ends
// the command: half of it must not look like all of it.
func feed(session *ssh.Session, input io.Reader, fail context.CancelCauseFunc) error {
	if input == nil {
		return nil
	}
	pipe, err := session.StdinPipe()
	if err != nil {
		return err
	}
	go func() {
		source := &source{Reader: input}
		_, _ = io.Copy(pipe, source)
		if source.failed != nil {
			fail(fmt.Errorf("read the input: %w", source.failed))
			return
		}
		pipe.Close()
	}()
	return nil
}

// source remembers why it could not be read.
type source struct {
	io.Reader
	failed error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		s.failed = err
	}
	return n, err
}

// sessionPatience is how long sshd may take to notice that earlier sessions
// have ended, before it is believed that it opens no further one.
const sessionPatience = 2 * time.Second

// session opens a session. sshd frees the place of one that has ended a moment
// later than it says so, so a refusal is asked again for a while.
func (c *Conn) session(ctx context.Context) (*ssh.Session, error) {
	give := time.Now().Add(sessionPatience)
	for {
		session, err := await(ctx, c.client.NewSession, func(s *ssh.Session) { s.Close() })
		var refused *ssh.OpenChannelError
		if err == nil {
			c.sessions.Add(1)
			return session, nil
		}
		if !errors.As(err, &refused) || time.Now().After(give) {
			return nil, err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// exitCode reads how a command ended.
func (c *Conn) exitCode(ctx context.Context, what string, err error) (int, error) {
	var ended *ssh.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &ended) && ended.Signal() == "":
		return ended.ExitStatus(), nil
	case errors.As(err, &ended):
		return 128 + signals[ssh.Signal(ended.Signal())], nil
	}
	return -1, c.fail(ctx, what, err)
}

// signals are the numbers of the signals that end a process.
var signals = map[ssh.Signal]int{
	ssh.SIGHUP: 1, ssh.SIGINT: 2, ssh.SIGQUIT: 3, ssh.SIGILL: 4, ssh.SIGABRT: 6, ssh.SIGFPE: 8,
	ssh.SIGKILL: 9, ssh.SIGUSR1: 10, ssh.SIGSEGV: 11, ssh.SIGUSR2: 12, ssh.SIGPIPE: 13, ssh.SIGALRM: 14, ssh.SIGTERM: 15,
}

// name is the command without its arguments, which may be secret.
func name(argv []string) string {
	if len(argv) == 0 {
		return "nothing"
	}
	return argv[0]
}

// Quote makes argv one line for a POSIX shell, every word as it is.
func Quote(argv []string) (string, error) {
	if len(argv) == 0 || argv[0] == "" {
		return "", errors.New("no command given")
	}
	words := make([]string, len(argv))
	for i, w := range argv {
		if strings.ContainsRune(w, 0) {
			return "", fmt.Errorf("argument %d holds a NUL byte", i)
		}
		words[i] = quoteWord(w)
	}
	return strings.Join(words, " "), nil
}

// quoteWord leaves plain words readable and puts all others in single quotes.
func quoteWord(w string) string {
	plain := w != ""
	for _, r := range w {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+,", r)) {
			plain = false
			break
		}
	}
	if plain {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

// bounded keeps what is written to it, up to OutputLimit.
type bounded struct {
	full func(error)
	lock sync.Mutex
	buf  bytes.Buffer
}

func (b *bounded) Write(p []byte) (int, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.buf.Len()+len(p) > OutputLimit {
		b.buf.Write(p[:OutputLimit-b.buf.Len()])
		b.full(errTooLong)
		return len(p), nil // the command is ended by its context
	}
	return b.buf.Write(p)
}

func (b *bounded) bytes() []byte {
	b.lock.Lock()
	defer b.lock.Unlock()
	return bytes.Clone(b.buf.Bytes())
}

// await is do with a context: what comes too late is handed to drop.
func await[T any](ctx context.Context, do func() (T, error), drop func(T)) (T, error) {
	type result struct {
		value T
		err   error
	}
	got := make(chan result, 1)
	go func() {
		v, err := do()
		got <- result{v, err}
	}()
	select {
	case r := <-got:
		return r.value, r.err
	case <-ctx.Done():
		go func() {
			if r := <-got; r.err == nil && drop != nil {
				drop(r.value)
			}
		}()
		var none T
		return none, context.Cause(ctx)
	}
}
