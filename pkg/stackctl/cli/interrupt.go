package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// errInterrupted is why a run was told to stop.
var errInterrupted = errors.New("interrupted")

// interrupts ends a run on the first signal, says on the second what it still
// waits for, and ends the program on the third.
type interrupts struct {
	errs   io.Writer
	doing  *doing
	cancel context.CancelCauseFunc
	came   int
	since  time.Time
	exit   func(code int)
}

// listen makes the signals that ask a program to end count as Ctrl-C. A closed
// terminal (SIGHUP) does so, unless nohup says that it does not.
func listen(errs io.Writer, d *doing) (ctx context.Context, stop func()) {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	i := &interrupts{errs: errs, doing: d, cancel: cancel, exit: os.Exit}
	came, done := make(chan os.Signal, 3), make(chan struct{})
	signal.Notify(came, signals...)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-came:
				i.signal(time.Now())
			case <-done:
				return
			}
		}
	}()
	return ctx, func() { signal.Stop(came); close(done); <-ended; cancel(nil) }
}

func (i *interrupts) signal(now time.Time) {
	i.came++
	switch i.came {
	case 1:
		i.since = now
		i.cancel(errInterrupted)
		_, _ = fmt.Fprintln(i.errs, "stopping: what is under way is brought to a safe end; interrupt again to see what that waits for")
	case 2:
		_, _ = fmt.Fprintf(i.errs, "stopping for %s: %s; interrupt once more to end at once, and leave it as it is\n", now.Sub(i.since).Round(time.Second), i.doing.text(now))
	default:
		_, _ = fmt.Fprintln(i.errs, "ended at once: `stackctl status` shows what is left, the next deploy or rollback brings it in order")
		i.exit(ExitInterrupted)
	}
}

// doing is what runs at the moment, by target.
type doing struct {
	lock sync.Mutex
	now  map[string]activity
}

type activity struct {
	what  string
	since time.Time
}

// note takes what an event tells of the moment.
func (d *doing) note(target string, e stack.Event) {
	d.lock.Lock()
	defer d.lock.Unlock()
	what := e.Name
	if e.Step != nil {
		what = e.Step.String()
	} else if what == "" {
		what = e.Message
	}
	if d.now == nil {
		d.now = map[string]activity{}
	}
	switch {
	case e.Kind == stack.EventVerdict:
		delete(d.now, target)
	case what != "" && d.now[target].what != what:
		d.now[target] = activity{what, e.At}
	}
}

// text is what runs, and how long already.
func (d *doing) text(now time.Time) string {
	d.lock.Lock()
	defer d.lock.Unlock()
	var list []string
	for target, a := range d.now {
		list = append(list, fmt.Sprintf("%s: %s, since %s", target, a.what, now.Sub(a.since).Round(time.Second)))
	}
	if len(list) == 0 {
		return "nothing is being brought back"
	}
	slices.Sort(list)
	return strings.Join(list, "; ")
}
