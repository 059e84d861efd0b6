package host

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// group is the process group of a running command. sshd signals no command of
// root, and forgets none that goes on silently after its session was closed,
// so the shell that starts a command says its process id first.
type group struct {
	mark string
	next io.Writer

	lock  sync.Mutex
	held  []byte // what came before the mark
	known chan struct{}
	pid   string
}

// markLimit is how much a login shell may print before the mark.
const markLimit = 64 << 10

func newGroup(stderr io.Writer) *group {
	return &group{mark: "stackctl-" + rand.Text(), next: stderr, known: make(chan struct{})}
}

// line is what the login shell is given for a quoted command.
func (g *group) line(command string) string {
	return underShell("echo " + g.mark + " $$ >&2; exec " + command)
}

// Write takes the mark out of the error output.
func (g *group) Write(p []byte) (int, error) {
	g.lock.Lock()
	defer g.lock.Unlock()
	if g.held == nil && g.mark == "" {
		return g.next.Write(p)
	}
	g.held = append(g.held, p...)
	before, rest, found := bytes.Cut(g.held, []byte(g.mark+" "))
	said, after, whole := bytes.Cut(rest, []byte("\n"))
	if !(found && whole) && len(g.held) < markLimit {
		return len(p), nil
	}
	if found && whole {
		g.pid = string(said)
		close(g.known)
		g.held = append(bytes.Clone(before), after...)
	}
	g.mark = ""
	pass := g.held
	g.held = nil
	if _, err := g.next.Write(pass); err != nil {
		return 0, err
	}
	return len(p), nil
}

// killGrace is how long is waited for a command to say who it is, and to end
// after it was asked to.
const killGrace = time.Second

// killScript asks a process group to end, then makes it. What was started
// through sudo can be signalled through sudo only.
const killScript = `for s in TERM KILL; do
  kill -s $s -- "-$1" 2>/dev/null || sudo -n kill -s $s -- "-$1" 2>/dev/null || exit 0
  for i in 1 2 3 4 5; do kill -s 0 -- "-$1" 2>/dev/null || exit 0; sleep 0.2; done
done`

// kill ends a command, in a session of its own.
func (c *Conn) kill(g *group) {
	select {
	case <-g.known:
	case <-c.done:
		return
	case <-time.After(killGrace):
		return
	}
	if strings.Trim(g.pid, "0123456789") != "" || len(g.pid) < 2 {
		return // not a process id; 1 and 0 are not ours
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*killGrace)
	defer cancel()
	session, err := c.session(ctx)
	if err != nil {
		return
	}
	defer session.Close()
	line, _ := Quote([]string{"sh", "-c", killScript, "sh", g.pid})
	_, _ = await(ctx, func() (struct{}, error) { return struct{}{}, session.Run(underShell(line)) }, nil)
}

// flush passes on what is still held when the command has ended.
func (g *group) flush() error {
	g.lock.Lock()
	defer g.lock.Unlock()
	if len(g.held) == 0 {
		return nil
	}
	_, err := g.next.Write(g.held)
	g.held = nil
	if err != nil {
		return fmt.Errorf("pass on the error output: %w", err)
	}
	return nil
}
