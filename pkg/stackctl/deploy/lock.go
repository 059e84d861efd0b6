package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/stack"
)

const (
	lockFile = "lock"
	lockInfo = "lock.json"
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

// lookScript tells whether the lock is held and, by the host's clock, what
// time it is, since when it is held and when the last beat came; then who.
const lookScript = `[ -e "$1" ] || exit 0
[ -f "$1" ] || { echo "$1 is no file" >&2; exit 1; }
flock -s -n -E 75 "$1" true; code=$?
[ $code = 75 ] || exit $code
date +%s; stat -c %Y "$1"; stat -c %Y "$2" 2>/dev/null || echo; [ ! -f "$2" ] || cat "$2" 2>/dev/null
exit 75`

// clearScript ends the shell that holds the lock, if it is the one that was
// looked at: a process number alone may be somebody else's by now.
const clearScript = `read -r pid <"$1" && [ "$(readlink "/proc/$pid/fd/9")" = "$(readlink -f "$1")" ] || { echo "process $pid does not hold the lock" >&2; exit 1; }
grep -qF "\"$3\"" "$2" || { echo "the holder has changed" >&2; exit 1; }
rm -f "$2"; kill "$pid"`

// errLockLost says that the lock ended while its holder was at work.
var errLockLost = errors.New("the lock was lost: somebody cleared it or removed its file, or the server heard nothing from here for " + expiry.String())

// lock takes the project's lock on the server. What follows runs in the context
// that it gives: it ends when the lock is lost. A dead owner's lock is free
// when its connection ends or its beats stay out, a live one's is never taken.
func (s *story) lock(ctx context.Context, server Server) (locked context.Context, unlock func(), err error) {
	d := s.d
	root := d.Target.Path
	deadline := time.Now().Add(d.LockWait)
	said := ""
	for {
		h, err := d.take(ctx, server, root)
		if err != nil {
			return nil, nil, err
		}
		if h != nil {
			locked, unlock = h.keep(ctx)
			return locked, unlock, nil
		}
		who, err := Holder(ctx, server, root)
		if err != nil {
			return nil, nil, err
		}
		if !time.Now().Before(deadline) {
			return nil, nil, stack.Fault(stack.CauseLocked, "lock "+d.Config.Project+" on "+d.Target.Host, errors.New(heldBy(who)), "wait for it, or use --lock-wait 10m")
		}
		if who != nil && who.Run != said {
			said = who.Run
			s.note("waiting for the lock: " + heldBy(who))
		}
		select {
		case <-ctx.Done():
			return nil, nil, interrupted(ctx, "wait for the lock")
		case <-time.After(again):
		}
	}
}

func heldBy(who *stack.LockInfo) string {
	if who == nil {
		return "another deploy held it a moment ago"
	}
	return fmt.Sprintf("%s holds it since %s (run %s, last seen %d s ago)",
		who.Owner, who.Since.Format(time.RFC3339), who.Run, int(time.Since(who.Beat).Seconds()))
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

// take tries once; nil without an error means that somebody else has the lock.
func (d *Deployer) take(ctx context.Context, server Host, root string) (*hold, error) {
	note, err := json.Marshal(stack.LockInfo{Owner: d.Owner, Run: d.Run})
	if err != nil {
		return nil, err
	}
	input, feed := io.Pipe()
	h := &hold{input: feed, ended: make(chan ending, 1)}
	answer := newAnswer()
	var stderr bytes.Buffer
	go func() {
		exit, err := server.Attach(context.WithoutCancel(ctx), input, answer, &stderr, "sh", "-c", holdScript, "sh",
			path.Join(root, lockFile), path.Join(root, lockInfo), string(note), strconv.Itoa(int(expiry.Seconds())))
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
		return nil, stack.Fault(stack.CauseUnreachable, "take the lock in "+root, e.why(stderr.Bytes()), d.lockFix(e.exit, stderr.String()))
	case <-ctx.Done():
		_ = feed.Close()
		return nil, interrupted(ctx, "take the lock")
	}
}

// why is why the shell that was to hold the lock ended.
func (e ending) why(said []byte) error {
	if e.err != nil {
		return e.err
	}
	return fmt.Errorf("exit code %d: %s", e.exit, bytes.TrimSpace(said))
}

// lockFix is what to do where the lock cannot be opened. The file is not to be
// removed: somebody may hold it.
func (d *Deployer) lockFix(exit int, said string) string {
	switch {
	case exit == homeless:
		return "run `stackctl provision`: it makes the folder"
	case strings.Contains(said, "Read-only file system"):
		return "the host's disk takes no writes: `dmesg` and `findmnt -T " + d.Target.Path + "` there tell more"
	}
	file := path.Join(d.Target.Path, lockFile)
	return fmt.Sprintf("`ls -ld %s` on the host shows whose it is: `chown %s %s` gives it back; anything but a file in its place must go", file, d.Target.User, file)
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
	return stack.Fault(stack.CauseLocked, "hold the lock", errLockLost, "see `stackctl lock`, then run the same command again")
}

// forsaken says that a run may touch the server no more: another one may be
// at work there, or it cannot be reached.
func forsaken(ctx context.Context, err error) bool {
	cause := context.Cause(ctx)
	return stack.CauseOf(err) == stack.CauseUnreachable || cause != nil && (errors.Is(cause, errLockLost) || stack.CauseOf(cause) == stack.CauseUnreachable)
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

// Holder says who holds the project's lock now; nil: nobody. A note that a
// dead owner left is not believed. Times are put onto this machine's clock.
func Holder(ctx context.Context, server Host, root string) (*stack.LockInfo, error) {
	out, err := server.Run(ctx, "sh", "-c", lookScript, "sh", path.Join(root, lockFile), path.Join(root, lockInfo))
	if err == nil && out.Exit != 0 && out.Exit != held {
		err = stack.Fault(stack.CauseUnreachable, "look at the lock in "+root, errors.New(string(bytes.TrimSpace(out.Stderr))), "a deploy says what to do")
	}
	if err != nil || out.Exit != held {
		return nil, err
	}
	lines := strings.SplitN(string(out.Stdout), "\n", 4)
	if len(lines) < 4 {
		return &stack.LockInfo{Owner: "somebody"}, nil
	}
	var info stack.LockInfo
	if json.Unmarshal([]byte(lines[3]), &info) != nil {
		info = stack.LockInfo{Owner: "somebody"}
	}
	now := time.Now().UTC().Truncate(time.Second)
	ago := func(at string) time.Time {
		host, _ := strconv.ParseInt(lines[0], 10, 64)
		then, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return now
		}
		return now.Add(-time.Duration(host-then) * time.Second)
	}
	info.Since, info.Beat = ago(lines[1]), ago(lines[2])
	info.Expires = info.Beat.Add(expiry)
	return &info, nil
}

// ClearLock takes the lock from the run that holds it, which must be named. The
// run stops at once and brings nothing back; the next deploy converges.
func ClearLock(ctx context.Context, server Host, root, run string) (*stack.LockInfo, error) {
	who, err := Holder(ctx, server, root)
	if err != nil || who == nil {
		return nil, err
	}
	const what = "clear the lock"
	if who.Run == "" {
		return nil, stack.Fault(stack.CauseLocked, what, errors.New("the holder's note cannot be read"),
			fmt.Sprintf("a holder that lives writes it anew within %s, and one that does not loses the lock within %s: see `stackctl lock` then", beat, expiry))
	}
	if who.Run != run {
		return nil, stack.Fault(stack.CauseLocked, what, errors.New(heldBy(who)),
			"end that run where it goes on; if nobody can, name it: stackctl lock --clear "+who.Run)
	}
	out, err := server.Run(ctx, "sh", "-c", clearScript, "sh", path.Join(root, lockFile), path.Join(root, lockInfo), run)
	if err == nil && out.Exit != 0 {
		err = stack.Fault(stack.CauseStep, what, errors.New(string(bytes.TrimSpace(out.Stderr))), "see `stackctl lock`")
	}
	return who, err
}
