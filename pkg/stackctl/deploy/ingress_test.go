package deploy

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// sharedShop is wantedShop behind the server's ingress.
func sharedShop(hosts ...string) Wanted {
	want := wantedShop()
	want.Release.Services[2].Networks = []string{stack.IngressProject}
	want.Release.Edge.Routes = []stack.Route{{Name: "api", Hosts: hosts, Service: "api"}}
	return want
}

// ingressed is a host whose ingress runs, and leads to the hosts of projects.
func ingressed(seen stack.Observed, hosts map[string][]string) stack.Observed {
	c := stack.Container{Project: stack.IngressProject, Service: stack.IngressService, Name: "ingress", State: "running", Health: "healthy", Ports: webPorts,
		Labels: map[string]string{stack.LabelIngress: "1", stack.LabelProject: stack.IngressProject}}
	seen.Containers, seen.Ingress = append(slices.Clone(seen.Containers), c), hosts
	return seen
}

// ingressSteps are the steps of a plan that touch who holds the web ports.
func ingressSteps(p stack.Plan) string {
	var out []string
	for _, s := range p.Steps {
		if s.Kind == stack.StepIngress || s.Kind == stack.StepEdge || s.Kind == stack.StepStop || s.Kind == stack.StepCommit {
			out = append(out, s.String()+" "+strings.Join(s.Hosts, ","))
		}
	}
	return strings.Join(out, "\n")
}

func TestPlanOfAnEdgeThatMakesRoom(t *testing.T) {
	seen := seenShop()
	seen.Ingress = map[string][]string{}
	seen.Containers[1].Ports = webPorts
	got := ingressSteps(Plan(sharedShop("example.org"), seen))
	want := `stop edge, the server's ingress takes its ports ` + `
ingress to shop, it is not there; it leads nobody to example.org example.org
commit release bbbbbbbbbbbb, every gate has passed `
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPlanOfHostsBehindTheIngress(t *testing.T) {
	others := map[string][]string{"blog": {"blog.org"}}
	with := func(hosts ...string) map[string][]string {
		return map[string][]string{"blog": {"blog.org"}, "shop": hosts}
	}
	for name, c := range map[string]struct {
		want  Wanted
		there map[string][]string
		steps []string
	}{
		"nothing new":  {sharedShop("a.org"), with("a.org"), nil},
		"a project":    {sharedShop("a.org"), others, []string{"ingress to shop, it leads nobody to a.org a.org", "commit"}},
		"a host comes": {sharedShop("a.org", "b.org"), with("a.org"), []string{"ingress to shop, it leads nobody to b.org a.org,b.org", "commit"}},
		"a host goes":  {sharedShop("a.org"), with("a.org", "b.org"), []string{"commit", "ingress to shop, the release has no route for b.org a.org"}},
		"one for another": {sharedShop("b.org"), with("a.org"),
			[]string{"ingress to shop, it leads nobody to b.org a.org,b.org", "commit", "ingress to shop, the release has no route for a.org b.org"}},
		"no route is left": {wantedShop(), with("a.org"), []string{"commit", "ingress to shop, the release has no route for a.org "}},
		"not shared":       {wantedShop(), others, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Split(ingressSteps(Plan(c.want, ingressed(seenShop(), c.there))), "\n")
			if c.steps == nil {
				c.steps = []string{"commit"}
			}
			if !slices.EqualFunc(got, c.steps, strings.HasPrefix) {
				t.Errorf("got %q, want %q", got, c.steps)
			}
		})
	}
}

func TestPlanOfAnIngressThatIsNotWell(t *testing.T) {
	for cause, change := range map[string]func(*stack.Container){
		"it is exited":    func(c *stack.Container) { c.State = "exited" },
		"it is unhealthy": func(c *stack.Container) { c.Health = "unhealthy" },
		"a newer one":     func(c *stack.Container) { c.Labels = map[string]string{stack.LabelIngress: "0"} },
	} {
		seen := ingressed(seenShop(), map[string][]string{"shop": {"a.org"}})
		change(&seen.Containers[len(seen.Containers)-1])
		plan := Plan(sharedShop("a.org"), seen)
		if got := ingressSteps(plan); !strings.HasPrefix(got, "ingress to shop, "+cause) || !strings.Contains(strings.Join(plan.Notes, "\n"), "every project behind it") {
			t.Errorf("%s: %s, %v", cause, got, plan.Notes)
		}
	}
}

func TestCheckIngress(t *testing.T) {
	direct := wantedShop()
	direct.Release.Services[2].Ports = webPorts
	free := seenShop()
	free.Ingress = map[string][]string{}
	held, ours := free, free
	held.Containers = append(slices.Clone(free.Containers), stack.Container{Name: "blog-edge", Project: "blog", State: "running", Layer: stack.LayerEdge, Ports: webPorts, Labels: map[string]string{stack.LabelProject: "blog"}})
	ours.Containers = slices.Clone(free.Containers)
	ours.Containers[1].Ports = webPorts
	others := map[string][]string{"blog": {"blog.org"}}
	for name, c := range map[string]struct {
		want Wanted
		seen stack.Observed
		says string
	}{
		"ports are free":        {sharedShop("a.org"), free, ""},
		"our edge has them":     {sharedShop("a.org"), ours, ""},
		"the ingress has them":  {sharedShop("a.org"), ingressed(free, others), ""},
		"another's edge":        {sharedShop("a.org"), held, "the edge of project blog, holds port 80"},
		"another's host":        {sharedShop("blog.org"), ingressed(free, others), "project blog of this server serves blog.org"},
		"no folder":             {sharedShop("a.org"), seenShop(), "is not there"},
		"not shared":            {direct, ingressed(free, others), "the server's ingress has the ports, for project blog"},
		"not shared, by itself": {direct, free, ""},
		"no web ports":          {wantedShop(), ingressed(free, others), ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkIngress(c.want.Release, stack.Target{Host: "h"}, c.seen)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("it says %v, want %q", err, c.says)
			}
		})
	}
}

func TestUndoGivesThePortsBack(t *testing.T) {
	led := stack.Step{Kind: stack.StepIngress}
	u := undoing(stack.Step{Kind: stack.StepStop, Services: []string{"edge"}}, led)
	u.Release = sharedShop("a.org").Release
	u.Before.Ingress, u.Now.Ingress = map[string][]string{}, map[string][]string{"shop": {"a.org"}}
	of(u.Now, "edge").State = "exited"
	want := "ingress to shop, its routes were others when the run began \nedge edge, edge ran when the run began "
	if got := ingressSteps(Undo(u)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	u = undoing(led)
	u.Before.Ingress, u.Now.Ingress = map[string][]string{"shop": {"a.org"}}, map[string][]string{"shop": {"a.org", "b.org"}}
	if got := ingressSteps(Undo(u)); got != "ingress to shop, its routes were others when the run began a.org" {
		t.Errorf("hosts that came: %s", got)
	}
	u.Now.Ingress = u.Before.Ingress
	if got := ingressSteps(Undo(u)); got != "" {
		t.Errorf("nothing was written: %s", got)
	}
	u.Blind = true
	if got := ingressSteps(Undo(u)); !strings.HasPrefix(got, "ingress to shop") {
		t.Errorf("what is there is not known: %s", got)
	}
}

// replacedEdge are the steps around an edge that is replaced.
func replacedEdge(p stack.Plan) string {
	var out []string
	for _, s := range p.Steps {
		if s.Kind == stack.StepStandby || s.Kind == stack.StepEdge || s.Kind == stack.StepIngress {
			out = append(out, string(s.Kind)+" "+s.Release+strings.Join(s.Hosts, ","))
		}
	}
	return strings.Join(out, "; ")
}

func TestACopyOfTheEdgeServesWhileThatIsReplaced(t *testing.T) {
	want := sharedShop("a.org", "b.org")
	want.Release.Services[2].Definition = "edge-2"
	seen := ingressed(seenShop(), map[string][]string{"shop": {"a.org"}})
	plan := Plan(want, seen)
	if got := replacedEdge(plan); got != "ingress a.org,b.org; standby aaaaaaaaaaaa; edge ; ingress a.org,b.org" {
		t.Errorf("it is %s", got)
	}
	if notes := strings.Join(plan.Notes, "\n"); !strings.Contains(notes, "a copy of it serves meanwhile") || strings.Contains(notes, "refused") {
		t.Errorf("the notes are %s", notes)
	}
	for name, change := range map[string]func(*stack.Observed){
		"an edge that does not run":        func(o *stack.Observed) { of(*o, "edge").State = "exited" },
		"an edge that is ill":              func(o *stack.Observed) { of(*o, "edge").Health = "unhealthy" },
		"nothing is live":                  func(o *stack.Observed) { o.Live = "" },
		"an ingress that must be started":  func(o *stack.Observed) { of(*o, stack.IngressService).State = "exited" },
		"an edge that has the ports still": func(o *stack.Observed) { of(*o, "edge").Ports = webPorts },
		"an ingress that leads elsewhere":  func(o *stack.Observed) { o.Ingress = map[string][]string{} },
	} {
		seen := ingressed(seenShop(), map[string][]string{"shop": {"a.org", "b.org"}})
		change(&seen)
		if got := replacedEdge(Plan(want, seen)); strings.Contains(got, "standby") {
			t.Errorf("%s: %s", name, got)
		}
	}
	seen.Containers = append(seen.Containers, stack.Container{Project: stack.StandbyProject("shop"), Service: "edge", State: "running"})
	want.Release.Services[2].Definition = "edge-1"
	if got := replacedEdge(Plan(want, seen)); got != "ingress a.org,b.org" {
		t.Errorf("a copy that a run left: %s", got)
	}
	of(seen, "edge").State = "exited"
	if got := replacedEdge(Plan(want, seen)); got != "edge ; ingress a.org,b.org" {
		t.Errorf("a copy that a run left, and no edge that could follow it: %s", got)
	}
	gone := ingressed(seenShop(), map[string][]string{"shop": {"a.org", "b.org"}})
	gone.Astray = []string{"shop"}
	if got := replacedEdge(Plan(want, gone)); got != "ingress a.org,b.org" {
		t.Errorf("an ingress that leads to a copy which is gone: %s", got)
	}
}

func TestUndoBringsAnEdgeBackBehindACopy(t *testing.T) {
	u := undoing(stack.Step{Kind: stack.StepStandby, Services: []string{"edge"}, Release: oldID}, stack.Step{Kind: stack.StepEdge, Services: []string{"edge"}}, stack.Step{Kind: stack.StepIngress})
	u.Release = sharedShop("a.org").Release
	u.Old.Services[3].Networks = []string{stack.IngressProject}
	u.Before, u.Now = ingressed(u.Before, map[string][]string{"shop": {"a.org"}}), ingressed(u.Now, map[string][]string{"shop": {"a.org"}})
	of(u.Now, "edge").Labels = map[string]string{stack.LabelDefinition: "edge-2", stack.LabelProject: "shop"}
	if got := replacedEdge(Undo(u)); got != "standby aaaaaaaaaaaa; edge aaaaaaaaaaaa; ingress aaaaaaaaaaaaa.org" {
		t.Errorf("it is %s", got)
	}
	u.Now.Containers = append(u.Now.Containers, stack.Container{Project: stack.StandbyProject("shop"), Service: "edge", State: "running"})
	if got := replacedEdge(Undo(u)); got != "edge aaaaaaaaaaaa; ingress aaaaaaaaaaaaa.org" {
		t.Errorf("with the copy of the run: %s", got)
	}
}

func TestACopyOfTheEdgeWritesNothing(t *testing.T) {
	r := stack.Release{Project: "shop", Services: []stack.Service{{Name: "edge", Layer: stack.LayerEdge, Networks: []string{"front", stack.IngressProject}}},
		Networks: []stack.Network{{Name: "front"}, {Name: stack.IngressProject, Real: stack.IngressProject, External: true}}, Volumes: []stack.Volume{{Name: "acme"}}, Base: []byte(`
name: shop
services:
  edge:
    image: sha256:1
    labels: {dev.stackctl.layer: edge}
    networks: {front: {}, stackctl-ingress: {aliases: [shop-edge]}}
    volumes:
      - {type: bind, source: /srv/shop/files/1/traefik.yml, target: /etc/traefik/traefik.yml, read_only: true}
      - {type: volume, source: acme, target: /acme}
volumes: {acme: {}}
`)}
	got, err := standbyCompose(r, "edge", stack.StandbyProject("shop"), map[string]string{"/srv/shop/files/1/traefik.yml": "/srv/shop/edge/standby.yml"})
	if err != nil {
		t.Fatal(err)
	}
	text := string(got)
	for _, want := range []string{"- " + stack.StandbyAlias("shop"), "name: shop_front", "name: shop_acme", "name: stackctl-ingress", "source: /srv/shop/edge/standby.yml"} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
	if strings.Count(text, "read_only: true") != 2 || strings.Contains(text, "shop-edge\n") || strings.Contains(text, "labels") {
		t.Errorf("it writes, or is taken for the edge:\n%s", text)
	}
}

// A web server of the host itself is what most often has the ports.
func TestWhoHasTheIngresssPortsIsToldBeforeItsLog(t *testing.T) {
	held := stack.Fault(stack.CauseStep, "start project stackctl-ingress", errors.New("listen tcp4 0.0.0.0:80: bind: address already in use"), "another program of the host has that port")
	if _, fix := stack.Explain(ingressFault("shop", held)); fix != "another program of the host has that port" {
		t.Errorf("it says %q", fix)
	}
	if _, fix := stack.Explain(ingressFault("shop", errors.New("it does not answer"))); !strings.Contains(fix, "docker logs $(docker ps -qf label=dev.stackctl.ingress)") {
		t.Errorf("it says %q", fix)
	}
}
