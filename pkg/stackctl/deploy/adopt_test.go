package deploy

import (
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

const secondFolder = "/home/someone/shop"

// composed is a container that `docker compose` made for the project shop.
func composed(service, image string, writes ...string) stack.Container {
	return stack.Container{Name: "shop-" + service + "-1", Project: "shop", Service: service, Image: image, State: "running", Writes: writes,
		Labels: map[string]string{stack.ComposeProject: "shop", stack.ComposeService: service, stack.ComposeOneOff: "False", stack.ComposeFolder: secondFolder}}
}

// writing is a container that has written into its own file system.
func writing(c stack.Container, bytes int64) stack.Container {
	c.Written = bytes
	return c
}

// identified is a container of an image.
func identified(c stack.Container, image string) stack.Container {
	c.ImageID = image
	return c
}

// asideOf is a container as it is while it waits aside.
func asideOf(c stack.Container) stack.Container {
	c.Name, c.Project, c.Service, c.State = stack.AsideName(c.Name, "always"), "", "", "exited"
	return c
}

// adoptError is an error with its way out.
func adoptError(err error) string {
	reason, fix := stack.Explain(err)
	return reason + " " + fix
}

// bareShop is a host on which `docker compose` runs the project.
func bareShop(there ...stack.Container) stack.Observed {
	seen := seenShop()
	seen.Live, seen.Releases, seen.Networks = "", nil, []string{"shop_data", "others"}
	seen.Containers = append(there, seen.Containers[3])
	return apart(seen, "shop")
}

// fronted is the shop with an edge that publishes the ports of the web, and what
// holds them at `docker compose`.
func fronted() (Wanted, stack.Container) {
	want, nginx := wantedShop(), composed("nginx", "nginx:1", "shop_certs")
	want.Release.Services[2].Ports, nginx.Ports = webPorts, webPorts
	return want, nginx
}

func TestAnAdoptionGoesStepByStep(t *testing.T) {
	want, nginx := fronted()
	ended := composed("migrate", "shop/api:1")
	ended.State = "exited"
	got := planText(want, bareShop(composed("db", "postgres:16", "shop_data"), nginx, writing(composed("api", "shop/api:1"), 1_500_000), ended))
	if expected := `[3] backup db, its container is replaced
[4] adopt db, the release's db takes its place
[5] data db, db is not there
[6] migrate migrate, nothing is live
[7] start release bbbbbbbbbbbb, nothing is live
[8] gates pre-switch, no user sees a release that was not judged
[9] adopt nginx, edge starts: port 80 is published
[10] edge edge, edge is not there
[11] switch the edge to release bbbbbbbbbbbb, it points nowhere
[12] adopt api, migrate, release bbbbbbbbbbbb serves
[13] gates post-switch, what users get is judged from outside
[14] commit release bbbbbbbbbbbb, every gate has passed
[15] discard ` + "what `docker compose` started" + `, the release is in their place; volumes stay
note: db: stopped for what comes in its place; what needs it fails until that serves
note: nginx: stopped for what comes in its place; what needs it fails until that serves
note: api has written 1.5 MB into its container, in no volume: they go with it. ` + "`docker cp`" + ` takes out what is needed
note: nginx is no service of this release: it goes with ` + "what `docker compose` started" + `
note: volume shop_certs of nginx stays, and no service of this release mounts it
`; !strings.Contains(got, expected) {
		t.Errorf("it is planned as\n%s", got)
	}
	if again := planText(want, bareShop(asideOf(composed("db", "postgres:16")))); strings.Contains(again, "] adopt ") || !strings.Contains(again, "discard what `docker compose` started") {
		t.Errorf("an adoption that was cut off is planned as\n%s", again)
	}
}

// TestAnAdoptionWithoutAStoreBeginsWithTheEdge: no other step makes the networks.
func TestAnAdoptionWithoutAStoreBeginsWithTheEdge(t *testing.T) {
	want, nginx := fronted()
	want.Release.Services = slices.DeleteFunc(want.Release.Services, func(s stack.Service) bool { return s.Layer == stack.LayerData })
	want.Release.Services[0].Strategy, want.Release.Services[0].StrategyCause = stack.StrategyRecreate, "volume data is writable"
	got := planText(want, bareShop(nginx, composed("api", "shop/api:1")))
	for _, line := range []string{"adopt nginx, edge starts: port 80 is published\n[4] edge edge,", "adopt api, api starts: volume data is writable\n[8] start release"} {
		if !strings.Contains(got, line) {
			t.Errorf("%q is not in\n%s", line, got)
		}
	}
}

// TestWhatDoesNotRunIsInNobodysWay: it holds no port, and writes nothing.
func TestWhatDoesNotRunIsInNobodysWay(t *testing.T) {
	want, nginx := fronted()
	nginx.State = "exited"
	got := planText(want, bareShop(composed("db", "postgres:16", "shop_data"), nginx))
	if !strings.Contains(got, "adopt nginx, release "+newID+" serves") {
		t.Errorf("it is planned as\n%s", got)
	}
}

// TestAnAdoptionBehindTheIngressFreesItsPorts: the ingress takes them, not the edge.
func TestAnAdoptionBehindTheIngressFreesItsPorts(t *testing.T) {
	_, nginx := fronted()
	want := sharedShop("shop.example")
	got := planText(want, bareShop(composed("db", "postgres:16", "shop_data"), nginx))
	if !strings.Contains(got, "adopt nginx, it holds port 80\n[10] ingress to shop") {
		t.Errorf("it is planned as\n%s", got)
	}
}

func TestAnAdoptionIsRefusedWhereDataWouldBeMissed(t *testing.T) {
	r := stack.Release{ID: newID, Project: "shop", Images: []stack.Image{{Reference: "postgres:16", ID: "sha256:cccc"}},
		Persistent: []stack.Persistent{{Path: "data/uploads"}, {Path: "data/site.yml", File: true, Seed: []stack.File{{Content: []byte("x")}}}, {Path: "data/users.json", File: true}}, Services: []stack.Service{
			{Name: "db", Layer: stack.LayerData, Deployed: true, Image: "postgres:16", Volumes: []stack.Mount{{Type: "volume", Source: "data"}}},
			{Name: "web", Layer: stack.LayerApp, Deployed: true, Image: "shop/web:2", Volumes: []stack.Mount{{Type: "bind", Source: "/srv/shop/data/uploads", Persistent: true}}},
			{Name: "migrate", Layer: stack.LayerApp, OneShot: true, Deployed: true},
		}}
	oneOff := composed("web", "shop/web:1")
	oneOff.Labels[stack.ComposeOneOff] = "True"
	stopped := composed("migrate", "shop/web:1")
	stopped.State = "exited"
	nameless := strings.Repeat("0a", 32)
	for name, c := range map[string]struct {
		there []stack.Container
		live  string
		want  string // "": it may be adopted
	}{
		"the same":                             {[]stack.Container{composed("db", "docker.io/library/postgres:16", "shop_data"), composed("web", "shop/web:1"), stopped}, "", ""},
		"waiting aside":                        {[]stack.Container{asideOf(composed("db", "postgres:16", "shop_data"))}, "", ""},
		"left of one that was good":            {[]stack.Container{asideOf(composed("db", "postgres:16", "shop_data"))}, oldID, ""},
		"another project":                      {[]stack.Container{composed("blog", "ghost:5")}, "", "it is another project of that name"},
		"beside a release":                     {[]stack.Container{composed("db", "postgres:16", "shop_data")}, oldID, "beside it"},
		"beside one that was cut off":          {[]stack.Container{composed("db", "postgres:16", "shop_data")}, newID, ""},
		"another volume":                       {[]stack.Container{composed("db", "postgres:16", "shop_pgdata")}, "", "name: shop_pgdata"},
		"a volume without a name":              {[]stack.Container{composed("db", "postgres:16", nameless)}, "", "without a name (0a0a0a0a0a0a…)"},
		"one of the application":               {[]stack.Container{composed("web", "shop/web:1", nameless)}, "", "docker compose rm --stop web"},
		"another version of the store":         {[]stack.Container{composed("db", "postgres:13", "shop_data")}, "", "postgres:13"},
		"a store of another name":              {[]stack.Container{composed("database", "postgres:13", "shop_pg"), composed("web", "shop/web:1")}, "", "db of this release runs the same program"},
		"a folder":                             {[]stack.Container{composed("web", "shop/web:1", secondFolder+"/uploads")}, "", "cp -a " + secondFolder + "/uploads /srv/shop/data/uploads"},
		"a folder that it has not":             {[]stack.Container{composed("web", "shop/web:1", secondFolder+"/cache")}, "", ""},
		"a folder of the host":                 {[]stack.Container{composed("web", "shop/web:1", "/opt/pictures")}, "", "/opt/pictures there, which this release does not mount"},
		"its logs on the host":                 {[]stack.Container{composed("web", "shop/web:1", "/var/log/shop")}, "", "/var/log/shop there, which"},
		"a store that keeps data in no volume": {[]stack.Container{writing(composed("db", "postgres:16"), 64_000)}, "", "db keeps data in its container"},
		"a store that keeps nothing":           {[]stack.Container{writing(composed("db", "postgres:16"), 63_999)}, "", ""},
		"an application that has written":      {[]stack.Container{writing(composed("web", "shop/web:1"), 5_000_000)}, "", ""},
		"the same, pinned":                     {[]stack.Container{composed("db", "postgres:16@sha256:"+strings.Repeat("0", 64), "shop_data")}, "", ""},
		"the same by its ID":                   {[]stack.Container{identified(composed("db", "sha256:cccc", "shop_data"), "sha256:cccc")}, "", ""},
		"a file that the project holds":        {[]stack.Container{composed("web", "shop/web:1", secondFolder+"/site.yml")}, "", ""},
		"a file that it does not":              {[]stack.Container{composed("web", "shop/web:1", secondFolder+"/users.json")}, "", "users.json, and this release in"},
		"the engine's socket":                  {[]stack.Container{composed("web", "shop/web:1", "/var/run/docker.sock")}, "", ""},
		"the project's folder":                 {[]stack.Container{composed("web", "shop/web:1", secondFolder)}, "", ""},
		"a shell of somebody":                  {[]stack.Container{composed("db", "postgres:16", "shop_data"), oneOff}, "", "somebody is at work"},
		"a migration at work":                  {[]stack.Container{composed("migrate", "shop/web:1")}, "", "migrate is at work"},
	} {
		seen := bareShop(c.there...)
		seen.Live, seen.Releases = c.live, []stack.ReleaseRecord{{ID: oldID, State: stack.ReleaseGood}, {ID: newID, State: stack.ReleaseStarted}}
		err := checkStrangers(r, stack.Target{Host: "shop.example", Path: "/srv/shop"}, seen, true)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(adoptError(err), c.want) || !strings.Contains(err.Error(), "nothing was changed")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	moved := bareShop(composed("web", "shop/web:1", secondFolder+"/uploads"))
	moved.Files["data/uploads"] = ""
	if err := checkStrangers(r, stack.Target{}, moved, true); err != nil {
		t.Errorf("a folder that was copied: %v", err)
	}
}

func TestAProjectIsAdoptedOnDemandAlone(t *testing.T) {
	r := wantedShop().Release
	for want, seen := range map[string]stack.Observed{
		"shop-db-1, from " + secondFolder: bareShop(composed("db", "postgres:16")),
		"was cut off":                     bareShop(asideOf(composed("db", "postgres:16"))),
		"deploy --adopt":                  bareShop(composed("blog", "ghost:5")),
	} {
		if err := checkStrangers(r, stack.Target{Host: "shop.example"}, seen, false); err == nil || !strings.Contains(adoptError(err), want) || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("%q: %v", want, err)
		}
	}
	good := seenShop()
	good.Adopted = []stack.Container{asideOf(composed("db", "postgres:16"))}
	for name, seen := range map[string]stack.Observed{
		"its own containers": apart(seenShop(), "shop"), "what an adoption left": good,
		"another project": apart(bareShop(composed("db", "postgres:16")), "shop-eu"),
	} {
		if name == "another project" {
			seen.Adopted = nil
		}
		if err := checkStrangers(r, stack.Target{}, seen, false); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnAdoptionThatFailsGivesTheSiteBack(t *testing.T) {
	adoptStep := stack.Step{Kind: stack.StepAdopt, Services: []string{"db"}}
	u := Undone{Applied: []stack.Step{adoptStep, {Kind: stack.StepData, Services: []string{"db"}}, {Kind: stack.StepEdge, Services: []string{"edge"}}, startStep},
		Release: wantedShop().Release, Old: stack.Release{Project: "shop"}, Before: bareShop(composed("db", "postgres:16", "shop_data")), Cause: "no"}
	u.Now = bareShop(asideOf(composed("db", "postgres:16", "shop_data")))
	u.Now.Containers = append(u.Now.Containers, running("shop", "db", "", "db-1", stack.LayerData), running("shop", "edge", "", "edge-1", stack.LayerEdge),
		running("shop-"+newID, "api", newID, "api-2", stack.LayerApp))
	const back = "remove db, edge, those of `docker compose` come back; volumes stay\n[3] reinstate what `docker compose` started, it served when the project was adopted\n"
	if got := undoText(u); !strings.HasPrefix(got, "[1] remove release "+newID) || !strings.Contains(got, back) {
		t.Errorf("it is undone by\n%s", got)
	}
	u.Before.Ingress, u.Now.Ingress = map[string][]string{"blog": {"blog.example"}}, map[string][]string{"blog": {"blog.example"}, "shop": {"shop.example"}}
	shared := u
	shared.Applied = append([]stack.Step{{Kind: stack.StepIngress, Hosts: []string{"shop.example"}}}, u.Applied...)
	if got := undoText(shared); !strings.Contains(got, "ingress to shop, its routes were others when the run began\n") {
		t.Errorf("behind the ingress it is undone by\n%s", got)
	}
	blind := u
	blind.Blind, blind.Now = true, u.Before
	if got := undoText(blind); !strings.Contains(got, "remove db, edge, ui,") || !strings.Contains(got, "reinstate") {
		t.Errorf("where nothing can be seen it is undone by\n%s", got)
	}
	early := u
	early.Applied, early.Now = []stack.Step{{Kind: stack.StepShipFiles}}, u.Before
	if got := undoText(early); strings.Contains(got, "reinstate") {
		t.Errorf("before anything was set aside it is undone by\n%s", got)
	}
}

// TestAnAdoptionThatWasCutOffAfterItsSwitchHasAWayBack: the release was never judged,
// and docker compose's containers wait.
func TestAnAdoptionThatWasCutOffAfterItsSwitchHasAWayBack(t *testing.T) {
	r := wantedShop().Release
	before := bareShop(asideOf(composed("db", "postgres:16")))
	before.Live = newID
	for name, c := range map[string]struct {
		state stack.ReleaseState
		cause stack.Cause
		want  string
	}{
		"a gate failed":        {stack.ReleaseStarted, stack.CauseGate, ""},
		"the operator stopped": {stack.ReleaseStarted, stack.CauseInterrupted, newID},
		"it was good":          {stack.ReleaseGood, stack.CauseGate, newID},
	} {
		before.Releases = []stack.ReleaseRecord{{ID: newID, State: c.state}}
		if id, idle := Destination(before, r, nil, stack.Fault(c.cause, "judge", nil, "")); id != c.want || idle != (c.want == "") {
			t.Errorf("%s: it leads to %q, idle %t", name, id, idle)
		}
	}
}
