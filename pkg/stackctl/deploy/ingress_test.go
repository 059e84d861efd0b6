package deploy

import (
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
