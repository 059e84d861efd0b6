package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// lookScript tells whether the lock is held and, by the host's clock, what
// time it is, since when it is held and when the last beat came; then who.
const lookScript = `[ -e "$1" ] || exit 0
[ -f "$1" ] || { echo "$1 is no file" >&2; exit 1; }
flock -s -n -E 75 "$1" true; code=$?
[ $code = 75 ] || exit $code
date +%s; stat -c %Y "$1"; stat -c %Y "$2" 2>/dev/null || echo; [ ! -f "$2" ] || cat "$2" 2>/dev/null
exit 75`

// clearScript ends the shell that holds the lock, if it is the one that was
// looked at: a process number alone may be somebody else's by now. It waits for the end,
// in which nobody's note is there, unless the next one has the lock by then.
const clearScript = `read -r pid <"$1" && [ "$(readlink "/proc/$pid/fd/9")" = "$(readlink -f "$1")" ] || { echo "process $pid does not hold the lock" >&2; exit 1; }
grep -qF "\"$3\"" "$2" || { echo "the holder has changed" >&2; exit 1; }
rm -f "$2"; kill "$pid" || exit
flock -s -w 5 "$1" true || :`

func heldBy(who *stack.LockInfo) string {
	if who == nil {
		return "another deploy held it a moment ago"
	}
	return fmt.Sprintf("%s holds it since %s (run %s, last seen %d s ago)",
		who.Owner, who.Since.Format(time.RFC3339), who.Run, int(time.Since(who.Beat).Seconds()))
}

// Holder returns who holds the project's lock now; nil: nobody. A note that a
// dead owner left is not believed. Times are put onto this machine's clock.
func Holder(ctx context.Context, server Host, t stack.Target) (*stack.LockInfo, error) {
	out, err := server.Run(ctx, "sh", "-c", lookScript, "sh", t.At(stack.LockFile), t.At(stack.LockNote))
	if err == nil && out.Exit != 0 && out.Exit != held {
		err = stack.Fault(stack.CauseUnreachable, "look at the lock in "+t.Path, errors.New(string(bytes.TrimSpace(out.Stderr))), "a deploy says what to do")
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
func ClearLock(ctx context.Context, server Host, t stack.Target, run string) (*stack.LockInfo, error) {
	who, err := Holder(ctx, server, t)
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
	out, err := server.Run(ctx, "sh", "-c", clearScript, "sh", t.At(stack.LockFile), t.At(stack.LockNote), run)
	if err == nil && out.Exit != 0 {
		err = stack.Fault(stack.CauseStep, what, errors.New(string(bytes.TrimSpace(out.Stderr))), "see `stackctl lock`")
	}
	return who, err
}
