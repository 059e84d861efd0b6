package auth

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/stack"
)

func TestAuthPassesOnAGoodSite(t *testing.T) {
	for _, variant := range []string{"", "ignores extra members"} {
		t.Run(variant, func(t *testing.T) {
			d := gatetest.GoodDeployment(t)
			d.Site.Bugs[variant] = true
			d.Config.Gates.Auth.Guarded = "/staff/users"
			a := gatetest.Passes(t, Walk(), d.Subject)
			if a.Inspected < 50 {
				t.Errorf("only %d requests", a.Inspected)
			}
			for token := range d.Site.Sessions {
				if bytes.Contains(d.Sink.Kept[artifact], []byte(token)) {
					t.Error("the artifact holds a session token")
				}
			}
			if !bytes.Contains(d.Sink.Kept[artifact], []byte("edit the profile")) {
				t.Error("the artifact lacks the steps")
			}
		})
	}
}

func TestAuthCatches(t *testing.T) {
	for bug, want := range map[string]string{
		"no CSRF":                     "no CSRF header",
		"no CSRF on /auth/login":      "POST /auth/login",
		"no CSRF on /auth/signup":     "POST /auth/signup",
		"no CSRF on /auth/logout":     "POST /auth/logout",
		"any CSRF token":              "made-up CSRF token",
		"one CSRF token for all":      "CSRF token",
		"no origin check":             "cross-site",
		"trusts same-site":            "same-site",
		"takes forms":                 "form post",
		"takes text/plain":            "text/plain",
		"logout by GET":               "GET /auth/logout",
		"cookie without Secure":       "Secure",
		"cookie without HttpOnly":     "HttpOnly",
		"cookie without SameSite=Lax": "SameSite",
		"cookie without Path=/":       "Path",
		"cookie with Domain":          "Domain",
		"cookie for ten years":        "never ends",
		"cookie of another name":      "session cookie of the agreed name",
		"stranger gets 200":           "no cookie",
		"stranger is redirected":      "no cookie",
		"takes any cookie":            "made-up cookie",
		"session outlives logout":     "used session after logout",
		"cookie outlives logout":      "leaves the session cookie",
		"adopts a planted session":    "planted session",
		"bad login is 500":            "failure of the server",
		"broken JSON fails":           "failure of the server",
		"login status tells":          "whether an account exists: status",
		"login body tells":            "whether an account exists: body /title",
		"login header tells":          "whether an account exists: header X-Account",
		"sign-up tells":               "whether an account exists: status",
		"staff by profile":            "make itself staff: is_staff",
		"staff by sign-up":            "make itself staff: is_staff",
		"plain errors":                "problem+json",
		"stack trace":                 "inner workings",
		"cacheable":                   "no-store",
		"reflects CORS":               "another site may read",
		"edit is lost":                "not what was allowed last",
		"guarded path open":           "guarded path without a session",
		"guarded path for all users":  "guarded path, not staff",
	} {
		t.Run(bug, func(t *testing.T) {
			d := gatetest.GoodDeployment(t)
			d.Site.Bugs[bug] = true
			d.Config.Gates.Auth.Guarded = "/staff/users"
			gatetest.Catches(t, Walk(), d.Subject, want)
		})
	}
}

func TestAuthTellsWhenTheTokenLeaves(t *testing.T) {
	d := gatetest.GoodDeployment(t)
	d.Site.Bugs["token in body"] = true
	gatetest.Catches(t, Walk(), d.Subject, "session token outside of Set-Cookie")
}

func TestAuthGuards(t *testing.T) {
	gatetest.Passes(t, Guards(), gatetest.GoodDeployment(t).Subject)
	for bug, want := range map[string]string{
		"stranger gets 200":      "without a session",
		"stranger is redirected": "without a session",
		"no CSRF":                "login without CSRF header",
		"bad login is 500":       "failure of the server",
		"plain errors":           "problem+json",
		"cookie without Secure":  "Secure",
		"guarded path open":      "GET /staff/users",
	} {
		t.Run(bug, func(t *testing.T) {
			d := gatetest.GoodDeployment(t)
			d.Site.Bugs[bug] = true
			d.Config.Gates.Auth.Guarded = "/staff/users"
			gatetest.Catches(t, Guards(), d.Subject, want)
		})
	}
}

func TestAuthGuardsLookForInsidePages(t *testing.T) {
	for path, body := range map[string]string{"/metrics": "# HELP x\n# TYPE x gauge\n", "/debug/pprof/": "<title>/debug/pprof/</title>", "/.env": "DB_PASSWORD=x"} {
		t.Run(path, func(t *testing.T) {
			d := gatetest.GoodDeployment(t)
			d.Site.Wrap = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == path {
					fmt.Fprint(w, body)
					return true
				}
				return false
			}
			gatetest.Catches(t, Guards(), d.Subject, "inside page")
		})
	}
	d := gatetest.GoodDeployment(t)
	d.Site.Wrap = func(w http.ResponseWriter, r *http.Request) bool {
		if d.Site.Asked[r.URL.Path] > 0 && insides[r.URL.Path] != "" {
			fmt.Fprint(w, "<!doctype html><title>the app's own page for any address</title>")
			return true
		}
		return false
	}
	gatetest.Passes(t, Guards(), d.Subject)
}

func TestAuthCannotJudgeASiteThatDoesNotAnswer(t *testing.T) {
	d := gatetest.GoodDeployment(t)
	d.Target.Edge.HTTPSPort = 1
	for _, g := range []gate.Gate{Walk(), Guards(), Guessing()} {
		if a, err := g.Check(t.Context(), d.Subject); err == nil && len(a.Findings) == 0 {
			t.Errorf("%s passed", g.Name)
		}
	}
}

func TestAuthCleansUp(t *testing.T) {
	d := gatetest.GoodDeployment(t)
	var removed []string
	d.Config.Gates.Auth.Cleanup = stack.CommandGate{Service: "admin", Command: []string{"/server", "delete-user", "{email}"}}
	d.Fake.OnExec = func(container string, argv []string) (stack.Output, error) {
		if container == "id-admin" {
			removed = append(removed, argv[2])
		}
		return stack.Output{}, nil
	}
	gatetest.Passes(t, Walk(), d.Subject)
	for email := range d.Site.Users {
		if !slices.Contains(removed, email) {
			t.Errorf("%s remains", email)
		}
	}
	if !bytes.Contains(d.Sink.Kept[artifact], []byte(`"accounts_remaining": []`)) {
		t.Error("the artifact does not say that nothing remains")
	}
}

func TestAuthCleansUpThroughTheDataLayer(t *testing.T) {
	d := gatetest.GoodDeployment(t)
	d.Config.Gates.Auth.Cleanup = stack.CommandGate{Service: "postgres", Command: []string{"remove", "{email}"}}
	removed := 0
	d.Fake.OnExec = func(container string, _ []string) (stack.Output, error) {
		if container == "id-postgres" {
			removed++
		}
		return stack.Output{}, nil
	}
	gatetest.Passes(t, Walk(), d.Subject)
	if removed != len(d.Site.Users) {
		t.Errorf("removed %d of %d", removed, len(d.Site.Users))
	}
}

func TestGuessing(t *testing.T) {
	d := gatetest.GoodDeployment(t)
	d.Site.Hash = 10 * time.Millisecond
	gatetest.Passes(t, Guessing(), d.Subject)
	for bug, want := range map[string]string{
		"no hash for unknown accounts": "the time of a refused login",
		"no limit":                     "guessing is not slowed down",
		"429 without Retry-After":      "429 without Retry-After",
		"trusts X-Forwarded-For":       "escapes the limit",
		"trusts CF-Connecting-IP":      "escapes the limit",
	} {
		t.Run(bug, func(t *testing.T) {
			d := gatetest.GoodDeployment(t)
			d.Site.Hash = 10 * time.Millisecond
			d.Site.Bugs[bug] = true
			gatetest.Catches(t, Guessing(), d.Subject, want)
		})
	}
}

func TestTimingIsNotDecidedWhereTheMachineIsTaken(t *testing.T) {
	r := &run{}
	m := timing{KnownMS: 60, UnknownMS: 50, Sees: 31, Steal: 0.4}
	if err := r.tell(m); err == nil || len(r.findings) > 0 {
		t.Errorf("decided: %v, %v", err, r.findings)
	}
	m.Sees = 29
	if err := r.tell(m); err != nil {
		t.Errorf("not decided where half of a login would have been seen: %v", err)
	}
	if steal := steal([]float64{0, 0, 0, 0, 0, 0, 0, 0}, []float64{50, 0, 0, 25, 0, 0, 0, 25}); steal != 0.25 {
		t.Errorf("steal %v", steal)
	}
}

func TestArtifactHoldsNoPassword(t *testing.T) {
	d := gatetest.GoodDeployment(t)
	gatetest.Passes(t, Walk(), d.Subject)
	for _, u := range d.Site.Users {
		for name, content := range d.Sink.Kept {
			if strings.Contains(string(content), u.Password) {
				t.Errorf("%s holds a password", name)
			}
		}
	}
}
