package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

const (
	timingArtifact = "auth-timing.json"
	// pairsTime bounds the sampling where the server is loaded; an idle one
	// takes a few seconds.
	pairsTime = 100 * time.Second
	attempts  = 200
	// friendly is how many wrong logins follow a right one at most.
	friendly = 4
)

// Guessing compares times and counts attempts. It runs by itself, so that
// no other gate's load is in its figures and its attempts spoil no other gate.
func Guessing() gate.Gate {
	return gate.Gate{
		Rules: Rules,
		ID:    "G4", Name: "guessing", Phase: stack.PhasePost, Slow: true, Mutates: true, Alone: true, Budget: 4 * time.Minute,
		Question:  "Does the time of a login tell whether an account exists, and is guessing slowed down?",
		Refs:      []string{"SPEC A4", "SPEC A5", "ASVS 6.3.8", "ASVS 6.3.1"},
		Inspects:  "times of 20 to 160 pairs of refused logins, one for a known and one for an unknown account; wrong logins until one is refused with 429",
		Artifacts: []string{timingArtifact},
		Check:     guessingCheck,
	}
}

func guessingCheck(ctx context.Context, s gate.Subject) (gate.Answer, error) {
	if absent(s) {
		return gate.Answer{Skip: none}, nil
	}
	r, err := newAuthRun(s)
	if err != nil {
		return gate.Answer{}, err
	}
	defer r.http.CloseIdleConnections()
	word := map[string]any{}
	timing, err := r.timing(ctx)
	word["timing"] = timing
	var limit limit
	if err == nil && r.conf.Attempts >= 0 {
		limit, err = r.tooMany(ctx)
		word["attempts"] = limit
	}
	word["accounts_remaining"] = r.cleanUp(ctx)
	for i := range r.findings {
		r.findings[i].Evidence = timingArtifact
	}
	a := gate.Answer{Inspected: len(timing.Known) + len(timing.Unknown) + limit.Made, Of: "refused logins", Findings: r.findings, Attempts: r.attempts}
	if keep := probe.JSON(s, timingArtifact, word); err == nil {
		err = keep
	}
	return a, err
}

// timing measures refused logins for a known and for unknown accounts, in
// pairs of random order, and compares the two distributions.
func (r *run) timing(ctx context.Context) (timing, error) {
	m := timing{}
	known, err := r.newAccount(ctx)
	if err != nil {
		return m, err
	}
	before := r.cpu(ctx)
	b := r.browser()
	if _, err := b.csrf(ctx, "compare times: token"); err != nil {
		return m, err
	}
	deadline := time.Now().Add(pairsTime)
	least, most := looks[0], looks[len(looks)-1]
	for pair := 0; pair <= most && time.Now().Before(deadline); pair++ {
		if pair%friendly == 0 { // sites forget wrong passwords at a right one
			if err := r.familiarize(ctx, b, known); err != nil {
				return m, err
			}
		}
		times, err := r.timePair(ctx, b, &known)
		if errors.Is(err, errAuthLimited) {
			break
		}
		if err != nil {
			return m, err
		}
		if pair == 0 {
			continue // opens connections, fills caches
		}
		m.Known, m.Unknown = append(m.Known, times[0]), append(m.Unknown, times[1])
		if m.enough() {
			break
		}
	}
	m.Steal = steal(before, r.cpu(ctx))
	if len(m.Known) < least {
		return m, fmt.Errorf("compare login times: only %d pairs of samples before a rate limit or the time ran out, %d are needed", len(m.Known), least)
	}
	m.judge()
	return m, r.tell(m)
}

// familiarize logs an account in rightly and ends with a browser that has no
// session, but every other cookie: a site may know the device of a user, and
// bound the wrong passwords from others alone.
func (r *run) familiarize(ctx context.Context, b *browser, known account) error {
	if _, err := b.logIn(ctx, "log in rightly", known); err != nil {
		return err
	}
	delete(b.cookies, r.conf.Cookie)
	_, err := b.csrf(ctx, "compare times: token")
	return err
}

// tell reports what the times show. CPU time that a hypervisor stole makes
// pairs noisy, not unfair: it is recorded, and costs more pairs.
func (r *run) tell(m timing) error {
	if m.Differs {
		r.find(timingRule, "POST "+r.conf.Login, "the time of a refused login tells whether an account exists",
			fmt.Sprintf("at most %.1f ms apart (false alarms: at most 21 in 10,000 runs)", m.Bound),
			fmt.Sprintf("known accounts take %.1f ms more than unknown ones (medians %.1f and %.1f ms) over %d pairs (p = %.2g)", m.ApartMS, m.KnownMS, m.UnknownMS, len(m.Known), m.P),
			"hash a password of the same cost for unknown accounts too")
		return nil
	}
	if m.Sees > m.tolerable() {
		return fmt.Errorf("compare login times: too noisy over %d pairs; only a difference of %.0f ms would have been seen, %.0f ms is needed (a login takes %.0f ms; %.0f %% of the CPU time was stolen)",
			len(m.Known), m.Sees, m.tolerable(), max(m.KnownMS, m.UnknownMS), m.Steal*100)
	}
	return nil
}

var errAuthLimited = errors.New("rate limit")

// newAccount signs a fresh account up.
func (r *run) newAccount(ctx context.Context) (account, error) {
	account, err := r.account()
	if err != nil {
		return account, err
	}
	b := r.browser()
	if _, err := b.csrf(ctx, "sign up: token"); err != nil {
		return account, err
	}
	reply, err := b.send(ctx, request{step: "sign up", method: http.MethodPost, path: r.conf.SignUp, body: r.credentials(r.conf.SignUp, account)})
	if err != nil {
		return account, err
	}
	if reply.Status/100 != 2 {
		return account, fmt.Errorf("sign up an account: answered %d", reply.Status)
	}
	r.accounts = append(r.accounts, account)
	return account, nil
}

// timePair measures one login each, the known account first or last by turns
// that no period of the server can follow.
func (r *run) timePair(ctx context.Context, b *browser, known *account) ([2]float64, error) {
	var times [2]float64
	unknown, err := r.account()
	if err != nil {
		return times, err
	}
	order := []int{0, 1}
	if unknown.password[5] >= '8' { // a random hex digit
		order = []int{1, 0}
	}
	for _, side := range order {
		account := unknown
		if side == 0 {
			account.email = known.email
		}
		took, err := r.timeOne(ctx, b, account)
		if errors.Is(err, errAuthLimited) && side == 0 && len(r.accounts) < 6 {
			// The limit may be the account's own: go on with another one.
			if *known, err = r.newAccount(ctx); err != nil {
				return times, err
			}
			account.email = known.email
			took, err = r.timeOne(ctx, b, account)
		}
		if err != nil {
			return times, err
		}
		times[side] = took
	}
	return times, nil
}

// timeOne is the time of one refused login in milliseconds.
func (r *run) timeOne(ctx context.Context, b *browser, account account) (float64, error) {
	q := request{step: "time a refused login", method: http.MethodPost, path: r.conf.Login, body: r.credentials(r.conf.Login, account), limit: true}
	for try := 0; ; try++ {
		reply, err := b.send(ctx, q)
		if err != nil {
			return 0, err
		}
		switch {
		case reply.Status == http.StatusTooManyRequests:
			if wait, err := strconv.Atoi(reply.Header.Get("Retry-After")); try >= tries || err == nil && wait > patience {
				return 0, errAuthLimited
			}
			if !probe.Pause(ctx, reply.Header, time.Second) {
				return 0, ctx.Err()
			}
		case reply.Status == http.StatusForbidden && try < 3:
			if _, err := b.csrf(ctx, "compare times: new token"); err != nil {
				return 0, err
			}
		case reply.Status/100 == 4:
			return float64(reply.Took.Microseconds()) / 1000, nil
		default:
			return 0, fmt.Errorf("compare login times: a wrong password was answered with %d", reply.Status)
		}
	}
}

// limit is how guessing was slowed down.
type limit struct {
	Made       int    `json:"made"`
	Most       int    `json:"most"`
	Limited    bool   `json:"limited"`
	RetryAfter string `json:"retry_after,omitempty"`
	// Spoofed counts the requests with a made-up client address after the limit,
	// SpoofedLimited those of them that were refused.
	Spoofed        int `json:"spoofed"`
	SpoofedLimited int `json:"spoofed_limited"`
}

// tooMany guesses passwords of one account until it is told to stop.
func (r *run) tooMany(ctx context.Context) (limit, error) {
	l := limit{Most: r.conf.Attempts}
	if l.Most == 0 {
		l.Most = attempts
	}
	account, err := r.account()
	if err != nil {
		return l, err
	}
	b := r.browser()
	if _, err := b.csrf(ctx, "too many attempts: token"); err != nil {
		return l, err
	}
	subject := "POST " + r.conf.Login
	for l.Made < l.Most && !l.Limited {
		for _, reply := range r.burst(ctx, b, account, min(4, l.Most-l.Made), "") {
			l.Made++
			if reply.Status == http.StatusTooManyRequests {
				l.Limited, l.RetryAfter = true, reply.Header.Get("Retry-After")
			}
		}
		if ctx.Err() != nil {
			return l, ctx.Err()
		}
	}
	if !l.Limited {
		r.find(rateLimitRule, subject, "guessing is not slowed down", fmt.Sprintf("429 within %d wrong logins for one account", l.Most), "none", "limit wrong logins per account and per network")
		return l, nil
	}
	if l.RetryAfter == "" {
		r.find(retryAfterRule, subject, "429 without Retry-After", "Retry-After", "not there", "say when to try again")
	}
	for _, reply := range r.burst(ctx, b, account, 8, "198.51.100.") {
		l.Spoofed++
		if reply.Status == http.StatusTooManyRequests {
			l.SpoofedLimited++
		}
	}
	if l.Spoofed == 8 && l.SpoofedLimited == 0 {
		r.find(rateLimitRule, subject, "a made-up client address escapes the limit", "429 for the same client", "none of 8 refused", "trust forwarded headers from the edge alone")
	}
	return l, nil
}

// claimed are the headers in which proxies tell a client's address. An application
// that believes any of them from everybody is told whatever suits.
func claimed(address string) http.Header {
	h := http.Header{"Forwarded": {"for=" + address}}
	for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Originating-Ip", "X-Remote-Addr",
		"True-Client-Ip", "Cf-Connecting-Ip", "Fastly-Client-Ip", "Fly-Client-Ip", "X-Azure-Clientip"} {
		h.Set(name, address)
	}
	return h
}

// burst sends n wrong logins at once. Transport errors are no answers: the
// caller sees fewer replies.
func (r *run) burst(ctx context.Context, b *browser, account account, n int, spoof string) []reply {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var replies []reply
	body := r.credentials(r.conf.Login, account)
	for i := range n {
		wg.Go(func() {
			q := request{method: http.MethodPost, path: r.conf.Login, body: body}
			if spoof != "" {
				q.header = claimed(spoof + strconv.Itoa(i+1))
			}
			one, cancel := context.WithTimeout(ctx, 15*time.Second)
			defer cancel()
			req, err := b.request(one, q)
			if err != nil {
				return
			}
			p, err := probe.Do(r.http, req, 64<<10)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			replies = append(replies, reply{Reply: p})
		})
	}
	wg.Wait()
	return replies
}

// cpu are the counters of the server's CPU time; nil where they cannot be read.
func (r *run) cpu(ctx context.Context) []float64 {
	if r.s.Server == nil {
		return nil
	}
	out, err := r.s.Server.Run(ctx, "cat", "/proc/stat")
	if err != nil || out.Exit != 0 {
		return nil
	}
	line, _, _ := strings.Cut(string(out.Stdout), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return nil
	}
	var counters []float64
	for _, f := range fields[1:9] {
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return nil
		}
		counters = append(counters, n)
	}
	return counters
}

// steal is the share of CPU time that the hypervisor took, 0 to 1.
func steal(before, after []float64) float64 {
	if len(before) != 8 || len(after) != 8 {
		return 0
	}
	total := 0.0
	for i := range after {
		total += after[i] - before[i]
	}
	if total <= 0 {
		return 0
	}
	return (after[7] - before[7]) / total
}
