// Package program owns the running of programs on the operator's side: an
// argument list and no shell, a time limit, bounded output, and nothing that
// runs on afterwards. It must not know what the programs are for.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Program is what is to be run.
type Program struct {
	// Args are the program and its arguments.
	Args []string
	// Dir is where it runs; empty: where stackctl does.
	Dir string
	// Env is added to the environment of stackctl.
	Env []string
	// Limit is how long it may take.
	Limit time.Duration
	// Most is how many bytes it may print on each of its outputs.
	Most int
	// Whole makes more output than Most an error that ends the program. Without
	// it the last bytes are kept.
	Whole bool
	// Together puts what it prints on its error output into Out as well, in order.
	Together bool
}

// Result is how a program ended.
type Result struct {
	Out, Errs []byte
	// Exit is its exit code; -1: it was ended, or never ran.
	Exit int
}

// The ways in which a program is ended. No error of this package holds what a
// program printed.
var (
	ErrTime   = errors.New("it had not ended in time")
	ErrOutput = errors.New("it printed more than is taken")
)

// grace is how long a program that is to end gets for that.
const grace = 3 * time.Second

// Run runs a program to its end. Its input is empty. When the context or the
// time ends, the program and what it started are told to stop, and are ended
// three seconds later. An exit code other than 0 is no error.
func Run(ctx context.Context, p Program) (Result, error) {
	if len(p.Args) == 0 {
		return Result{Exit: -1}, errors.New("no program is named")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := time.AfterFunc(p.Limit, func() { cancel(fmt.Errorf("%w: %s", ErrTime, p.Limit)) })
	defer limit.Stop()
	cmd := exec.CommandContext(ctx, p.Args[0], p.Args[1:]...)
	cmd.Dir, cmd.Env = p.Dir, append(os.Environ(), p.Env...)
	full := func() { cancel(fmt.Errorf("%w: %d bytes", ErrOutput, p.Most)) }
	out := &output{most: p.Most, whole: p.Whole, full: full}
	errs := &output{most: p.Most}
	if p.Together {
		errs = out
	}
	cmd.Stdout, cmd.Stderr = out, errs
	alone(cmd)
	cmd.Cancel = func() error { return stop(cmd) }
	cmd.WaitDelay = grace
	err := cmd.Start()
	if err == nil {
		err = cmd.Wait()
		kill(cmd) // what it left running
	}
	r := Result{Out: out.bytes(), Exit: -1}
	if !p.Together {
		r.Errs = errs.bytes()
	}
	if cause := context.Cause(ctx); cause != nil {
		return r, cause
	}
	if ended := new(exec.ExitError); errors.As(err, &ended) && ended.Exited() {
		r.Exit = ended.ExitCode()
		return r, nil
	}
	if errors.Is(err, exec.ErrWaitDelay) { // it ended, and what it started held its output
		r.Exit = cmd.ProcessState.ExitCode()
		return r, nil
	}
	if err == nil {
		r.Exit = 0
	}
	return r, err
}

// output keeps the last bytes of what is written to it.
type output struct {
	most  int
	whole bool
	full  func()

	lock sync.Mutex
	kept bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.lock.Lock()
	defer o.lock.Unlock()
	o.kept.Write(p)
	if over := o.kept.Len() - o.most; over > 0 {
		if o.whole {
			o.full()
		}
		o.kept.Next(over)
	}
	return len(p), nil
}

func (o *output) bytes() []byte {
	o.lock.Lock()
	defer o.lock.Unlock()
	return bytes.Clone(o.kept.Bytes())
}
