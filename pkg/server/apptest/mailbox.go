package apptest

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Mailbox is a mail server on loopback that keeps what it gets.
type Mailbox struct {
	listener net.Listener
	mu       sync.Mutex
	letters  []Letter
	refuse   bool
	hold     chan struct{}
}

// Letter is one mail that arrived.
type Letter struct {
	To      string
	Subject string
	Text    string
	HTML    string
	Header  mail.Header
	// Raw is the mail as it came over the wire.
	Raw string
}

// Mailbox starts a mail server and points the site's roles at it; call it
// before Start.
func (s *Site) Mailbox() *Mailbox {
	s.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	m := &Mailbox{listener: listener}
	s.t.Cleanup(m.Stop)
	go m.serve(listener)
	host, port, _ := net.SplitHostPort(listener.Addr().String())
	s.Env["SMTP_HOST"], s.Env["SMTP_PORT"], s.Env["SMTP_TLS"] = host, port, "none"
	return m
}

// Refuse lets the server refuse mails, or take them again.
func (m *Mailbox) Refuse(refuse bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = refuse
}

// Hold lets a mail that comes wait for the returned function.
func (m *Mailbox) Hold() (release func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hold = make(chan struct{})
	return sync.OnceFunc(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		close(m.hold)
		m.hold = nil
	})
}

// Stop closes the port.
func (m *Mailbox) Stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.listener.Close()
}

// Start opens the port again.
func (m *Mailbox) Start() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	listener, err := net.Listen("tcp", m.listener.Addr().String())
	if err != nil {
		return err
	}
	m.listener = listener
	go m.serve(listener)
	return nil
}

// To returns the letters to an address, the oldest first.
func (m *Mailbox) To(address string) []Letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Letter
	for _, l := range m.letters {
		if l.To == address {
			found = append(found, l)
		}
	}
	return found
}

// Await waits for the nth letter to an address whose subject has a word.
func (s *Site) Await(m *Mailbox, address, word string, n int) Letter {
	s.t.Helper()
	var found []Letter
	s.Wait(fmt.Sprintf("letter %d to %s about %q", n, address, word), func() bool {
		found = nil
		for _, l := range m.To(address) {
			if strings.Contains(l.Subject, word) {
				found = append(found, l)
			}
		}
		return len(found) >= n
	})
	return found[n-1]
}

// Settled waits until no job of a kind is due or runs.
func (s *Site) Settled(kind string) {
	s.t.Helper()
	s.Wait("the jobs of kind "+kind+" to end", func() bool {
		var open int
		err := s.DB.SQL.Get(&open, `SELECT count(*) FROM river_job WHERE kind = $1 AND finalized_at IS NULL AND scheduled_at <= now() + interval '1 minute'`, kind)
		return err == nil && open == 0
	})
}

// All returns every letter that came, the oldest first.
func (m *Mailbox) All() []Letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.letters)
}

var tokenPattern = regexp.MustCompile(`https?://\S+#token=(\S+)`)

// Token finds the token in a letter's link.
func (l Letter) Token(t testing.TB) string {
	t.Helper()
	m := tokenPattern.FindStringSubmatch(l.Text)
	if m == nil {
		t.Fatalf("no link in %q", l.Text)
	}
	return m[1]
}

func (m *Mailbox) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go m.talk(conn)
	}
}

// talk speaks just enough SMTP (RFC 5321).
func (m *Mailbox) talk(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	say := func(line string) { _, _ = fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 mailbox")
	to := ""
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb := strings.ToUpper(line)
		switch {
		case strings.HasPrefix(verb, "RCPT TO:"):
			m.mu.Lock()
			refuse, hold := m.refuse, m.hold
			m.mu.Unlock()
			if hold != nil {
				<-hold
			}
			if refuse {
				say("451 try again later")
				continue
			}
			to = strings.Trim(strings.Fields(line[8:])[0], "<>")
			say("250 ok")
		case strings.HasPrefix(verb, "DATA"):
			say("354 go on")
			m.keep(to, in)
			say("250 ok")
		case strings.HasPrefix(verb, "QUIT"):
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (m *Mailbox) keep(to string, in *bufio.Reader) {
	var raw strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == ".\r\n" {
			break
		}
		raw.WriteString(strings.TrimPrefix(line, "."))
	}
	letter := read(raw.String())
	letter.To = to
	m.mu.Lock()
	defer m.mu.Unlock()
	m.letters = append(m.letters, letter)
}

// read takes a mail apart: its subject, its text and the same as HTML. What is
// not made of these two has neither.
func read(raw string) Letter {
	letter := Letter{Raw: raw}
	msg, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		return letter
	}
	letter.Header = msg.Header
	if letter.Subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		letter.Subject = msg.Header.Get("Subject")
	}
	kind, params, _ := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if kind != "multipart/alternative" {
		return letter
	}
	for parts := multipart.NewReader(msg.Body, params["boundary"]); ; {
		part, err := parts.NextPart() // decodes quoted-printable
		if err != nil {
			return letter
		}
		text, _ := io.ReadAll(part)
		switch kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type")); kind {
		case "text/plain":
			letter.Text = string(text)
		case "text/html":
			letter.HTML = string(text)
		}
	}
}
