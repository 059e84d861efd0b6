// Command dns is the sandbox's DNS server where a site has several servers: it
// answers every name with all their addresses, another one first each time, so
// that who takes the first reaches each in turn. It must not know what a name is of.
package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, errs io.Writer) int {
	flags := flag.NewFlagSet("dns", flag.ContinueOnError)
	flags.SetOutput(errs)
	listen := flags.String("listen", ":8053", "`address` that is asked, by UDP and TCP")
	list := flags.String("addresses", "", "the IPv4 `addresses` of every name, separated by commas")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	z, err := newZone(*list)
	if err != nil {
		fmt.Fprintln(errs, "dns:", err)
		return 2
	}
	conn, err := net.ListenPacket("udp", *listen)
	if err == nil {
		var l net.Listener
		if l, err = net.Listen("tcp", *listen); err == nil {
			go z.serveTCP(l)
			err = z.serve(conn)
		}
	}
	fmt.Fprintln(errs, "dns:", err)
	return 1
}

// zone is what every name resolves to.
type zone struct {
	addresses []netip.Addr

	mu    sync.Mutex
	first int
}

func newZone(list string) (*zone, error) {
	z := &zone{}
	for text := range strings.SplitSeq(list, ",") {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, err
		}
		if !a.Is4() {
			return nil, fmt.Errorf("%s is no IPv4 address", a)
		}
		z.addresses = append(z.addresses, a)
	}
	return z, nil
}

// serve answers until the connection ends. What is no question gets no answer.
func (z *zone) serve(conn net.PacketConn) error {
	question := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(question)
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			continue
		}
		if answer, err := z.answer(question[:n]); err == nil {
			_, _ = conn.WriteTo(answer, from) // who does not hear it asks again
		}
	}
}

// silent is how long a TCP connection may say nothing.
const silent = 10 * time.Second

// serveTCP answers questions on connections, each message after its length (RFC
// 1035, section 4.2.2), until the listener ends.
func (z *zone) serveTCP(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			for z.exchange(conn) == nil {
			}
		}()
	}
}

// exchange answers one message of a connection.
func (z *zone) exchange(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(silent)); err != nil {
		return err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	message := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, message); err != nil {
		return err
	}
	answer, err := z.answer(message)
	if err != nil {
		return err
	}
	_, err = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	return err
}

// answer is the answer to one message: all addresses where they were asked for,
// and nothing of any other type.
func (z *zone) answer(message []byte) ([]byte, error) {
	var p dnsmessage.Parser
	header, err := p.Start(message)
	if err != nil {
		return nil, err
	}
	q, err := p.Question()
	if err != nil {
		return nil, err
	}
	if header.Response {
		return nil, errors.New("it is an answer")
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: header.ID, Response: true, Authoritative: true, RecursionDesired: header.RecursionDesired, RecursionAvailable: true})
	if err := errors.Join(b.StartQuestions(), b.Question(q), b.StartAnswers()); err != nil {
		return nil, err
	}
	if q.Type == dnsmessage.TypeA && q.Class == dnsmessage.ClassINET {
		z.mu.Lock()
		defer z.mu.Unlock()
		for i := range z.addresses {
			a := z.addresses[(z.first+i)%len(z.addresses)].As4()
			if err := b.AResource(dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}, dnsmessage.AResource{A: a}); err != nil {
				return nil, err
			}
		}
		z.first = (z.first + 1) % len(z.addresses)
	}
	return b.Finish()
}
