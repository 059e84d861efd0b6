package auth

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

// Guards tries what must be refused to strangers. It makes no account, so
// it runs in every deploy.
func Guards() gate.Gate {
	return gate.Gate{
		Rules: Rules,
		ID:    "G4", Name: "guards", Phase: stack.PhasePost,
		Question:  "Is every operation that asks who the client is closed to strangers?",
		Refs:      []string{"SPEC A2", "SPEC A3", "SPEC A13", "ASVS 8.2.1", "ASVS 3.5.1"},
		Inspects:  "every guarded operation of the contract without a session, and login without a CSRF token and with a wrong password",
		Artifacts: []string{"auth-guards.json"},
		Check:     guardsCheck,
	}
}

func guardsCheck(ctx context.Context, s gate.Subject) (gate.Answer, error) {
	if absent(s) {
		return gate.Answer{Skip: none}, nil
	}
	r, err := newAuthRun(s)
	if err != nil {
		return gate.Answer{}, err
	}
	defer r.http.CloseIdleConnections()
	err = r.closedToStrangers(ctx)
	if err == nil {
		err = r.strangersLogin(ctx)
	}
	if err == nil {
		err = r.insides(ctx)
	}
	for i := range r.findings {
		r.findings[i].Evidence = "auth-guards.json"
	}
	a := gate.Answer{Inspected: len(r.steps), Of: "requests", Findings: r.findings, Attempts: r.attempts}
	if keep := probe.JSON(s, "auth-guards.json", word{Gate: "guards", Base: r.base, Steps: r.steps, Remaining: []string{}}); err == nil {
		err = keep
	}
	return a, err
}

// nobody stands for a path parameter: an id that nothing has.
const nobody = "00000000-0000-4000-8000-000000000000"

var pathParameter = regexp.MustCompile(`\{[^}]*\}`)

// closedToStrangers calls each guarded operation without a session.
func (r *run) closedToStrangers(ctx context.Context) error {
	type target struct {
		method, path string
		parameters   bool
	}
	targets := []target{{"get", r.conf.Me, false}, {"post", r.conf.Logout, false}, {"patch", r.conf.Me, false}}
	if r.conf.Guarded != "" {
		targets = append(targets, target{"get", r.conf.Guarded, false})
	}
	if r.contract != nil {
		for _, o := range r.contract.Operations() {
			path := pathParameter.ReplaceAllString(o.Path, nobody)
			t := target{o.Method, path, path != o.Path}
			if r.contract.Guarded(o, r.conf.Header) && !slices.Contains(targets, t) {
				targets = append(targets, t)
			}
		}
	}
	b := r.browser()
	if _, err := b.csrf(ctx, "a stranger's CSRF token"); err != nil {
		return err
	}
	for _, t := range targets {
		q := request{step: "without a session", method: strings.ToUpper(t.method), path: t.path}
		statuses := []int{401}
		if q.method != http.MethodGet && q.method != http.MethodHead {
			q.body, statuses = map[string]any{}, []int{401, 403}
		}
		if t.parameters {
			statuses = append(statuses, 404)
		}
		if err := r.refused(ctx, b, q, statuses...); err != nil {
			return err
		}
	}
	return nil
}

// strangersLogin tries to log in with an account that nobody has.
func (r *run) strangersLogin(ctx context.Context) error {
	account, err := r.account()
	if err != nil {
		return err
	}
	b := r.browser()
	reply, err := b.csrf(ctx, "CSRF token")
	if err != nil {
		return err
	}
	r.cookieLines(reply.setCookies)
	if b.token == "" {
		r.find(csrfTokenRule, "GET "+r.conf.CSRF, "no CSRF token before login", "200 with a token in the body", fmt.Sprint(reply.Status), "serve a token that is bound to a cookie, before login too")
		return nil
	}
	q := request{step: "login of an unknown account", method: http.MethodPost, path: r.conf.Login, body: r.credentials(r.conf.Login, account)}
	if reply, err = b.clone().send(ctx, q); err != nil {
		return err
	}
	r.wrongPassword(r.conf.Login, reply)
	q.step, q.noToken = "login without CSRF header", true
	return r.refused(ctx, b, q, 400, 403, 419)
}

// insides are paths that tools open by themselves, each with a text that
// only the real thing holds: a page for anything else is no finding.
var insides = map[string]string{
	"/metrics":       "# TYPE ",
	"/debug/vars":    `"memstats"`,
	"/debug/pprof/":  "/debug/pprof/",
	"/actuator/env":  `"propertySources"`,
	"/server-status": "Server uptime",
	"/.git/config":   "[core]",
	"/.env":          "PASSWORD",
}

// insides looks for metrics and debug pages that strangers can read.
func (r *run) insides(ctx context.Context) error {
	for _, path := range slices.Sorted(maps.Keys(insides)) {
		reply, err := r.browser().send(ctx, request{step: "inside page", method: http.MethodGet, path: path, foreign: true})
		if err != nil {
			return err
		}
		open := reply.Status == http.StatusOK && strings.Contains(string(reply.Body), insides[path])
		r.last(!open, "nothing of the inside")
		if open {
			r.find(insidePagesRule, "GET "+path, "an inside page is open to strangers", "404", fmt.Sprintf("200, and it holds %q", insides[path]),
				"serve it on an inside port, or not at all")
		}
	}
	return nil
}
