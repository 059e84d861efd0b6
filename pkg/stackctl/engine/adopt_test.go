package engine

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// shopFile is a project with a store, what needs it, and what has ended.
func shopFile(image string, more ...string) []byte {
	yaml := file(
		healthy("db", image, "volumes: [\"data:/data\"]\nrestart: unless-stopped"),
		healthy("web", image, "restart: on-failure:3\ndepends_on: {db: {condition: service_healthy}}"),
		service{"job", "image: " + image + "\ncommand: [print, done]"},
	)
	return append(yaml, []byte("volumes: {data: {}}\n"+strings.Join(more, "\n"))...)
}

// shopServes are the containers of shopFile once they serve, with their restart policies.
var shopServes = map[string]string{"db-1": "running unless-stopped", "web-1": "running on-failure-3", "job-1": "exited no"}

// composed starts a project as `docker compose` does: nothing says that it is stackctl's.
func (w *world) composed(yaml []byte) {
	w.t.Helper()
	p, err := load(w.ctx, w.project, yaml)
	if err != nil {
		w.t.Fatal(err)
	}
	for name, s := range p.Services {
		delete(s.CustomLabels, stack.LabelProject)
		delete(s.CustomLabels, labelOnce)
		p.Services[name] = s
	}
	for key, n := range p.Networks {
		n.CustomLabels = types.Labels{}
		p.Networks[key] = n
	}
	for key, v := range p.Volumes {
		v.CustomLabels = types.Labels{}
		p.Volumes[key] = v
	}
	c, _, err := w.compose(&events{})
	if err == nil {
		err = c.Create(w.ctx, p, api.CreateOptions{})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	list, err := w.others(w.ctx, w.project) // hidden from Compose by the guard
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range slices.Concat(inWaves(list)...) {
		if _, err := w.api.ContainerStart(w.ctx, c.ID, client.ContainerStartOptions{}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// strangers maps what is not stackctl's in the project to whether it runs, by name,
// and to its restart policy.
func (w *world) strangers() map[string]string {
	w.t.Helper()
	list, err := w.others(w.ctx, w.project)
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]string{}
	for _, c := range list {
		res, err := w.api.ContainerInspect(w.ctx, c.ID, client.ContainerInspectOptions{})
		if err != nil {
			w.t.Fatal(err)
		}
		out[strings.TrimPrefix(containerName(c), w.project+"-")] = string(res.Container.State.Status) + " " + policyText(res.Container.HostConfig.RestartPolicy)
	}
	return out
}

func (w *world) expectStrangers(when string, want map[string]string) {
	w.t.Helper()
	got := w.strangers()
	if len(got) != len(want) {
		w.t.Errorf("%s: %v", when, got)
	}
	for name, state := range want {
		if got[name] != state {
			w.t.Errorf("%s: %s is %q, not %q; all: %v", when, name, got[name], state, got)
		}
	}
}

// network is the ID of the project's default network.
func (w *world) network() string {
	w.t.Helper()
	res, err := w.api.NetworkInspect(w.ctx, w.project+"_default", client.NetworkInspectOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return res.Network.ID
}

func TestWhatComposeStartedIsSetAsideAndGivenBack(t *testing.T) {
	w := newWorld(t)
	w.composed(shopFile(imageA))
	eventually(t, func() bool { return w.strangers()["job-1"] == shopServes["job-1"] }, func() string { return "the job does not end" })
	network := w.network()
	if _, err := w.Up(w.ctx, w.project, shopFile(imageB), nil, nil); err == nil || !strings.Contains(err.Error(), "stackctl did not make") {
		t.Errorf("beside what runs it starts: %v", err)
	}
	aside := map[string]string{"db-1.aside.unless-stopped": "exited no", "web-1.aside.on-failure-3": "exited no", "job-1.aside.stopped": "exited no"}
	for _, when := range []string{"once", "twice"} {
		if err := w.SetAside(w.ctx, w.project, "db", "web", "job"); err != nil {
			t.Fatal(err)
		}
		w.expectStrangers("set aside "+when, aside)
	}
	if list := w.states(); len(list) != 0 {
		t.Errorf("what is aside is seen as the project's: %v", list)
	}

	w.up(shopFile(imageB), "db", "web")
	w.expectStrangers("beside the new one", aside)
	if w.network() != network {
		t.Error("the network was made anew")
	}
	if touched := w.up(shopFile(imageB), "db", "web"); len(touched) != 0 {
		t.Errorf("a second time it touches %v", touched)
	}
	if err := w.RemoveServices(w.ctx, w.project, []string{"db", "web"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Reinstate(w.ctx, w.project); err != nil {
		t.Fatal(err)
	}
	w.expectStrangers("given back", shopServes)
}

// TestServicesAreSetAsideOneByOne: what is not in the way goes on, and what was set
// aside is removed at last.
func TestServicesAreSetAsideOneByOne(t *testing.T) {
	w := newWorld(t)
	w.composed(shopFile(imageA))
	eventually(t, func() bool { return w.strangers()["job-1"] == shopServes["job-1"] }, func() string { return "the job does not end" })
	if err := w.SetAside(w.ctx, w.project, "db"); err != nil {
		t.Fatal(err)
	}
	w.up(shopFile(imageB), "db")
	w.expectStrangers("the store is set aside", map[string]string{"db-1.aside.unless-stopped": "exited no", "web-1": shopServes["web-1"], "job-1": shopServes["job-1"]})
	if err := w.SetAside(w.ctx, w.project, "web", "job"); err != nil {
		t.Fatal(err)
	}
	w.up(shopFile(imageB), "web")
	if err := w.RemoveAside(w.ctx, w.project); err != nil {
		t.Fatal(err)
	}
	w.expectStrangers("removed", nil)
	if s := w.states(); s["db"] != "running" || s["web"] != "running" {
		t.Errorf("with those aside removed: %v", s)
	}
}

func TestWhatEndsAtOnceIsSetAsideToo(t *testing.T) {
	w := newWorld(t)
	w.composed(file(service{"loop", "image: " + imageA + "\ncommand: [fail, \"1\"]\nrestart: always"}))
	eventually(t, func() bool { return strings.HasPrefix(w.strangers()["loop-1"], "restarting") }, func() string { return fmt.Sprint(w.strangers()) })
	if err := w.SetAside(w.ctx, w.project, "loop"); err != nil {
		t.Fatal(err)
	}
	w.expectStrangers("set aside", map[string]string{"loop-1.aside.always": "exited no"})
	if err := w.Reinstate(w.ctx, w.project); err != nil {
		t.Fatal(err)
	}
	if got := w.strangers(); !strings.HasSuffix(got["loop-1"], " always") {
		t.Errorf("given back: %v", got)
	}
}

func TestWhatAContainerHasWrittenIsMeasured(t *testing.T) {
	w := newWorld(t)
	w.composed(file(service{"db", "image: " + imageA + "\ncommand: [sleep]"}))
	list, err := w.others(w.ctx, w.project)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	before, err := w.Written(w.ctx, list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	files := tar.NewWriter(&archive)
	const size = 200_000
	if err := errors.Join(files.WriteHeader(&tar.Header{Name: "data", Mode: 0o600, Size: size}), write(files, size), files.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.api.CopyToContainer(w.ctx, list[0].ID, client.CopyToContainerOptions{DestinationPath: "/", Content: &archive}); err != nil {
		t.Fatal(err)
	}
	if after, err := w.Written(w.ctx, list[0].ID); err != nil || after-before < size || after-before > 2*size {
		t.Errorf("%d bytes, and %d before, %v", after, before, err)
	}
}

// write writes so many bytes.
func write(to io.Writer, n int) error {
	_, err := to.Write(make([]byte, n))
	return err
}

func TestANetworkOfComposeMustBeAsTheFileWantsIt(t *testing.T) {
	w := newWorld(t)
	w.composed(shopFile(imageA))
	if err := w.SetAside(w.ctx, w.project, "db"); err != nil {
		t.Fatal(err)
	}
	_, err := w.Up(w.ctx, w.project, shopFile(imageA, "networks: {default: {internal: true}}"), []string{"db"}, nil)
	if err == nil || !strings.Contains(err.Error(), "internal: true") || !strings.Contains(err.Error(), "docker compose down") {
		t.Errorf("it says %v", err)
	}
}

func TestWhatDependsOnOthersComesInALaterWave(t *testing.T) {
	of := func(service, needs string) container.Summary {
		return container.Summary{ID: service, Labels: map[string]string{api.ServiceLabel: service, api.DependenciesLabel: needs}}
	}
	waves := inWaves([]container.Summary{of("web", "api:service_started:false,gone:service_started:false"), of("db", ""), of("api", "db:service_healthy:false,cache:service_started:false"),
		of("cache", "")})
	var got []string
	for _, wave := range waves {
		var names []string
		for _, c := range wave {
			names = append(names, c.ID)
		}
		slices.Sort(names)
		got = append(got, strings.Join(names, " "))
	}
	if text := strings.Join(got, " | "); text != "cache db | api | web" {
		t.Errorf("the waves are %s", text)
	}
	circle := inWaves([]container.Summary{of("a", "b:service_started:false"), of("b", "a:service_started:false")})
	if all := slices.Concat(circle...); len(all) != 2 {
		t.Errorf("of two that wait for each other %d are left", len(all))
	}
}
