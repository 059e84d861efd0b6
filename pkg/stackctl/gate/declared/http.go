package declared

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"

	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
)

const (
	parallel  = 3
	bodyLimit = 1 << 20
	// secretLimit bounds a file with a header's value.
	secretLimit = 16 << 10
)

// place is where a declared request is sent.
type place struct {
	label, url string
	client     *http.Client
}

// reply is one answer, or why there was none.
type reply struct {
	probe.Reply
	attempts []stack.Attempt
	err      error
}

func (l *look) http(ctx context.Context, h stack.OwnHTTP) error {
	secrets, err := secrets(h)
	if err != nil {
		return err
	}
	places, err := l.places(ctx, h)
	if err != nil {
		return err
	}
	for _, p := range places {
		l.looked("%s, %d times", p.label, h.Samples)
		replies := l.sample(ctx, h, p, secrets)
		p.client.CloseIdleConnections()
		if ctx.Err() != nil {
			return fmt.Errorf("ask %s: %w", p.label, ctx.Err())
		}
		if err := l.judgeReplies(h, p, replies); err != nil {
			return err
		}
	}
	return nil
}

// secrets reads the headers whose values are in files.
func secrets(h stack.OwnHTTP) (map[string]string, error) {
	out := map[string]string{}
	for name, file := range h.HeaderFiles {
		name = textproto.CanonicalMIMEHeaderKey(name)
		raw, err := given.Read(file, given.Most)
		value := strings.TrimSpace(string(raw))
		switch {
		case err != nil:
			return nil, fmt.Errorf("read the header %s: %w", name, err)
		case value == "" || len(value) > secretLimit || !httpguts.ValidHeaderFieldValue(value):
			return nil, fmt.Errorf("read the header %s: %s holds no header's value on one line", name, file)
		}
		out[name] = value
	}
	return out, nil
}

// places are the containers, or the edge, that are asked.
func (l *look) places(ctx context.Context, h stack.OwnHTTP) ([]place, error) {
	host := probe.Host(l.s, stack.HealthEndpoint{Host: h.Host})
	path := l.words.Replace(h.Path)
	switch {
	case h.Service != "":
		return l.inside(ctx, h, h.Service, h.Port, host, path)
	case l.o.Phase == stack.PhasePre:
		bare, query, asked := strings.Cut(path, "?")
		route, bare, err := probe.Route(l.s, host, bare)
		if err != nil {
			return nil, err
		}
		if asked {
			bare += "?" + query
		}
		return l.inside(ctx, h, route.Service, route.Port, host, bare)
	}
	client, err := l.edge(h.Scheme)
	u := h.Scheme + "://" + host + path
	return []place{{h.Method + " " + u, u, client}}, err
}

func (l *look) inside(ctx context.Context, h stack.OwnHTTP, service string, port int, host, path string) ([]place, error) {
	containers, err := l.containers(ctx, service)
	if err != nil {
		return nil, err
	}
	var out []place
	for _, c := range containers {
		client, err := probe.Inside(l.s, c, port)
		if err != nil {
			return nil, err
		}
		label := fmt.Sprintf("%s %s on %s", h.Method, path, service)
		if len(containers) > 1 {
			label += " (" + c.Name + ")"
		}
		out = append(out, place{label, "http://" + host + path, client})
	}
	return out, nil
}

// edge is a client that dials the edge's address, whatever host the URL names.
func (l *look) edge(scheme string) (*http.Client, error) {
	if scheme == "https" {
		return probe.Edge(l.s)
	}
	if l.s.Outside == nil {
		return nil, errors.New("look from outside: no dialer given")
	}
	address := edge(l.s.Target, l.s.Target.Edge.HTTPPort, 80)
	return probe.Client(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return l.s.Outside.DialContext(ctx, network, address)
	}, nil), nil
}

// edge is the edge's address with a port, or the usual one.
func edge(t stack.Target, port, usual int) string {
	if port == 0 {
		port = usual
	}
	return net.JoinHostPort(cmp.Or(t.Edge.Address, t.Host), strconv.Itoa(port))
}

// sample asks as often as is declared, few at a time. Where three requests
// get no answer the verdict cannot change any more.
func (l *look) sample(ctx context.Context, h stack.OwnHTTP, p place, secrets map[string]string) []reply {
	ctx, cancel := context.WithTimeout(ctx, wall)
	defer cancel()
	var (
		mu      sync.Mutex
		all     sync.WaitGroup
		begun   int
		dead    int
		replies []reply
	)
	next := func() bool {
		mu.Lock()
		defer mu.Unlock()
		if begun >= h.Samples || dead >= 3 || ctx.Err() != nil {
			return false
		}
		begun++
		return true
	}
	for range min(parallel, h.Samples) {
		all.Go(func() {
			for next() {
				r := l.ask(ctx, h, p, secrets)
				mu.Lock()
				replies = append(replies, r)
				if r.err != nil {
					dead++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return replies
}

// ask makes one request. An answer of 429 that is not asked for comes from a
// rate limit: the request is made again, and the attempt is recorded.
func (l *look) ask(ctx context.Context, h stack.OwnHTTP, p place, secrets map[string]string) (out reply) {
	for try := 0; ; try++ {
		one, cancel := context.WithTimeout(ctx, h.Timeout)
		req, err := http.NewRequestWithContext(one, h.Method, p.url, strings.NewReader(l.words.Replace(h.Body)))
		if err != nil {
			cancel()
			out.err = err
			return out
		}
		req.Header.Set("User-Agent", "stackctl-gate")
		for name, value := range h.Headers {
			req.Header.Set(name, l.words.Replace(value))
		}
		for name, value := range secrets {
			req.Header.Set(name, value)
		}
		out.Reply, out.err = probe.Do(p.client, req, bodyLimit)
		cancel()
		limited := out.err == nil && out.Status == http.StatusTooManyRequests && !slices.Contains(h.Expect.Status, http.StatusTooManyRequests)
		if !limited || try == 3 || l.o.Mutates != nil && *l.o.Mutates {
			return out
		}
		out.attempts = append(out.attempts, stack.Attempt{At: time.Now(), Result: p.label + " answered 429, asked again"})
		if !probe.Pause(ctx, out.Header, 500*time.Millisecond) {
			return out
		}
	}
}

func (l *look) judgeReplies(h stack.OwnHTTP, p place, replies []reply) error {
	if len(replies) < h.Samples {
		l.expect(p.label, fmt.Sprintf("%d answers within %s", h.Samples, wall), strconv.Itoa(len(replies)), false)
	}
	var took []time.Duration
	failed := 0
	for _, r := range replies {
		l.record.Attempts = append(l.record.Attempts, r.attempts...)
		if r.err != nil {
			failed++
			l.record.Failures[probe.Reason(r.err)]++
			l.expect(p.label, "an answer", probe.Reason(r.err), false)
			continue
		}
		took = append(took, r.Took)
		if err := l.judgeReply(h, p, r.Reply); err != nil {
			return err
		}
	}
	l.latency(h, p, took, failed)
	return nil
}

func (l *look) judgeReply(h stack.OwnHTTP, p place, r probe.Reply) error {
	e := h.Expect
	l.record.Seen[p.label] = fmt.Sprintf("%d, %d bytes, in %s", r.Status, len(r.Body), r.Took.Round(time.Millisecond))
	if len(e.Status) > 0 {
		l.expect(p.label+" status", statuses(e.Status), strconv.Itoa(r.Status), slices.Contains(e.Status, r.Status))
	}
	for _, m := range e.Headers {
		var values []any
		if lines := r.Header.Values(m.Name); len(lines) > 0 {
			values = append(values, strings.Join(lines, ", "))
		}
		if err := l.some(p.label+" header "+textproto.CanonicalMIMEHeaderKey(m.Name), m.Match, values); err != nil {
			return err
		}
	}
	if (e.Body != nil || len(e.JSON) > 0) && r.Cut {
		l.expect(p.label+" body", fmt.Sprintf("at most %d bytes", bodyLimit), "more", false)
		return nil
	}
	if e.Body != nil {
		if err := l.some(p.label+" body", *e.Body, []any{string(r.Body)}); err != nil {
			return err
		}
	}
	return l.jsonAll(p.label, r.Body, e.JSON)
}

func statuses(list []int) string {
	var words []string
	for _, s := range list {
		words = append(words, strconv.Itoa(s))
	}
	return strings.Join(words, " or ")
}

// latency judges the 95th percentile of what was answered; no answer is no
// fast answer, and a finding already.
func (l *look) latency(h stack.OwnHTTP, p place, took []time.Duration, failed int) {
	if len(took) == 0 || h.Expect.P95 == 0 {
		return
	}
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	lat := stack.Latency{Endpoint: p.label, Samples: took, P50: took[(len(took)+1)/2-1], P95: took[probe.Rank(len(took))-1],
		Max: took[len(took)-1], Threshold: h.Expect.P95, Errors: failed}
	l.record.Latency = &lat
	l.answer.Latencies = append(l.answer.Latencies, lat)
	l.expect(p.label+" latency", fmt.Sprintf("95th percentile at most %s", h.Expect.P95),
		fmt.Sprintf("%s over %d samples (slowest %s)", lat.P95.Round(time.Millisecond), len(took), lat.Max.Round(time.Millisecond)), lat.P95 <= h.Expect.P95)
}
