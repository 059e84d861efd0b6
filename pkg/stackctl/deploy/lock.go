package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"sync"
	"time"

	"stackctl/pkg/stackctl/stack"
)

const (
	lockFile = "lock"
	lockInfo = "lock.json"
	// held is flock's answer when somebody else has the lock.
	held = 75
	// beat is how often the holder says that it is there.
	beat = 10 * time.Second
)

// lock takes the project's lock on the server. The kernel holds it for as long
// as a command at the other end of the connection lives, so a dead owner's
// lock is free at once and a live one's is never taken.
func (s *story) lock(ctx context.Context, server Server) (unlock func(), err error) {
	d := s.d
	root := d.Target.Path
	deadline := d.Now().Add(d.LockWait)
	for {
		unlock, err := take(ctx, server, root)
		if err == nil && unlock != nil {
			stop := d.beat(ctx, server, root)
			return func() { stop(); unlock() }, nil
		}
		if err != nil {
			return nil, err
		}
		who := ReadLock(ctx, server, root)
		if !d.Now().Before(deadline) {
			return nil, stack.Fault(stack.CauseLocked, "lock "+d.Config.Project+" on "+d.Target.Host, fmt.Errorf("%s", heldBy(who, d.Now())), "wait for it, or use --lock-wait 10m")
		}
		s.note("waiting for the lock: " + heldBy(who, d.Now()))
		select {
		case <-ctx.Done():
			return nil, interrupted(ctx, "wait for the lock")
		case <-time.After(2 * time.Second):
		}
	}
}

func heldBy(who *stack.LockInfo, now time.Time) string {
	if who == nil {
		return "another deploy holds it"
	}
	return fmt.Sprintf("%s holds it since %s (run %s, last seen %d s ago)",
		who.Owner, who.Since.Format(time.RFC3339), who.Run, int(now.Sub(who.Beat).Seconds()))
}

// take tries once; a nil unlock without an error means that it is held.
func take(ctx context.Context, server Server, root string) (func(), error) {
	// flock and cat come from every Debian's base. cat ends when its input does.
	const script = `exec 9>>"$1" && { flock -n -E 75 9 || exit 75; } && echo locked && exec cat >/dev/null`
	input, hold := io.Pipe()
	answer := newAnswer()
	var stderr bytes.Buffer
	ended := make(chan ending, 1)
	go func() {
		exit, err := server.Attach(context.WithoutCancel(ctx), input, answer, &stderr, "sh", "-c", script, "sh", path.Join(root, lockFile))
		ended <- ending{exit, err}
	}()
	select {
	case <-answer.came:
		return func() { _ = hold.Close(); <-ended }, nil
	case e := <-ended:
		_ = hold.Close()
		if e.err == nil && e.exit == held {
			return nil, nil
		}
		if e.err == nil {
			e.err = fmt.Errorf("exit code %d: %s", e.exit, bytes.TrimSpace(stderr.Bytes()))
		}
		return nil, stack.Fault(stack.CauseUnreachable, "take the lock in "+root, e.err, "run `stackctl provision`: it makes the folder")
	case <-ctx.Done():
		_ = hold.Close()
		return nil, interrupted(ctx, "take the lock")
	}
}

type ending struct {
	exit int
	err  error
}

// answer notices the first bytes that are written to it.
type answer struct {
	once sync.Once
	came chan struct{}
}

func newAnswer() *answer { return &answer{came: make(chan struct{})} }

func (a *answer) Write(p []byte) (int, error) {
	a.once.Do(func() { close(a.came) })
	return len(p), nil
}

// beat writes who holds the lock, again and again, until it is stopped.
func (d *Deployer) beat(ctx context.Context, server Server, root string) (stop func()) {
	info := stack.LockInfo{Owner: d.Owner, Run: d.Run, Since: d.Now().UTC()}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	write := func() {
		info.Beat = d.Now().UTC()
		raw, _ := json.Marshal(info)
		_ = server.WriteFile(ctx, path.Join(root, lockInfo), raw, 0o644)
	}
	write()
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		tick := time.NewTicker(beat)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				write()
			}
		}
	}()
	return func() {
		cancel()
		done.Wait()
		last, end := aside(ctx)
		defer end()
		_ = server.Remove(last, path.Join(root, lockInfo))
	}
}

// ReadLock says who holds the lock; nil: nobody says so.
func ReadLock(ctx context.Context, server Host, root string) *stack.LockInfo {
	raw, err := server.ReadFile(ctx, path.Join(root, lockInfo))
	if err != nil {
		return nil
	}
	var info stack.LockInfo
	if json.Unmarshal(raw, &info) != nil {
		return nil
	}
	return &info
}
