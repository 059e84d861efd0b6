package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// deploying is a server whose containers log one line and run until they are stopped.
type deploying struct {
	node.Server

	lock    sync.Mutex
	running map[string]chan struct{} // closed: stopped
	broken  error
	asked   []stack.LogOptions
}

func (d *deploying) Logs(ctx context.Context, container string, o stack.LogOptions, stdout, _ io.Writer) error {
	d.lock.Lock()
	d.asked = append(d.asked, o)
	stopped := d.running[container]
	d.lock.Unlock()
	if _, err := io.WriteString(stdout, "2026-11-22T10:00:02.000000005Z from "+container+"\n"); err != nil {
		return err
	}
	select {
	case <-stopped:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *deploying) start(container string) {
	d.lock.Lock()
	defer d.lock.Unlock()
	if d.running == nil {
		d.running = map[string]chan struct{}{}
	}
	d.running[container] = make(chan struct{})
}

func (d *deploying) stop(container string) {
	d.lock.Lock()
	defer d.lock.Unlock()
	close(d.running[container])
	delete(d.running, container)
}

func (d *deploying) look(context.Context) ([]stack.Container, error) {
	d.lock.Lock()
	defer d.lock.Unlock()
	var list []stack.Container
	for id := range d.running {
		list = append(list, stack.Container{ID: id, Service: "api", Name: "shop-" + id, State: "running"})
	}
	if list == nil && d.broken == nil {
		return nil, stack.Fault(stack.CauseUsage, "find service api", errors.New("it does not run"), "")
	}
	return list, d.broken
}

func TestALogIsFollowedFromOneReleaseToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, errs bytes.Buffer
		p := printerTo(&out, "text")
		p.errs = &errs
		var d deploying
		d.start("old")
		first, _ := d.look(t.Context())
		ctx, interrupt := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- follow(ctx, &d, newLogPage(p, first), first, d.look, stack.LogOptions{Tail: 5, Follow: true, Times: true})
		}()
		step := func(do func()) { do(); time.Sleep(2 * lookAgain); synctest.Wait() }
		step(func() { d.start("new") })
		step(func() { d.stop("old") })
		step(func() { d.stop("new") }) // nothing runs for a while
		step(func() { d.start("new") })
		interrupt()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if want := "from old\nfrom new\nfrom new\n"; out.String() != want {
			t.Errorf("got\n%swant\n%s", out.String(), want)
		}
		want := `stackctl: container shop-new of api is followed
stackctl: container shop-old of api has stopped
stackctl: container shop-new of api has stopped
stackctl: container shop-new of api is followed again
`
		if errs.String() != want {
			t.Errorf("told is\n%swant\n%s", errs.String(), want)
		}
		if last := d.asked[len(d.asked)-1].Since; d.asked[0].Tail != 5 || d.asked[1].Tail != 0 || !last.Equal(time.Date(2026, 11, 22, 10, 0, 2, 6, time.UTC)) {
			t.Errorf("asked for %+v", d.asked)
		}
	})
}

func TestAFollowedLogEndsWithItsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deploying{broken: stack.Fault(stack.CauseUnreachable, "ask the engine", errors.New("the connection is gone"), "")}
		d.start("old")
		first, _ := d.look(t.Context())
		err := follow(t.Context(), &d, newLogPage(printerTo(io.Discard, "text"), first), first, d.look, stack.LogOptions{Follow: true, Times: true})
		if stack.CauseOf(err) != stack.CauseUnreachable {
			t.Errorf("%v", err)
		}
	})
}

// A reader such as head has seen enough, and nothing is wrong; a full disk is.
func TestAFollowedLogEndsWithItsReader(t *testing.T) {
	for broken, fine := range map[error]bool{
		&fs.PathError{Op: "write", Path: os.Stdout.Name(), Err: syscall.EPIPE}:  true,
		&fs.PathError{Op: "write", Path: os.Stdout.Name(), Err: syscall.ENOSPC}: false,
		&net.OpError{Op: "write", Err: syscall.EPIPE}:                           false,
	} {
		synctest.Test(t, func(t *testing.T) {
			var d deploying
			d.start("old")
			first, _ := d.look(t.Context())
			err := follow(t.Context(), &d, newLogPage(printerTo(brokenOutput{broken}, "text"), first), first, d.look, stack.LogOptions{Follow: true, Times: true})
			if !errors.Is(err, broken) || (enough(err) == nil) != fine {
				t.Errorf("%v: %v", broken, err)
			}
		})
	}
}

// brokenOutput is an output that takes nothing.
type brokenOutput struct{ err error }

func (o brokenOutput) Write([]byte) (int, error) { return 0, o.err }
