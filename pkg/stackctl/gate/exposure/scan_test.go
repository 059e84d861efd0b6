package exposure

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
)

// The scan is also tried on real sockets: this machine's loopback.
func TestScanFindsARealListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	shut := closed.Addr().(*net.TCPAddr).Port
	_ = closed.Close()
	r, err := scan(context.Background(), &net.Dialer{}, "127.0.0.1", []int{port, shut}, time.Second)
	if err != nil || !r.Complete || len(r.Open) != 1 || r.Open[0] != port || r.Counts[portClosed] != 1 {
		t.Errorf("%+v %v", r, err)
	}
}

// A machine that has run out of sockets cannot say that ports are closed.
func TestScanThatCannotAskIsNoPass(t *testing.T) {
	broken := gatetest.DialerFunc(func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: syscall.EMFILE}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if r, err := scan(ctx, broken, "192.0.2.1", []int{1, 2, 3}, time.Second); err == nil {
		t.Errorf("%+v", r)
	}
}

// An open port may answer late, as on a busy machine. Behind a firewall that
// swallows what it does not let in every port is silent, and asked once.
func TestAPortThatAnswersLateIsAskedAgain(t *testing.T) {
	var asked atomic.Int64
	on := func(firewall bool) gate.Dialer {
		first := map[string]bool{}
		var mu sync.Mutex
		return gatetest.DialerFunc(func(ctx context.Context, _, address string) (net.Conn, error) {
			asked.Add(1)
			mu.Lock()
			again := first[address]
			first[address] = true
			mu.Unlock()
			switch {
			case address == "192.0.2.1:7" && again:
				here, there := net.Pipe()
				_ = there.Close()
				return here, nil
			case address == "192.0.2.1:7" || firewall:
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		})
	}
	ports := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	r, err := scan(context.Background(), on(false), "192.0.2.1", ports, 10*time.Millisecond)
	if err != nil || !r.Complete || !slices.Equal(r.Open, []int{7}) || r.Counts[portClosed] != 9 || r.Counts[portFiltered] != 0 {
		t.Errorf("%+v %v", r, err)
	}
	asked.Store(0)
	r, err = scan(context.Background(), on(true), "192.0.2.1", ports, 10*time.Millisecond)
	if err != nil || !r.Complete || len(r.Open) > 0 || r.Counts[portFiltered] != 10 || asked.Load() != 10 {
		t.Errorf("behind a firewall: %+v %v, asked %d times", r, err, asked.Load())
	}
}
