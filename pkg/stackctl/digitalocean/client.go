// Package digitalocean owns how DigitalOcean's API (version 2) is asked: the calls
// that a server needs, their JSON, pages, limits and errors. It must not know what
// a project is, and never tells the token.
package digitalocean

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

// API is where DigitalOcean answers.
const API = "https://api.digitalocean.com"

const (
	callLimit = 30 * time.Second
	// most is how much of an answer is read, and mostPages how many of a list.
	most      = 4 << 20
	mostPages = 50
	// tries is how often a call is made that fails on their side, and mostPatience how
	// long is waited in all where the limit of calls is reached.
	tries        = 3
	mostPatience = 2 * time.Minute
	// mostMessage bounds what an error tells of their words, in runes.
	mostMessage = 300
)

// Client asks the API.
type Client struct {
	base, token string
	http        *http.Client
	pause       func(context.Context, time.Duration) error
}

// New returns a client; base is empty but for an API elsewhere.
func New(base, token string) *Client {
	if base == "" {
		base = API
	}
	return &Client{base: strings.TrimSuffix(base, "/"), token: token, pause: sleep, http: &http.Client{
		Timeout: callLimit,
		// A redirect would take the token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// errAbsent is what the API says of a thing that is not there.
var errAbsent = errors.New("it is not there")

// refusal is an answer that is no success.
type refusal struct {
	status int
	text   string
	wait   time.Duration // 429: until when
}

func (r *refusal) Error() string { return r.text }

// call makes one call and reads its answer into out, which may be nil. what says
// what it is for.
func (c *Client) call(ctx context.Context, what, method, path string, in, out any) error {
	body := []byte(nil)
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	patience := mostPatience
	for try := 1; ; try++ {
		err := c.once(ctx, method, path, body, out)
		said := new(refusal)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return stack.Interrupted(ctx, what)
		case errors.As(err, &said) && said.status == http.StatusTooManyRequests && said.wait <= patience:
			patience -= said.wait
			try-- // it was not looked at
			if err := c.pause(ctx, said.wait); err != nil {
				return stack.Interrupted(ctx, what)
			}
		case errors.Is(err, errAbsent) || !repeatable(method, said) || try == tries:
			return explain(what, err)
		default:
			if err := c.pause(ctx, time.Duration(try)*time.Second); err != nil {
				return stack.Interrupted(ctx, what)
			}
		}
	}
}

// repeatable reports whether a call that failed may be made again: one that makes
// something may have made it all the same.
func repeatable(method string, said *refusal) bool {
	return method != http.MethodPost && (said.status == 0 || said.status >= http.StatusInternalServerError)
}

func (c *Client) once(ctx context.Context, method, path string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("User-Agent", "stackctl")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if inner := new(url.Error); errors.As(err, &inner) {
			err = inner.Err
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	switch {
	case err != nil:
		return err
	case len(raw) > most:
		return fmt.Errorf("it answers with more than %d bytes", most)
	case resp.StatusCode == http.StatusNotFound:
		return errAbsent
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return c.refusal(resp, raw)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("its answer is no JSON that is known: %w", err)
	}
	return nil
}

// refusal reads why the API refuses, in its own words but for the token.
func (c *Client) refusal(resp *http.Response, raw []byte) error {
	r := &refusal{status: resp.StatusCode, text: resp.Status}
	var said struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &said) == nil && said.Message != "" {
		text := []rune(redact.Printable(strings.ReplaceAll(said.Message, c.token, "…")))
		r.text = fmt.Sprintf("%d %s", resp.StatusCode, string(text[:min(len(text), mostMessage)]))
	}
	r.wait = time.Second
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds >= 0 {
		r.wait = time.Duration(seconds) * time.Second
	}
	return r
}

// explain turns a failure into an error that says what to do.
func explain(what string, err error) error {
	said := new(refusal)
	switch {
	case errors.Is(err, errAbsent):
		return err
	case !errors.As(err, &said):
		return stack.Fault(stack.CauseUnreachable, what, err, "see whether this machine reaches "+API+", and run the same command again: it takes up what is there")
	case said.status == http.StatusUnauthorized:
		return stack.Fault(stack.CauseUsage, what, err, "the token is not valid: make one in DigitalOcean's control panel under API, and give it as DIGITALOCEAN_TOKEN or by token_secret")
	case said.status == http.StatusForbidden:
		return stack.Fault(stack.CauseUsage, what, err, "give the token the scopes for it: droplet, firewall, tag and ssh_key, and domain where the zone is there; read, create, update and delete of each")
	case said.status == http.StatusTooManyRequests:
		return stack.Fault(stack.CauseUnreachable, what, err, "wait until the limit of calls is over, and run the same command again: it takes up what is there")
	case said.status >= http.StatusInternalServerError:
		return stack.Fault(stack.CauseUnreachable, what, err, "see status.digitalocean.com, and run the same command again: it takes up what is there")
	}
	return stack.Fault(stack.CauseUsage, what, err, "correct host_from of the target in stackctl.yaml")
}

// pages reads a list to its end; read takes a page and returns how many it had.
func (c *Client) pages(ctx context.Context, what, path string, page func() (into any, take func())) error {
	sign := "?"
	if strings.Contains(path, "?") {
		sign = "&"
	}
	for n := 1; n <= mostPages; n++ {
		into, take := page()
		links := struct {
			Links struct {
				Pages struct {
					Next string `json:"next"`
				} `json:"pages"`
			} `json:"links"`
		}{}
		var raw json.RawMessage
		if err := c.call(ctx, what, http.MethodGet, fmt.Sprintf("%s%sper_page=200&page=%d", path, sign, n), nil, &raw); err != nil {
			return err
		}
		if err := errors.Join(json.Unmarshal(raw, into), json.Unmarshal(raw, &links)); err != nil {
			return stack.Fault(stack.CauseUnreachable, what, err, "")
		}
		if take(); links.Links.Pages.Next == "" {
			return nil
		}
	}
	return stack.Fault(stack.CauseUnreachable, what, fmt.Errorf("the list has more than %d pages", mostPages), "")
}
