package engine

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

func TestOtherPeoplesThingsAreNotTouched(t *testing.T) {
	w := newWorld(t)
	made, err := w.api.ContainerCreate(w.ctx, client.ContainerCreateOptions{
		Name: w.project + "-foreign",
		Config: &container.Config{Image: imageA, Cmd: []string{"sleep"}, Labels: map[string]string{
			"com.docker.compose.project": w.project, "com.docker.compose.service": "api", "com.docker.compose.oneoff": "False",
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.api.ContainerStart(w.ctx, made.ID, client.ContainerStartOptions{}); err != nil {
		t.Fatal(err)
	}
	yaml := file(healthy("api", imageA))
	_, upErr := w.Up(w.ctx, w.project, yaml, nil, nil)
	_, runErr := w.RunOnce(w.ctx, w.project, yaml, "api")
	for what, err := range map[string]error{"up": upErr, "run": runErr} {
		if err == nil || !strings.Contains(err.Error(), "stackctl did not make") {
			t.Errorf("%s: got %v, want a refusal", what, err)
		}
	}
	_ = w.Start(w.ctx, w.project) // it has no container
	for what, err := range map[string]error{
		"orphans": w.RemoveServices(w.ctx, w.project, []string{"api"}), "stop": w.Stop(w.ctx, w.project, time.Second), "remove": w.Remove(w.ctx, w.project),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	res, err := w.api.ContainerInspect(w.ctx, made.ID, client.ContainerInspectOptions{})
	if err != nil || !res.Container.State.Running {
		t.Errorf("the foreign container is not running any more: %v", err)
	}
}

func TestUpRefusesAForeignNetworkOfTheSameName(t *testing.T) {
	w := newWorld(t)
	foreign, err := w.api.NetworkCreate(w.ctx, w.project+"_app", client.NetworkCreateOptions{Driver: "bridge"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = w.api.NetworkRemove(context.Background(), foreign.ID, client.NetworkRemoveOptions{}) })
	yaml := append(file(healthy("api", imageA, "networks: [app]")), []byte("networks: {app: {name: "+w.project+"_app}}\n")...)
	if _, err := w.Up(w.ctx, w.project, yaml, nil, nil); err == nil || !strings.Contains(err.Error(), "is not of project") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestUpRefusesToRemakeANetworkThatOthersUse(t *testing.T) {
	w := newWorld(t)
	yaml := func(label string) []byte {
		return append(file(healthy("db", imageA, "networks: [data]")), []byte(
			"networks: {data: {name: "+w.project+"_data, labels: {v: \""+label+"\"}}}\n")...)
	}
	w.up(yaml("1"))
	guest, err := w.api.ContainerCreate(w.ctx, client.ContainerCreateOptions{
		Name: w.project + "-guest", Config: &container.Config{Image: imageA, Cmd: []string{"sleep"}},
		HostConfig:       &container.HostConfig{NetworkMode: container.NetworkMode(w.project + "_data")},
		NetworkingConfig: &network.NetworkingConfig{},
	})
	if err != nil {
		t.Fatal(err)
	}
	remove := func() { _ = w.removeContainer(context.Background(), guest.ID, true) }
	t.Cleanup(remove)
	if _, err := w.api.ContainerStart(w.ctx, guest.ID, client.ContainerStartOptions{}); err != nil {
		t.Fatal(err)
	}
	before := w.ids()
	_, err = w.Up(w.ctx, w.project, yaml("2"), nil, nil)
	if err == nil || !strings.Contains(err.Error(), w.project+"-guest") {
		t.Errorf("got %v, want the guest named", err)
	}
	if after := w.ids(); after["db"] != before["db"] {
		t.Error("db was replaced")
	}
}
