package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/stack"
)

const (
	// held is flock's answer when somebody else has the lock.
	held = 75
	// homeless is the answer where the project's folder is not there.
	homeless = 74
	// beat is how often the holder says that it is there.
	beat = 5 * time.Second
	// expiry is how long the host waits for a beat before it frees the lock. A
	// holder gives its silent connection up well before that.
	expiry = 30 * time.Second
	// again is how often a lock that is held is asked for.
	again = 2 * time.Second
)

// holdScript holds the lock for as long as a beat comes in time. It measures
// by the host's own timer, so that no two clocks are compared. The kernel has
// the lock; lock.json says who has it. flock waits a moment because a look at
// the lock holds it for an instant. Whoever has the lock tidies up the temporary
// files of a deploy that was cut off, and writes its note anew where it was lost.
// Where somebody removed the file, the lock on it bars nobody any more: the
// holder takes the one on the new file, or has lost it to who was faster.
const holdScript = `umask 077
[ -d "${1%/*}" ] || { echo "there is no such folder" >&2; exit 74; }
[ ! -e "$1" ] || [ -f "$1" ] || { echo "$1 is no ordinary file" >&2; exit 1; }
exec 9>>"$1" || exit 1
chmod 600 "$1" 2>/dev/null # whoever can open it can hold it
flock -w 1 -E 75 9 || exit 75
echo $$ >"$1"
rm -f "${1%/*}"/tmp/.*.tmp
trap 'rm -f "$2"' EXIT
rm -f "$2"
printf %s "$3" >"$2"
echo locked
while b=$(exec timeout "$4" head -c 1 9>&-) && [ -n "$b" ]; do
	[ "$1" -ef "/proc/$$/fd/9" ] || { exec 9>>"$1" && flock -n 9; } || { trap - EXIT; exit 75; }
	[ "$(cat "$2" 2>/dev/null)" = "$3" ] && touch "$2" || printf %s "$3" >"$2"
	[ "$(cat "$1")" = $$ ] || echo $$ >"$1"
done`

// ErrLockLost is the error that the lock ended while its holder was at work.
var ErrLockLost = errors.New("the lock was lost: somebody cleared it or removed its file, or the server heard nothing from here for " + expiry.String())

// Lock is the project's lock on a server, as one run asks for it.
type Lock struct {
	Project string
	Target  stack.Target
	// Owner is user@machine, Run the ID of the run that asks.
	Owner, Run string
	// Wait is how long a lock that somebody holds is waited for.
	Wait time.Duration
	// Note is told, once, who it is waited for.
	Note func(text string)
}

// Take takes the lock. What follows runs in the context that it returns, which
// ends when the lock is lost. A dead owner's lock is free when its connection
// ends or its beats stay out, a live one's is never taken.
func (l Lock) Take(ctx context.Context, server Host) (locked context.Context, unlock func(), err error) {
	deadline := time.Now().Add(l.Wait)
	said := ""
	for {
		h, err := l.try(ctx, server)
		if err != nil {
			return nil, nil, err
		}
		if h != nil {
			locked, unlock = h.keep(ctx)
			return locked, unlock, nil
		}
		who, err := Holder(ctx, server, l.Target)
		if err != nil {
			return nil, nil, err
		}
		if !time.Now().Before(deadline) {
			return nil, nil, stack.Fault(stack.CauseLocked, "lock "+l.Project+" on "+l.Target.Where(), errors.New(heldBy(who)), "wait for it, or use --lock-wait 10m")
		}
		if who != nil && who.Run != said {
			said = who.Run
			l.Note("waiting for the lock: " + heldBy(who))
		}
		select {
		case <-ctx.Done():
			return nil, nil, stack.Interrupted(ctx, "wait for the lock")
		case <-time.After(again):
		}
	}
}

// hold is a lock that is held.
type hold struct {
	input *io.PipeWriter
	ended chan ending
}

type ending struct {
	exit int
	err  error
}

// try tries once; nil without an error means that somebody else has the lock.
func (l Lock) try(ctx context.Context, server Host) (*hold, error) {
	note, err := json.Marshal(stack.LockInfo{Owner: l.Owner, Run: l.Run})
	if err != nil {
		return nil, err
	}
	input, feed := io.Pipe()
	h := &hold{input: feed, ended: make(chan ending, 1)}
	answer := newAnswer()
	var stderr bytes.Buffer
	go func() {
		exit, err := server.Attach(context.WithoutCancel(ctx), input, answer, &stderr, "sh", "-c", holdScript, "sh",
			l.Target.At(stack.LockFile), l.Target.At(stack.LockNote), string(note), strconv.Itoa(int(expiry.Seconds())))
		_ = input.CloseWithError(io.ErrClosedPipe)
		h.ended <- ending{exit, err}
	}()
	select {
	case <-answer.came:
		return h, nil
	case e := <-h.ended:
		_ = feed.Close()
		if e.err == nil && e.exit == held {
			return nil, nil
		}
		return nil, stack.Fault(stack.CauseUnreachable, "take the lock in "+l.Target.Path, e.why(stderr.Bytes()), l.fix(e.exit, stderr.String()))
	case <-ctx.Done():
		_ = feed.Close()
		return nil, stack.Interrupted(ctx, "take the lock")
	}
}

// why is why the shell that was to hold the lock ended.
func (e ending) why(said []byte) error {
	if e.err != nil {
		return e.err
	}
	return fmt.Errorf("exit code %d: %s", e.exit, bytes.TrimSpace(said))
}

// fix is what to do where the lock cannot be opened. The file is not to be
// removed: somebody may hold it.
func (l Lock) fix(exit int, said string) string {
	switch {
	case exit == homeless:
		return "run `stackctl provision`: it makes the folder"
	case strings.Contains(said, "Read-only file system"):
		return "the host's disk takes no writes: `dmesg` and `findmnt -T " + l.Target.Path + "` there tell more"
	}
	file := l.Target.At(stack.LockFile)
	return fmt.Sprintf("`ls -ld %s` on the host shows whose it is: `chown %s %s` gives it back; anything but a file in its place must go", file, l.Target.User, file)
}

// keep beats until unlock is called. The context ends when the lock is lost.
func (h *hold) keep(ctx context.Context) (locked context.Context, unlock func()) {
	locked, lose := context.WithCancelCause(ctx)
	done, freed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(freed)
		tick := time.NewTicker(beat)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_, _ = h.input.Write([]byte{'.'}) // one that cannot be sent shows as the end
			case e := <-h.ended:
				lose(lost(e))
				return
			case <-done:
				_ = h.input.Close()
				<-h.ended
				return
			}
		}
	}()
	return locked, func() { close(done); <-freed; lose(nil) }
}

// lost is why a holder lost its lock.
func lost(e ending) error {
	if e.err != nil {
		return stack.Fault(stack.CauseUnreachable, "hold the lock", e.err, "it goes on from what is there")
	}
	return stack.Fault(stack.CauseLocked, "hold the lock", ErrLockLost, "see `stackctl lock`, then run the same command again")
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
