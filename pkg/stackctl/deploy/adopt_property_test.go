package deploy

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// compose runs the services of a release as `docker compose` does.
func (w *world) compose(r stack.Release) {
	for _, s := range r.Services {
		if !s.Deployed || s.OneShot || s.Layer == stack.LayerEdge {
			continue
		}
		c := &stack.Container{ID: "compose " + s.Name, Name: "shop-" + s.Name, State: "running", Health: "healthy", Writes: r.Writes(s), Ports: s.Ports,
			Labels: map[string]string{stack.ComposeProject: "shop", stack.ComposeService: s.Name}}
		if s.ContainerName != "" {
			c.Name = s.ContainerName
		}
		w.host[c.Name] = c
	}
}

// adopted are the containers of docker compose, by ID.
func (w *world) adopted() map[string]*stack.Container {
	out := map[string]*stack.Container{}
	for _, c := range w.host {
		if stack.ByCompose(*c, "shop") {
			out[c.ID] = c
		}
	}
	return out
}

func (w *world) rename(c *stack.Container, name string) {
	if w.host[name] != nil {
		w.fault("%s is to be called %s, as another one is", c.Name, name)
	}
	delete(w.host, c.Name)
	c.Name = name
	w.host[name] = c
}

func (w *world) setAside(services []string) {
	for _, c := range w.adopted() {
		if !slices.Contains(services, c.Labels[stack.ComposeService]) {
			continue
		}
		if !c.Aside() {
			w.rename(c, stack.AsideName(c.Name, "always"))
		}
		c.State = "exited"
	}
}

func (w *world) reinstate() {
	for _, c := range w.adopted() {
		name, _, ok := stack.ParseAside(c.Name)
		if !ok {
			continue
		}
		w.rename(c, name)
		c.State = "running"
		w.judge(stack.Release{ID: "-", Project: "shop"}, stack.Service{Name: c.Labels[stack.ComposeService]}, c, false)
	}
}

func (w *world) discard(own stack.Release) {
	if w.records[own.ID].State != stack.ReleaseGood {
		w.fault("what was adopted is removed before release %s is good", own.ID)
	}
	for _, c := range w.adopted() {
		if c.Aside() {
			delete(w.host, c.Name)
		}
	}
}

// TestAnAdoptionHasAWayBackFromEveryStep walks made-up projects from docker compose
// to stackctl, by runs that go well, fail at any step or are killed there: never do
// two write to one place, and where no release is good, compose's serve.
func TestAnAdoptionHasAWayBackFromEveryStep(t *testing.T) {
	adoptions, ways := 0, 0
	for seed := range uint64(600) {
		w := &world{t: t, rand: rand.New(rand.NewPCG(seed, 2)), host: map[string]*stack.Container{}, records: map[string]stack.ReleaseRecord{}, releases: map[string]stack.Release{}}
		r := w.invent()
		w.compose(r)
		served := len(w.adopted())
		for range 4 {
			if w.rand.IntN(3) == 0 {
				r = w.invent()
			}
			w.run(r, false)
			left := w.adopted()
			good := w.live != "" && w.records[w.live].State == stack.ReleaseGood
			undone := len(w.story) > 0 && strings.HasPrefix(w.story[len(w.story)-1], string(stack.StepFail)) && w.live == ""
			for id, c := range left {
				if undone && (!c.Active() || c.Aside()) {
					w.fault("%s does not serve, and nothing else does", id)
				}
			}
			if !good && len(left) != served {
				w.fault("%d of %d containers of docker compose are left, and no release is good", len(left), served)
			}
			if w.broken != "" {
				t.Fatalf("seed %d: %s\n%s\n%s", seed, w.broken, strings.Join(w.story, "\n"), w.described(r))
			}
			if undone {
				ways++
			}
			if good {
				adoptions++
				break
			}
		}
		if names := slices.Sorted(maps.Keys(w.host)); slices.ContainsFunc(names, func(n string) bool {
			return strings.Contains(n, "aside") && w.live == "" && !strings.Contains(strings.Join(w.story, ""), "killed")
		}) {
			t.Fatalf("seed %d: nothing is live, and %v", seed, names)
		}
	}
	if adoptions < 100 || ways < 100 {
		t.Errorf("%d adoptions, %d ways back: too few to prove anything", adoptions, ways)
	}
}
