package health

import (
	"net/http"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

func TestARedirectToItsOwnAddressIsNoAnswer(t *testing.T) {
	const asked = "https://shop.example/"
	for name, c := range map[string]struct {
		status   int
		location string
		cookie   string
		loops    bool
	}{
		"to https, by https":     {301, "https://shop.example/", "", true},
		"without the slash":      {308, "https://SHOP.example", "", true},
		"with the port":          {302, "https://shop.example:443/", "", true},
		"relative":               {302, "/", "", true},
		"to a page":              {302, "/login", "", false},
		"to another host":        {301, "https://www.shop.example/", "", false},
		"with a query":           {302, "/?lang=de", "", false},
		"with a cookie to begin": {302, "/", "lang=de", false},
		"no redirect":            {200, "/", "", false},
		"without a place":        {304, "", "", false},
	} {
		reply := probe.Reply{Status: c.status, Header: http.Header{}}
		if c.location != "" {
			reply.Header.Set("Location", c.location)
		}
		if c.cookie != "" {
			reply.Header.Set("Set-Cookie", c.cookie)
		}
		r := record{Wanted: 1, Statuses: map[string]int{}, Failures: map[string]int{}}
		p := look{endpoint: stack.HealthEndpoint{Reachable: true}, label: "GET " + asked, url: asked}
		r.add(gate.Subject{}, p, reply, nil)
		found := judge(r, p)
		told := len(found) > 0 && strings.Contains(found[0].Fix, "X-Forwarded-Proto")
		if loops(asked, reply) != c.loops || told != c.loops {
			t.Errorf("%s: %+v", name, found)
		}
	}
}
