package exposure

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
)

// Bounds of one scan.
const (
	scanParallel = 1024
	// scanWall bounds the scans of all addresses. A firewall that drops lets
	// every port take its whole time.
	scanWall = 150 * time.Second
	// controlWait is how long a port that must be open may take.
	controlWait = 3 * time.Second
)

// pace is how long one port may take to answer. Ports on which something is
// known or likely to listen get more time than the rest of the 65535.
type pace struct{ careful, quick time.Duration }

// paceOf follows the time that an open port took.
func paceOf(took time.Duration) pace {
	return pace{min(max(5*took, 300*time.Millisecond), 2*time.Second), min(max(4*took, 60*time.Millisecond), time.Second)}
}

// wellKnown are ports on which things are left open by mistake: looked at
// always, whatever the host says it listens on.
var wellKnown = []int{
	21, 22, 23, 25, 53, 69, 79, 80, 88, 110, 111, 113, 135, 139, 143, 161, 179, 389, 443, 445, 465, 500, 514, 515, 548, 587, 631, 636, 873,
	993, 995, 1080, 1433, 1521, 1723, 1883, 2049, 2181, 2222, 2375, 2376, 2377, 2379, 2380, 3000, 3128, 3306, 3389, 4000, 4243, 4444, 4567,
	5000, 5050, 5060, 5432, 5433, 5555, 5601, 5672, 5900, 5984, 6000, 6379, 6380, 6443, 6432, 7000, 7001, 7474, 7946, 8000, 8001, 8008, 8025,
	8080, 8081, 8082, 8083, 8086, 8088, 8090, 8123, 8200, 8333, 8443, 8500, 8545, 8888, 8983, 9000, 9001, 9042, 9090, 9091, 9092, 9093, 9100,
	9200, 9300, 9411, 9443, 9999, 10000, 10250, 11211, 11434, 15672, 15692, 16686, 19999, 25565, 26379, 27017, 28017, 50000, 61616,
}

// portState is what a connect says of a port.
type portState string

const (
	portOpen     portState = "open"
	portClosed   portState = "closed"   // refused: nobody listens
	portFiltered portState = "filtered" // no answer, or turned away on the way
)

// scanResult is what one address answered.
type scanResult struct {
	Address  string            `json:"address"`
	From     string            `json:"from"`
	Asked    int               `json:"ports_asked"`
	Counts   map[portState]int `json:"counts"`
	Open     []int             `json:"open"`
	Timeout  time.Duration     `json:"timeout_ns"`
	Took     time.Duration     `json:"took_ns"`
	Skipped  string            `json:"skipped,omitempty"`
	Complete bool              `json:"complete"`
}

const (
	// silentShare bounds how many silent ports are asked again: one in so many.
	// Behind a firewall nearly all of them are.
	silentShare = 8
	// lateFactor is how much longer those may take.
	lateFactor = 5
)

// scan connects to every port of a list on one address.
func scan(ctx context.Context, from gate.Dialer, address string, ports []int, timeout time.Duration) (scanResult, error) {
	began := time.Now()
	r := scanResult{Address: address, Counts: map[portState]int{}, Timeout: timeout, Asked: len(ports)}
	silent, err := r.sweep(ctx, from, ports, timeout)
	if n := len(silent); err == nil && n > 0 && n <= len(ports)/silentShare {
		// Where nearly every port answers, one that does not may have been late.
		r.Counts[portFiltered] -= n
		_, err = r.sweep(ctx, from, silent, lateFactor*timeout)
	}
	slices.Sort(r.Open)
	r.Took = time.Since(began)
	if err != nil {
		done := r.Counts[portOpen] + r.Counts[portClosed] + r.Counts[portFiltered]
		return r, fmt.Errorf("scan of %s ended after %d of %d ports: %w", address, done, len(ports), err)
	}
	r.Complete = true
	return r, nil
}

// sweep knocks at each port once and tells which ones nothing came back from.
func (r *scanResult) sweep(ctx context.Context, from gate.Dialer, ports []int, timeout time.Duration) (silent []int, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan int)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range min(scanParallel, len(ports)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for port := range work {
				state, err := knock(ctx, from, r.Address, port, timeout)
				if err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				r.Counts[state]++
				switch state {
				case portOpen:
					r.Open = append(r.Open, port)
				case portFiltered:
					silent = append(silent, port)
				}
				mu.Unlock()
			}
		}()
	}
feed:
	for _, p := range ports {
		select {
		case work <- p:
		case <-ctx.Done():
			break feed
		}
	}
	close(work)
	wg.Wait()
	return silent, context.Cause(ctx)
}

// knock tries one port. An error means that this machine could not ask.
func knock(ctx context.Context, from gate.Dialer, address string, port int, timeout time.Duration) (portState, error) {
	for try := 0; ; try++ {
		one, cancel := context.WithTimeout(ctx, timeout)
		conn, err := from.DialContext(one, "tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		cancel()
		if err == nil {
			_ = conn.Close()
			return portOpen, nil
		}
		state, ours := portStateOf(err)
		switch {
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case !ours:
			return state, nil
		case try >= 20:
			return "", fmt.Errorf("ask port %d: %w", port, err)
		}
		probe.Wait(ctx, 50*time.Millisecond)
	}
}

// portStateOf reads a failed connect; ours says that this machine lacks what
// a connect needs, which says nothing of the port.
func portStateOf(err error) (state portState, ours bool) {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return "", true
		}
	}
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) {
		return portClosed, false
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return portFiltered, false
	}
	text := strings.ToLower(err.Error())
	if strings.Contains(text, "refused") { // a dialer that does not pass the number on
		return portClosed, false
	}
	return portFiltered, false
}

// join adds the ports of a second scan of the same address.
func (r *scanResult) join(more scanResult) {
	r.Asked += more.Asked
	r.Took += more.Took
	r.Complete = r.Complete && more.Complete
	for state, n := range more.Counts {
		r.Counts[state] += n
	}
	r.Open = append(r.Open, more.Open...)
	slices.Sort(r.Open)
}

// control finds out whether an address answers at all: one of the ports that
// must be open has to be. It gives the time that a port may take.
func control(ctx context.Context, from gate.Dialer, address string, must []int) (pace, bool) {
	type answer struct {
		took time.Duration
		open bool
	}
	answers := make(chan answer, len(must))
	for _, p := range must {
		go func() {
			began := time.Now()
			state, err := knock(ctx, from, address, p, controlWait)
			answers <- answer{time.Since(began), err == nil && state == portOpen}
		}()
	}
	var took time.Duration
	found := false
	for range must {
		if a := <-answers; a.open {
			found = true
			took = max(took, a.took)
		}
	}
	return paceOf(took), found
}

// answersEverything tells a network that accepts a connection to any port, so
// that an open port means nothing.
func answersEverything(ctx context.Context, from gate.Dialer, address string, listens []int, timeout time.Duration) bool {
	asked := 0
	for _, p := range []int{47831, 52649, 58237, 61033, 63917} {
		if slices.Contains(listens, p) {
			continue
		}
		if state, err := knock(ctx, from, address, p, timeout); err != nil || state != portOpen {
			return false
		}
		asked++
	}
	return asked > 0
}
