package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/openapi"
	"stackctl/pkg/stackctl/stack"
)

// enumeration asks for accounts that exist and for ones that do not, and
// compares the answers. made is the answer to the sign-up of known. Time is
// compared by a gate of its own.
func (r *run) enumeration(ctx context.Context, known account, made reply) error {
	if err := r.compareAnswers(ctx, question{step: "log in with a wrong password", path: r.conf.Login, known: known}, nil); err != nil {
		return err
	}
	return r.compareAnswers(ctx, question{step: "sign up", path: r.conf.SignUp, known: known, creates: true}, features(made))
}

// question is what is asked for a known and for unknown addresses.
type question struct {
	step, path string
	known      account
	// creates reports whether an unknown address has an account afterwards.
	creates bool
}

// sides are the features of the answers for known and unknown addresses.
type sides [2][]map[string]string

// compareAnswers tells each feature that is the same within a side but differs
// between the two. One answer each comes first, since sites count sign-ups;
// where they differ, two more each tell what differs anyway.
func (r *run) compareAnswers(ctx context.Context, q question, unknown map[string]string) error {
	var sides sides
	if unknown != nil {
		sides[1] = append(sides[1], unknown)
	}
	if err := r.ask(ctx, q, &sides, 1); err != nil || len(sides.differing()) == 0 {
		return err
	}
	if err := r.ask(ctx, q, &sides, 3); err != nil {
		return err
	}
	for _, name := range sides.differing() {
		r.find(enumerationRule, "POST "+q.path, "the answer tells whether an account exists: "+name, "the same for known and unknown addresses",
			fmt.Sprintf("known: %s, unknown: %s", stack.Short(*constant(sides[0], name), 80), stack.Short(*constant(sides[1], name), 80)),
			"give both the same status, headers and body")
	}
	return nil
}

// ask fills both sides up to n answers.
func (r *run) ask(ctx context.Context, q question, sides *sides, n int) error {
	for len(sides[0]) < n || len(sides[1]) < n {
		fresh, err := r.account()
		if err != nil {
			return err
		}
		for side, account := range []account{{q.known.email, fresh.password}, fresh} {
			if len(sides[side]) >= n {
				continue
			}
			b := r.browser()
			if _, err := b.csrf(ctx, q.step+": token"); err != nil {
				return err
			}
			label := q.step + []string{", known address", ", unknown address"}[side]
			reply, err := b.send(ctx, request{step: label, method: http.MethodPost, path: q.path, body: r.credentials(q.path, account)})
			if err != nil {
				return err
			}
			if q.creates && side == 1 && reply.Status/100 == 2 {
				r.accounts = append(r.accounts, account)
			}
			if !q.creates {
				r.wrongPassword(q.path, reply)
			}
			sides[side] = append(sides[side], features(reply))
		}
	}
	return nil
}

func (s sides) differing() []string {
	return slices.DeleteFunc(featureNames(s), func(name string) bool {
		a, b := constant(s[0], name), constant(s[1], name)
		return a == nil || b == nil || *a == *b
	})
}

// wrongPassword wants a plain refusal.
func (r *run) wrongPassword(path string, reply reply) {
	ok := reply.Status == http.StatusUnauthorized || reply.Status == http.StatusBadRequest || reply.Status == http.StatusUnprocessableEntity
	r.last(ok, "401")
	if !ok && reply.Status < 500 {
		r.find(enumerationRule, "POST "+path, "a wrong password is not refused plainly", "401", r.show(reply), "answer 401 with problem details")
	}
}

// own are names of what every answer has of its own.
var own = regexp.MustCompile(`(?i)(request|trace|correlation)[-_]?id$|^traceparent$`)

// features are the parts of an answer by name: status, each header, each
// member of the body. What is new in every answer anyway varies within a side
// and is thereby left out.
func features(reply reply) map[string]string {
	f := map[string]string{"status": fmt.Sprint(reply.Status)}
	for name, values := range reply.Header {
		switch name {
		case "Date", "Age", "Connection", "Keep-Alive", "Alt-Svc":
			continue // the server's clock and the connection
		case "Set-Cookie":
			f["cookies set"] = cookieNames(values)
			continue
		case "Content-Length":
			continue // follows from the body, whose parts are compared
		}
		if own.MatchString(name) {
			continue
		}
		if strings.HasPrefix(name, "X-Ratelimit") || strings.HasPrefix(name, "Ratelimit") {
			continue // counts per account by design
		}
		f["header "+name] = strings.Join(values, ", ")
	}
	if reply.values == nil {
		f["body"] = string(reply.Body)
		return f
	}
	var flatten func(at string, v any)
	flatten = func(at string, v any) {
		if m, ok := v.(map[string]any); ok {
			for _, k := range openapi.Keys(m) {
				flatten(at+"/"+k, m[k])
			}
			return
		}
		b, err := json.Marshal(v)
		if err != nil || own.MatchString(at) {
			return
		}
		f["body "+at] = string(b)
	}
	flatten("", reply.values)
	return f
}

func featureNames(sides sides) []string {
	var names []string
	for _, side := range sides {
		for _, f := range side {
			for name := range f {
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	}
	slices.Sort(names)
	return names
}

// constant is the value that a feature has in every answer of a side;
// nil where it varies. Absence is a value.
func constant(side []map[string]string, name string) *string {
	value := func(f map[string]string) string {
		if v, ok := f[name]; ok {
			return v
		}
		return "(not there)"
	}
	first := value(side[0])
	for _, f := range side[1:] {
		if value(f) != first {
			return nil
		}
	}
	return &first
}
