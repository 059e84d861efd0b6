package apptest

import (
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy stands between a client and a server and makes the way slow.
type Proxy struct {
	Addr  string
	delay atomic.Int64
}

// NewProxy starts a proxy before an address. It ends with the test.
func NewProxy(t testing.TB, to string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	p := &Proxy{Addr: listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.join(conn, to)
		}
	}()
	return p
}

// Delay makes every answer come so much later.
func (p *Proxy) Delay(d time.Duration) { p.delay.Store(int64(d)) }

func (p *Proxy) join(client net.Conn, to string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go p.copy(server, client, false)
	p.copy(client, server, true)
}

func (p *Proxy) copy(to, from net.Conn, late bool) {
	defer func() { _ = to.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if late {
			time.Sleep(time.Duration(p.delay.Load()))
		}
		if _, werr := to.Write(buffer[:n]); err != nil || werr != nil {
			return
		}
	}
}
