package gate

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// authGuards tries what must be refused to strangers. It makes no account, so
// it runs in every deploy.
func authGuards() Gate {
	return Gate{
		ID: "G4", Name: "guards", Phase: stack.PhasePost,
		Question:  "Is every operation that asks who the client is closed to strangers?",
		Refs:      []string{"SPEC A2", "SPEC A3", "SPEC A13", "ASVS 8.2.1", "ASVS 3.5.1"},
		Inspects:  "every guarded operation of the contract without a session, and login without a CSRF token and with a wrong password",
		Artifacts: []string{"auth-guards.json"},
		Check:     authGuardsCheck,
	}
}

func authGuardsCheck(ctx context.Context, s Subject) (Answer, error) {
	if authAbsent(s) {
		return Answer{Skip: authNone}, nil
	}
	r, err := newAuthRun(s)
	if err != nil {
		return Answer{}, err
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
	a := Answer{Inspected: len(r.steps), Of: "requests", Findings: r.findings, Attempts: r.attempts}
	if keep := probeJSON(s, "auth-guards.json", authWord{Gate: "guards", Base: r.base, Steps: r.steps, Remaining: []string{}}); err == nil {
		err = keep
	}
	return a, err
}

// authNobody stands for a path parameter: an id that nothing has.
const authNobody = "00000000-0000-4000-8000-000000000000"

var authPathParameter = regexp.MustCompile(`\{[^}]*\}`)

// closedToStrangers calls each guarded operation without a session.
func (r *authRun) closedToStrangers(ctx context.Context) error {
	type target struct {
		method, path string
		parameters   bool
	}
	targets := []target{{"get", r.conf.Me, false}, {"post", r.conf.Logout, false}, {"patch", r.conf.Me, false}}
	if r.conf.Guarded != "" {
		targets = append(targets, target{"get", r.conf.Guarded, false})
	}
	if r.contract != nil {
		for _, o := range r.contract.operations() {
			path := authPathParameter.ReplaceAllString(o.path, authNobody)
			t := target{o.method, path, path != o.path}
			if r.contract.guarded(o, r.conf.Header) && !slices.Contains(targets, t) {
				targets = append(targets, t)
			}
		}
	}
	b := r.browser()
	if _, err := b.csrf(ctx, "a stranger's CSRF token"); err != nil {
		return err
	}
	for _, t := range targets {
		q := authRequest{step: "without a session", method: strings.ToUpper(t.method), path: t.path}
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
func (r *authRun) strangersLogin(ctx context.Context) error {
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
		r.find("GET "+r.conf.CSRF, "no CSRF token before login", "200 with a token in the body", fmt.Sprint(reply.Status), "serve a token that is bound to a cookie, before login too")
		return nil
	}
	q := authRequest{step: "login of an unknown account", method: http.MethodPost, path: r.conf.Login, body: r.credentials(r.conf.Login, account)}
	if reply, err = b.clone().send(ctx, q); err != nil {
		return err
	}
	r.wrongPassword(r.conf.Login, reply)
	q.step, q.noToken = "login without CSRF header", true
	return r.refused(ctx, b, q, 400, 403, 419)
}

// authInsides are paths that tools open by themselves, each with a text that
// only the real thing holds: a page for anything else is no finding.
var authInsides = map[string]string{
	"/metrics":       "# TYPE ",
	"/debug/vars":    `"memstats"`,
	"/debug/pprof/":  "/debug/pprof/",
	"/actuator/env":  `"propertySources"`,
	"/server-status": "Server uptime",
	"/.git/config":   "[core]",
	"/.env":          "PASSWORD",
}

// insides looks for metrics and debug pages that strangers can read.
func (r *authRun) insides(ctx context.Context) error {
	for _, path := range slices.Sorted(maps.Keys(authInsides)) {
		reply, err := r.browser().send(ctx, authRequest{step: "inside page", method: http.MethodGet, path: path, foreign: true})
		if err != nil {
			return err
		}
		open := reply.Status == http.StatusOK && strings.Contains(string(reply.Body), authInsides[path])
		r.last(!open, "nothing of the inside")
		if open {
			r.find("GET "+path, "an inside page is open to strangers", "404", fmt.Sprintf("200, and it holds %q", authInsides[path]),
				"serve it on an inside port, or not at all")
		}
	}
	return nil
}
