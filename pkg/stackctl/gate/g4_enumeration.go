package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// enumeration asks for accounts that exist and for ones that do not, and
// compares the answers. Time is compared by a gate of its own.
func (r *authRun) enumeration(ctx context.Context, known authAccount) error {
	if err := r.compareAnswers(ctx, "log in with a wrong password", r.conf.Login, 3, func() (a, b authAccount, err error) {
		unknown, err := r.account()
		return authAccount{known.email, unknown.password}, unknown, err
	}, false); err != nil {
		return err
	}
	return r.compareAnswers(ctx, "sign up", r.conf.SignUp, 2, func() (a, b authAccount, err error) {
		fresh, err := r.account()
		return authAccount{known.email, fresh.password}, fresh, err
	}, true)
}

// compareAnswers sends both sides in turn, and tells each feature that is the
// same within a side but differs between them.
func (r *authRun) compareAnswers(ctx context.Context, step, path string, rounds int, pair func() (a, b authAccount, err error), creates bool) error {
	var sides [2][]map[string]string
	for range rounds {
		known, unknown, err := pair()
		if err != nil {
			return err
		}
		for side, account := range []authAccount{known, unknown} {
			b := r.browser()
			if _, err := b.csrf(ctx, step+": token"); err != nil {
				return err
			}
			label := step + []string{", known address", ", unknown address"}[side]
			reply, err := b.send(ctx, authRequest{step: label, method: http.MethodPost, path: path, body: r.credentials(path, account)})
			if err != nil {
				return err
			}
			if creates && side == 1 && reply.Status/100 == 2 {
				r.accounts = append(r.accounts, account)
			}
			if !creates {
				r.wrongPassword(path, reply)
			}
			sides[side] = append(sides[side], authFeatures(reply))
		}
	}
	for _, name := range authFeatureNames(sides) {
		a, b := authConstant(sides[0], name), authConstant(sides[1], name)
		if a == nil || b == nil || *a == *b {
			continue
		}
		r.find("POST "+path, "the answer tells whether an account exists: "+name, "the same for known and unknown addresses",
			fmt.Sprintf("known: %s, unknown: %s", probeShort(*a, 80), probeShort(*b, 80)), "give both the same status, headers and body")
	}
	return nil
}

// wrongPassword wants a plain refusal.
func (r *authRun) wrongPassword(path string, reply authReply) {
	ok := reply.Status == http.StatusUnauthorized || reply.Status == http.StatusBadRequest || reply.Status == http.StatusUnprocessableEntity
	r.last(ok, "401")
	if !ok && reply.Status < 500 {
		r.find("POST "+path, "a wrong password is not refused plainly", "401", r.show(reply), "answer 401 with problem details")
	}
}

// authFeatures are the parts of an answer by name: status, each header, each
// member of the body. What is new in every answer anyway varies within a side
// and is thereby left out.
func authFeatures(reply authReply) map[string]string {
	f := map[string]string{"status": fmt.Sprint(reply.Status)}
	for name, values := range reply.Header {
		switch name {
		case "Date", "Age", "Connection", "Keep-Alive", "Alt-Svc":
			continue // the server's clock and the connection
		case "Set-Cookie":
			f["cookies set"] = authCookieNames(values)
			continue
		case "Content-Length":
			continue // follows from the body, whose parts are compared
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
			for _, k := range g2Keys(m) {
				flatten(at+"/"+k, m[k])
			}
			return
		}
		b, err := json.Marshal(v)
		if err != nil {
			return
		}
		f["body "+at] = string(b)
	}
	flatten("", map[string]any(reply.values))
	return f
}

func authFeatureNames(sides [2][]map[string]string) []string {
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

// authConstant is the value that a feature has in every answer of a side;
// nil where it varies. Absence is a value.
func authConstant(side []map[string]string, name string) *string {
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
