package infer_test

import (
	"testing"

	"stackctl/pkg/stackctl/infer"
)

func TestWhatNobodyAsksForIsLeftOut(t *testing.T) {
	none := func(s *infer.Service) { s.Stopped = true }
	built := func(s *infer.Service) { s.Build = true }
	again := func(s *infer.Service) { s.Restart = "always" }
	for name, c := range map[string]struct {
		s    infer.Service
		left bool
	}{
		"none of it":                 {service("x", "acme/x", none, port("80:80"), again), true},
		"one of it":                  {service("x", "acme/x", port("80:80")), false},
		"a box of tools":             {service("x", "temporalio/admin-tools:1"), true},
		"a language":                 {service("x", "python:3.13"), true},
		"a language with a command":  {service("x", "python:3.13", runs("python serve.py")), false},
		"a client of its own":        {service("x", "acme/shop-cli:1"), true},
		"a program built of one":     {service("x", "python:3.13", built), false},
		"a name for a box":           {service("awscli", "", built), true},
		"a name for a box that runs": {service("cli", "", built, again), false},
		"a name for a box that acts": {service("wpcli", "wordpress:cli", runs("wp core install")), false},
	} {
		if got := infer.LeftOut([]infer.Service{c.s, service("web", "acme/web", port("8080:8080"))})[c.s.Name]; (got != "") != c.left {
			t.Errorf("%s: %q", name, got)
		}
	}
}
