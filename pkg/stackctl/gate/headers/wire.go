package headers

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// Bounds of one request.
const (
	askWall = 10 * time.Second
	// insidePortWall bounds the asking of a port that should not answer.
	insidePortWall = 1500 * time.Millisecond
	askBodyLimit   = 512 << 10
	askParallel    = 8
)

// ask is one request, written to the wire byte by byte: a client library
// would clean the paths and headers that are the point of it.
type ask struct {
	label  string // stable, for findings and headers.json
	method string
	path   string
	host   string
	sni    string   // host where it is empty
	lines  []string // header lines as they go out
	plain  bool     // port 80
	inside bool     // from the server, to the edge's container
	port   int      // another port of the edge's container
	// close replaces the Connection header's value.
	close string
	// h2 asks over HTTP/2.
	h2 bool
}

// reply is one answer.
type reply struct {
	status int
	header http.Header
	body   []byte
	local  net.Addr
	err    error
}

func (r reply) values(name string) []string { return r.header.Values(name) }

func (r reply) html() bool { return strings.Contains(r.header.Get("Content-Type"), "text/html") }

// wire sends asks.
type wire struct {
	s gate.Subject
	// edge is the address of the edge's container, as the server reaches it.
	edge string
	slot chan struct{}
	// read looks for secrets in what comes; nil: nobody does.
	read *reader

	mu  sync.Mutex
	log []entry
}

// entry is one exchange in headers.json: no bodies, no credentials.
type entry struct {
	Ask     string      `json:"ask"`
	From    string      `json:"from"`
	Method  string      `json:"method"`
	Host    string      `json:"host"`
	Path    string      `json:"path"`
	Status  int         `json:"status,omitempty"`
	Headers http.Header `json:"headers,omitempty"`
	Error   string      `json:"error,omitempty"`
}

func newHeaderWire(ctx context.Context, s gate.Subject) (*wire, error) {
	w := &wire{s: s, slot: make(chan struct{}, askParallel), read: newReader(s.Release.Known)}
	if s.Outside == nil {
		return nil, errors.New("no way to reach the site from outside")
	}
	if s.Server == nil {
		return nil, errors.New("no connection to the server")
	}
	containers, err := s.Server.Containers(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the host's containers: %w", err)
	}
	svc, _ := traefik.Service(s.Release, s.Config.Traefik)
	for _, c := range containers {
		if c.Service != svc.Name || c.Project != s.Release.Project || c.State != "running" {
			continue
		}
		names := make([]string, 0, len(c.Addresses))
		for n := range c.Addresses {
			names = append(names, n)
		}
		slices.Sort(names)
		for _, n := range names {
			if c.Addresses[n] != "" {
				w.edge = c.Addresses[n]
				return w, nil
			}
		}
	}
	return w, nil
}

// send makes one exchange.
func (w *wire) send(ctx context.Context, a ask) reply {
	w.slot <- struct{}{}
	defer func() { <-w.slot }()
	r := w.exchange(ctx, a)
	w.read.look(a, r)
	e := entry{Ask: a.label, From: "outside", Method: a.method, Host: a.host, Path: a.path, Status: r.status, Headers: shownHeaders(r.header)}
	if a.inside {
		e.From = "server"
	}
	if r.err != nil {
		e.Error = probe.Shown(r.err.Error())
	}
	w.mu.Lock()
	w.log = append(w.log, e)
	w.mu.Unlock()
	return r
}

// shownHeaders leaves out what carries tokens.
func shownHeaders(h http.Header) http.Header {
	out := h.Clone()
	for _, name := range []string{"Set-Cookie", "X-Csrf-Token", "Authorization"} {
		if out.Get(name) != "" {
			out.Set(name, "(not shown)")
		}
	}
	return out
}

func (w *wire) exchange(ctx context.Context, a ask) (r reply) {
	ctx, cancel := context.WithTimeout(ctx, askWall)
	defer cancel()
	if a.h2 {
		return w.exchangeHTTP2(ctx, a)
	}
	conn, err := w.dial(ctx, a)
	if err != nil {
		return reply{err: err}
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(a.bytes()); err != nil {
		return reply{err: err}
	}
	res, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, askBodyLimit+64<<10)), &http.Request{Method: a.method})
	if err != nil {
		return reply{err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, askBodyLimit))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return reply{err: err}
	}
	return reply{status: res.StatusCode, header: res.Header, body: body, local: conn.LocalAddr()}
}

func (w *wire) dial(ctx context.Context, a ask) (net.Conn, error) {
	var conn net.Conn
	var err error
	t := w.s.Target
	switch {
	case a.inside && w.edge == "":
		return nil, errors.New("the edge's container has no address")
	case a.inside:
		conn, err = w.s.Server.DialContext(ctx, "tcp", net.JoinHostPort(w.edge, strconv.Itoa(a.port)))
	case a.port != 0:
		conn, err = w.s.Outside.DialContext(ctx, "tcp", probe.EdgeAddress(t, a.port, a.port))
	case a.plain:
		conn, err = w.s.Outside.DialContext(ctx, "tcp", probe.EdgeAddress(t, t.Edge.HTTPPort, 80))
	default:
		conn, err = w.s.Outside.DialContext(ctx, "tcp", probe.EdgeAddress(t, t.Edge.HTTPSPort, 443))
	}
	if err != nil || a.plain {
		return conn, err
	}
	sni := cmp.Or(a.sni, a.host)
	if net.ParseIP(sni) != nil {
		sni = ""
	}
	protocols := []string{"http/1.1"}
	if a.h2 {
		protocols = []string{"h2", "http/1.1"}
	}
	// Certificates are the question of gate G1.
	secure := tls.Client(conn, &tls.Config{ServerName: sni, InsecureSkipVerify: true, NextProtos: protocols}) //nolint:gosec // see above
	err = secure.HandshakeContext(ctx)
	if err == nil && a.h2 && secure.ConnectionState().NegotiatedProtocol != "h2" {
		err = errNoHTTP2
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

func (a ask) bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", cmp.Or(a.method, "GET"), a.path, a.host)
	fmt.Fprintf(&b, "User-Agent: stackctl-gate\r\nConnection: %s\r\n", cmp.Or(a.close, "close"))
	for _, l := range a.lines {
		b.WriteString(l + "\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// basic is the line of HTTP basic authentication (RFC 7617).
func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// visit collects what the looks find; they run side by side.
type visit struct {
	wire  *wire
	model traefik.Model
	nonce string

	mu    sync.Mutex
	seen  int
	out   []stack.Finding
	notes []string
	fails []error
}

// subject is what is looked at; nothing where only a document is judged.
func (g *visit) subject() gate.Subject {
	if g.wire == nil {
		return gate.Subject{}
	}
	return g.wire.s
}

func (g *visit) saw(n int) {
	g.mu.Lock()
	g.seen += n
	g.mu.Unlock()
}

func (g *visit) note(text string) {
	g.mu.Lock()
	g.notes = append(g.notes, text)
	g.mu.Unlock()
}

func (g *visit) fail(what string, err error) {
	g.mu.Lock()
	g.fails = append(g.fails, fmt.Errorf("%s: %w", what, err))
	g.mu.Unlock()
}

func (g *visit) finding(rule stack.Rule, subject, problem, expected, observed, fix string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := stack.Finding{Subject: subject, Rule: rule.ID, Problem: problem, Expected: expected, Observed: cmp.Or(probe.Shown(observed), "none"), Fix: fix, Evidence: "headers.json"}
	if !slices.ContainsFunc(g.out, func(o stack.Finding) bool { return o.Subject == f.Subject && o.Problem == f.Problem }) {
		g.out = append(g.out, f)
	}
}

// each runs a look for every item, side by side within the wire's bound.
func each[T any](items []T, look func(T)) {
	var wg sync.WaitGroup
	for _, it := range items {
		wg.Add(1)
		go func() {
			defer wg.Done()
			look(it)
		}()
	}
	wg.Wait()
}

// figures is what a page of metrics is called.
const figures = "metrics"

// insideSigns are what pages of the inside look like.
var insideSigns = []struct {
	what string
	sign *regexp.Regexp
}{
	{"the edge's API", regexp.MustCompile(`(?s)^\s*[\[{].*"(?:entryPoints|middlewares|routers)"\s*:.*`)},
	{"the edge's dashboard", regexp.MustCompile(`(?is)<title[^>]*>\s*Traefik`)},
	{figures, regexp.MustCompile(`(?m)^# (?:HELP|TYPE) \w+`)},
	{"a profiler", regexp.MustCompile(`(?i)Types of profiles available|full goroutine stack dump`)},
	{"process variables", regexp.MustCompile(`"memstats"\s*:`)},
	{"a repository", regexp.MustCompile(`(?m)^\[core\]|^ref: refs/heads/`)},
	{"an env file", regexp.MustCompile(`(?m)^[A-Z][A-Z0-9_]*(?:PASSWORD|SECRET|TOKEN|DOMAIN|HOST)[A-Z0-9_]*=`)},
}

// insidePage names what an answer reveals of the inside, or "".
func insidePage(r reply) string {
	if r.status < 200 || r.status > 299 {
		return ""
	}
	for _, s := range insideSigns {
		if s.sign.Match(r.body) {
			return s.what
		}
	}
	return ""
}
