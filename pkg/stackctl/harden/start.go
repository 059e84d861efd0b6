package harden

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

const (
	// settle is how long a service without a health check must run (SPEC N7).
	settle = 5 * time.Second
	// logLines is how many last lines of a start are read, lineMost how much of one.
	logLines, lineMost = 300, 400
	// logMost bounds what is read of a log.
	logMost = 256 << 10
	// answerMost bounds the answer of a route, answerIn how long it may take.
	answerMost, answerIn = 64 << 10, 10 * time.Second
	// askAgain is how long a route that does not answer is left alone.
	askAgain = 500 * time.Millisecond
)

// up starts services with what they need, and returns the one that did not get ready,
// and how it ended; empty: all did. An error is none of a service.
func (r *run) up(ctx context.Context, names []string, limit time.Duration) (failed string, o Outcome, err error) {
	file, err := r.stage.file(r.project, r.settings, r.calm)
	if err != nil {
		return "", o, fmt.Errorf("write the trial's compose file: %w", err)
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err = r.Server.Up(bounded, r.stage.name, file, names, nil)
	if ctx.Err() != nil {
		return "", o, ctx.Err()
	}
	if err != nil {
		if failed, o = r.culprit(ctx, err); failed != "" {
			return failed, o, r.mark(ctx)
		}
		return "", o, err
	}
	for _, name := range names {
		if problem := r.ready(bounded, name); problem != "" {
			if ctx.Err() != nil {
				return "", o, ctx.Err()
			}
			o, err = r.outcome(ctx, name, false)
			o.Last = problem + "; its last line: " + o.Last
			return name, o, errors.Join(err, r.mark(ctx))
		}
	}
	return "", o, nil
}

// culprit finds the service that a start failed for.
func (r *run) culprit(ctx context.Context, failure error) (string, Outcome) {
	if own := new(engine.ServiceError); errors.As(failure, &own) {
		o, err := r.outcome(ctx, own.Service, false)
		if err != nil || o.Last == "" {
			o.Last = own.Error()
		}
		if o.Problem = own.Problem; own.ExitCode != 0 {
			o.Problem += " with exit code " + strconv.Itoa(own.ExitCode)
		}
		if own.Output != "" {
			o.Log = append(o.Log, lines(own.Output)...)
			o.Last = lastOf(lines(own.Output), o.Last)
		}
		o.OutOfMemory = o.OutOfMemory || strings.Contains(own.Reason, "out of memory")
		return own.Service, o
	}
	containers, err := r.Server.Containers(ctx)
	if err != nil {
		return "", Outcome{}
	}
	for _, c := range containers {
		if c.Project != r.stage.name {
			continue
		}
		if why := r.inspected(ctx, c.ID).State.Error; why != "" { // the engine could not start it
			return c.Service, Outcome{Log: []string{why}, Last: why}
		}
	}
	return "", Outcome{}
}

// inspection is what is read of a container's description.
type inspection struct {
	Config struct{ User string }
	State  struct{ Error string }
}

func (r *run) inspected(ctx context.Context, id string) inspection {
	var i inspection
	if raw, err := r.Server.Inspect(ctx, id); err == nil {
		_ = json.Unmarshal(raw, &i) // what is not there is empty
	}
	return i
}

// mark notes since when the stage's containers run that Up did not wait for.
func (r *run) mark(ctx context.Context) error {
	containers, err := r.Server.Containers(ctx)
	for _, c := range containers {
		if _, known := r.since[c.ID]; c.Project == r.stage.name && c.State == "running" && !known {
			r.since[c.ID] = time.Now()
		}
	}
	return err
}

// ready waits until a service that Up has started has run for long enough and its
// routes answer, and returns what is wrong where they do not.
func (r *run) ready(ctx context.Context, name string) string {
	if r.project.services[name].OneShot {
		return ""
	}
	c, err := r.container(ctx, name)
	if err != nil {
		return err.Error()
	}
	if since, waits := r.since[c.ID]; waits && (c.Health == "none" || c.Health == "") {
		pause(ctx, settle-time.Since(since))
		if c, err = r.container(ctx, name); err != nil {
			return err.Error()
		}
	}
	if r.calm[name] && c.Restarts > 0 || c.State != "running" {
		return "it has ended"
	}
	for _, route := range r.routes(name) {
		if problem := r.answers(ctx, name, route); problem != "" {
			return problem
		}
	}
	return ""
}

func (r *run) container(ctx context.Context, name string) (stack.Container, error) {
	containers, err := r.Server.Containers(ctx)
	for _, c := range containers {
		if c.Project == r.stage.name && c.Service == name {
			return c, nil
		}
	}
	return stack.Container{}, errors.Join(err, errors.New("its container is gone"))
}

// routes are those that lead to a service.
func (r *run) routes(name string) []stack.RouteSpec {
	var out []stack.RouteSpec
	for _, route := range r.Config.Routes {
		if route.Service == name && route.Port > 0 {
			out = append(out, route)
		}
	}
	for _, route := range r.Release.Edge.Routes {
		same := func(o stack.RouteSpec) bool { return o.Port == route.Port }
		if route.Service == name && route.Port > 0 && !slices.ContainsFunc(out, same) {
			host := ""
			if len(route.Hosts) > 0 {
				host = route.Hosts[0]
			}
			out = append(out, stack.RouteSpec{Service: name, Port: route.Port, Host: host})
		}
	}
	return out
}

// answers waits until a route's port answers below 500, as the health gate wants it.
func (r *run) answers(ctx context.Context, name string, route stack.RouteSpec) string {
	last := "its port " + strconv.Itoa(route.Port) + " does not answer"
	for ctx.Err() == nil {
		c, err := r.container(ctx, name)
		if err != nil || c.State != "running" {
			return "it has ended before its port " + strconv.Itoa(route.Port) + " answered"
		}
		status, err := r.ask(ctx, addressOf(c), route)
		switch {
		case err == nil && status < http.StatusInternalServerError:
			return ""
		case err == nil:
			last = fmt.Sprintf("its port %d answers %d", route.Port, status)
		}
		pause(ctx, askAgain)
	}
	return last
}

// addressOf is one of a container's addresses: each is as good.
func addressOf(c stack.Container) string {
	for _, address := range c.Addresses {
		return address
	}
	return ""
}

func (r *run) ask(ctx context.Context, address string, route stack.RouteSpec) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	client := probe.Client(func(ctx context.Context, _, _ string) (net.Conn, error) {
		return r.Server.DialContext(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(route.Port)))
	}, nil)
	defer client.CloseIdleConnections()
	host := route.Host
	switch {
	case host == "":
		host = r.Release.Domain
	case !strings.Contains(host, "."):
		host += "." + r.Release.Domain
	}
	at := "/"
	if !route.Strip && route.Path != "" {
		at = route.Path
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, probe.Speak(client, route.Scheme)+"://"+host+at, http.NoBody)
	if err != nil {
		return 0, err
	}
	req.Header.Set("User-Agent", "stackctl-harden")
	req.Header.Set("X-Forwarded-Proto", "https")
	reply, err := probe.Do(client, req, answerMost)
	return reply.Status, err
}

// observe looks at what a service does without hardening.
func (r *run) observe(ctx context.Context, name string) error {
	c, err := r.container(ctx, name)
	if err != nil {
		return stack.Fault(stack.CauseStep, "look at service "+name, err, "run the same command again")
	}
	s := Seen{Limited: r.stage.services[name]["pids_limit"] != nil || limitsOf(r.stage.services[name])["pids"] != nil}
	if s.Conduct, err = r.Server.Conduct(ctx, c.ID); err != nil {
		return err
	}
	if r.project.services[name].User == "" {
		s.ImageUser = r.inspected(ctx, c.ID).Config.User
	}
	r.seen[name], r.calm[name] = s, c.Restarts == 0
	r.plain[name], err = r.log(ctx, c.ID)
	return err
}

// outcome reads how the present start of a service went.
func (r *run) outcome(ctx context.Context, name string, ready bool) (Outcome, error) {
	o := Outcome{Ready: ready}
	c, err := r.container(ctx, name)
	if err != nil {
		return o, nil //nolint:nilerr // it is gone: nothing is known of it
	}
	log, err := r.log(ctx, c.ID)
	o.Log, o.OutOfMemory = novel(log, r.plain[name]), c.OutOfMemory
	o.Last = lastOf(o.Log, lastOf(log, ""))
	return o, err
}

func (r *run) log(ctx context.Context, id string) ([]string, error) {
	out := &beginning{most: logMost}
	if err := r.Server.Logs(ctx, id, stack.LogOptions{Tail: logLines}, out, out); err != nil {
		return nil, err
	}
	return lines(out.String()), nil
}

// beginning keeps the first part of what is written to it.
type beginning struct {
	bytes.Buffer
	most int
}

func (h *beginning) Write(p []byte) (int, error) {
	if left := h.most - h.Len(); left > 0 {
		h.Buffer.Write(p[:min(len(p), left)])
	}
	return len(p), nil
}

// lines are the lines of a text that say something, each of a bounded length.
func lines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, stack.Short(line, lineMost))
		}
	}
	return out
}

func lastOf(list []string, otherwise string) string {
	if len(list) == 0 {
		return otherwise
	}
	return list[len(list)-1]
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
