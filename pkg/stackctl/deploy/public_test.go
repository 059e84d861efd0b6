package deploy

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

func TestOrdersStayWithinWhatAnAuthorityAllows(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	before := func(n int, name string, ago time.Duration) (out []order) {
		for i := range n {
			out = append(out, order{strings.Replace(name, "N", string(rune('a'+i%26))+string(rune('a'+i/26)), 1), now.Add(-ago)})
		}
		return out
	}
	for name, c := range map[string]struct {
		past  []order
		names []string
		want  string // "": allowed
	}{
		"the first":                          {nil, []string{"example.org"}, ""},
		"four failed within the hour":        {before(4, "example.org", 10*time.Minute), []string{"example.org"}, ""},
		"five failed within the hour":        {before(5, "example.org", 10*time.Minute), []string{"example.org"}, "within the hour"},
		"five of another name":               {before(5, "www.example.org", 10*time.Minute), []string{"example.org"}, ""},
		"five within the week":               {before(5, "example.org", 48*time.Hour), []string{"example.org"}, "within a week"},
		"five more than a week ago":          {before(5, "example.org", 8*24*time.Hour), []string{"example.org"}, ""},
		"fifty of the domain":                {before(50, "N.shop.example.co.uk", 48*time.Hour), []string{"example.co.uk"}, "example.co.uk would have 51"},
		"fifty of a neighbour's domain":      {before(50, "N.another.co.uk", 48*time.Hour), []string{"example.co.uk"}, ""},
		"forty-nine, and two more at once":   {before(49, "N.example.org", 48*time.Hour), []string{"example.org", "www.example.org"}, "51 new"},
		"forty-nine, and one more":           {before(49, "N.example.org", 48*time.Hour), []string{"example.org"}, ""},
		"nothing is asked for any more":      {before(50, "N.example.org", 48*time.Hour), nil, ""},
		"a name that is a public suffix":     {nil, []string{"co.uk"}, ""},
		"a clock that was ahead an hour ago": {before(5, "example.org", -time.Minute), []string{"example.org"}, "within the hour"},
	} {
		err := overBudget(c.past, c.names, 1, now)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEachEdgeIsCounted(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	past := func(n int, ago time.Duration) (out []order) {
		for range n {
			out = append(out, order{"example.org", now.Add(-ago)})
		}
		return out
	}
	for name, c := range map[string]struct {
		past []order
		each int
		want string
	}{
		"two edges, once":             {nil, 2, ""},
		"two edges, a second time":    {past(2, 48*time.Hour), 2, ""},
		"two edges, a third time":     {past(4, 48*time.Hour), 2, "within a week"},
		"both failed within the hour": {past(2, time.Minute), 2, ""},
		"more edges than it allows":   {nil, 6, "each of 6 edges orders example.org"},
	} {
		err := overBudget(c.past, []string{"example.org"}, c.each, now)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	nodes := []stack.Node{{Name: "one", Host: "203.0.113.1", Labels: []string{"edge"}}, {Name: "two", Host: "203.0.113.2", Labels: []string{"app"}}, {Name: "three", Host: "203.0.113.3", Labels: []string{"edge"}}}
	for want, target := range map[string]stack.Target{"203.0.113.1 203.0.113.3": {Host: "203.0.113.1", Nodes: nodes}, "203.0.113.9": {Host: "203.0.113.9"}, "balancer": {Nodes: nodes, Edge: stack.Edge{Address: "balancer"}}} {
		if got := strings.Join(visited(target), " "); got != want {
			t.Errorf("visitors reach %s, not %s", got, want)
		}
	}
}

func TestANameMustLeadToTheTargetAlone(t *testing.T) {
	at := func(list ...string) (out []netip.Addr) {
		for _, a := range list {
			out = append(out, netip.MustParseAddr(a))
		}
		return out
	}
	here := at("203.0.113.7", "2001:db8::7")
	for name, c := range map[string]struct {
		there []netip.Addr
		want  string
	}{
		"both":                 {at("203.0.113.7", "2001:db8::7"), ""},
		"one, mapped":          {at("::ffff:203.0.113.7"), ""},
		"an old IPv6 address":  {at("203.0.113.7", "2001:db8::8"), "2001:db8::8"},
		"somebody else's host": {at("203.0.113.8"), "203.0.113.8"},
	} {
		got, found := elsewhere(here, c.there)
		if found != (c.want != "") || found && got.String() != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTheAddressesOfAHostAreThoseThatOthersReach(t *testing.T) {
	got := addresses("203.0.113.7 172.17.0.1 2001:db8::7 fe80::1 127.0.0.1 eth0 \n")
	var text []string
	for _, a := range got {
		text = append(text, a.String())
	}
	if want := "203.0.113.7 172.17.0.1 2001:db8::7"; strings.Join(text, " ") != want {
		t.Errorf("they are %v, want %s", text, want)
	}
}

func TestWhatIsNotInProductionIsNamed(t *testing.T) {
	service := func(mode string, deployed bool) stack.Release {
		return stack.Release{Services: []stack.Service{{Name: "db", Deployed: true}, {Name: "api", Deployed: deployed, Environment: map[string]string{"APP_ENV": mode}}}}
	}
	for mode, want := range map[string]string{"production": "", "Production": "", "prod": "", "staging": "api", "": "api"} {
		if got := notInProduction(service(mode, true)); got != want {
			t.Errorf("%q: %q", mode, got)
		}
	}
	if got := notInProduction(service("staging", false)); got != "" {
		t.Errorf("a service that is not deployed: %q", got)
	}
}
