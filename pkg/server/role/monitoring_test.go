package role_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/server/apptest"
)

// monitored are the expressions of the alerts and of the dashboard, by where they stand.
func monitored(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	var alerts struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	for file, read := range map[string]func([]byte) error{
		"alerts.yml":     func(raw []byte) error { return yaml.Unmarshal(raw, &alerts) },
		"dashboard.json": func(raw []byte) error { return json.Unmarshal(raw, &dashboard) },
	} {
		raw, err := os.ReadFile("../../../compose/monitoring/" + file)
		if err == nil {
			err = read(raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range alerts.Groups {
		for _, r := range g.Rules {
			out["alert "+r.Alert] = r.Expr
		}
	}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			out["panel "+p.Title] += "\n" + target.Expr
		}
	}
	return out
}

// series finds what an expression reads: a name, and the values that it wants of labels.
var series = regexp.MustCompile(`\b([a-z][a-z0-9]*_[a-z0-9_]+)\b(?:\{([^}]*)\})?`)

var labelled = regexp.MustCompile(`([a-z_]+)\s*(=~|!=|!~|=)"([^"]*)"`)

// Alerts and dashboard read what the roles measure, by names and labels that there are.
func TestAlertsAndDashboardReadWhatIsMeasured(t *testing.T) {
	s := apptest.New(t)
	s.Mailbox()
	s.Start("api", "worker")
	browser := s.Browser()
	browser.SignUp("ada@example.com", apptest.GoodPassword)
	browser.LogIn("ada@example.com", "a guess that is wrong")
	measured := s.Metrics("api") + s.Metrics("worker")
	all := monitored(t)
	if len(all) < 20 {
		t.Fatalf("%d expressions", len(all))
	}
	functions := map[string]bool{"histogram_quantile": true, "__rate_interval": true}
	for where, expr := range all {
		for _, m := range series.FindAllStringSubmatch(expr, -1) {
			name := m[1]
			if functions[name] {
				continue
			}
			if !strings.Contains(measured, "\n"+name+"{") && !strings.Contains(measured, "\n"+name+" ") {
				t.Errorf("%s reads %s, which nobody measures", where, name)
			}
			for _, l := range labelled.FindAllStringSubmatch(m[2], -1) {
				if !regexp.MustCompile(`(?m)^` + name + `\{[^}]*\b` + l[1] + `="`).MatchString(measured) {
					t.Errorf("%s: %s has no label %s", where, name, l[1])
				}
			}
		}
	}
}
