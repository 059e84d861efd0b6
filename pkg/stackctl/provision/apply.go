package provision

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/stack"
)

// Apply carries out changes in order and stops at the first that fails. What
// was done stays; the next run observes it and goes on from there.
func Apply(ctx context.Context, conn *host.Conn, changes []Change, emit stack.Emit) error {
	if len(changes) == 0 {
		return nil
	}
	r, _, err := become(ctx, conn)
	if err != nil {
		return err
	}
	for i, c := range changes {
		began := time.Now()
		event := func(kind stack.EventKind, message string) {
			emit(stack.Event{At: time.Now(), Kind: kind, Name: c.Item, Message: message,
				Done: int64(i), Total: int64(len(changes)), Unit: "changes", Took: time.Since(began)})
		}
		event(stack.EventStep, c.What+", because "+c.Cause)
		w := work{root: r, change: c, note: func(text string) { event(stack.EventProgress, text) }}
		if err := w.run(ctx); err != nil {
			event(stack.EventFailed, err.Error())
			return err
		}
		event(stack.EventDone, c.What)
	}
	return nil
}

// work is one change being carried out.
type work struct {
	root
	change Change
	note   func(string)
}

func (w work) run(ctx context.Context) error {
	if w.change.Guard == nil {
		return w.act(ctx)
	}
	if err := w.arm(ctx); err != nil {
		return err
	}
	if err := w.act(ctx); err != nil {
		return errors.Join(err, w.undo(ctx))
	}
	w.note("trying a second connection")
	if err := w.second(ctx); err != nil {
		return stack.Fault(stack.CauseStep, w.what(), errors.Join(
			fmt.Errorf("a second connection failed with the new settings: %w", err), w.undo(ctx)),
			"the settings before are back; this connection was not given up")
	}
	return w.command(ctx, shell(disarm, w.change.Guard.Name))
}

// secondPatience is how long a second connection is tried: a reloading sshd
// does not listen for a moment. It is well within guardTime.
const secondPatience = 15 * time.Second

// second logs in anew and runs a command.
func (w work) second(ctx context.Context) error {
	give := time.Now().Add(secondPatience)
	for {
		conn, err := w.conn.Again(ctx)
		if err == nil {
			_, err = conn.Run(ctx, "true")
			conn.Close()
		}
		if err == nil || time.Now().After(give) {
			return err
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// act carries out the actions.
func (w work) act(ctx context.Context) error {
	for _, a := range w.change.Actions {
		var err error
		switch {
		case a.Apt != nil:
			err = w.apt(ctx, *a.Apt)
		case a.File != nil:
			err = w.file(ctx, *a.File)
		default:
			err = w.command(ctx, a.Run)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// what names the change in an error.
func (w work) what() string {
	return fmt.Sprintf("provision %s: %s: %s", w.conn.Options(), w.change.Item, w.change.What)
}

// command runs one command as root.
func (w work) command(ctx context.Context, argv []string) error {
	out, err := w.conn.Run(ctx, w.argv(argv)...)
	return w.judge(out, err)
}

// judge makes an error of a command that failed.
func (w work) judge(out stack.Output, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", w.what(), err)
	}
	if out.Exit == 0 {
		return nil
	}
	said := lastLines(out.Stderr, 4)
	if said == "" {
		said = lastLines(out.Stdout, 4)
	}
	return stack.Fault(stack.CauseStep, w.what(), fmt.Errorf("exit code %d: %s", out.Exit, said), "")
}

// writeFile replaces a file of root's by rename. The temporary name starts
// with a dot and ends in none of the suffixes that configuration folders read.
const writeFile = `(umask 022; mkdir -p -- "$(dirname -- "$1")")
if [ "$3" = backup ] && [ -f "$1" ]; then
  old=$1.stackctl-$(sha256sum <"$1" | cut -c1-8).bak
  [ -f "$old" ] || cp -p -- "$1" "$old"
fi
new=$(mktemp "$(dirname -- "$1")/.stackctl-XXXXXX")
trap 'rm -f -- "$new"' EXIT
cat >"$new"
chmod "$2" "$new"
sync -- "$new"
mv -f -- "$new" "$1"`

func (w work) file(ctx context.Context, f File) error {
	backup := ""
	if f.Backup {
		backup = "backup"
	}
	out, err := w.conn.RunInput(ctx, strings.NewReader(f.Content), w.argv(shell(writeFile, f.Path, f.Mode, backup))...)
	return w.judge(out, err)
}

// guardTime is how long the host waits for a change to be confirmed before it
// undoes it by itself.
const guardTime = "60s"

// armScript keeps the files that a change may touch, writes the script that
// puts them back, and starts the timer that runs it.
const armScript = `name=$1 limit=$2 undo=$3
shift 3
dir=/var/lib/stackctl/undo/$name
systemctl stop "stackctl-undo-$name.timer" 2>/dev/null || true
systemctl reset-failed "stackctl-undo-$name.service" 2>/dev/null || true
# What an earlier run kept, and did not confirm, is the state to go back to.
if [ ! -f "$dir/undo.sh" ]; then
  rm -rf "$dir"
  install -d -m 700 "$dir"
  n=0
  for file; do
    n=$((n+1))
    if [ -f "$file" ]; then
      cp -p -- "$file" "$dir/$n"
      echo "cp -p -- '$dir/$n' '$file'"
    else
      echo "rm -f -- '$file'"
    fi
  done >"$dir/undo.part"
  printf '%s\nrm -rf -- "%s"\n' "$undo" "$dir" >>"$dir/undo.part"
  mv "$dir/undo.part" "$dir/undo.sh"
fi
systemd-run --quiet --unit="stackctl-undo-$name" --on-active="$limit" --timer-property=AccuracySec=1s /bin/sh "$dir/undo.sh"`

// disarm confirms a change.
const disarm = `systemctl stop "stackctl-undo-$1.timer"
rm -rf "/var/lib/stackctl/undo/$1"`

func (w work) arm(ctx context.Context) error {
	g := w.change.Guard
	undo, err := host.Quote(g.Undo)
	if err != nil {
		return fmt.Errorf("%s: %w", w.what(), err)
	}
	return w.command(ctx, shell(armScript, append([]string{g.Name, guardTime, undo}, g.Files...)...))
}

// undo puts back what was there before a guarded change.
func (w work) undo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	name := w.change.Guard.Name
	err := w.command(ctx, shell(`systemctl stop "stackctl-undo-$1.timer" || true
sh "/var/lib/stackctl/undo/$1/undo.sh"`, name))
	if err != nil {
		return fmt.Errorf("the settings before could not be put back: %w; the host tries it by itself after %s", err, guardTime)
	}
	return nil
}
