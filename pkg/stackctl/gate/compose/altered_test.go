package compose

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

// imageServer is what an image brings along.
type imageServer struct{ *gatetest.Server }

func (imageServer) InspectImage(context.Context, string) ([]byte, error) {
	return []byte(`{"Config": {"Env": ["PATH=/bin", "TINI=1"], "Entrypoint": ["/server"], "Cmd": ["help"]}}`), nil
}

func TestAContainerRunsAsItsReleaseStartsIt(t *testing.T) {
	const file = `
services:
  api:
    command: [api]
    environment: {A: "1", B: ""}
    healthcheck: {test: [CMD, /server, healthcheck]}
    volumes: [{type: volume, source: data, target: /data/}]
    secrets: [{source: key, target: /run/secrets/key}, {source: other}]
`
	good := `{"Image": "sha256:1", "Config": {"Env": ["A=1", "B=", "PATH=/bin", "TINI=1"], "Cmd": ["api"], "Entrypoint": ["/server"], "Healthcheck": {"Test": ["CMD", "/server", "healthcheck"]}},
		"Mounts": [{"Type": "volume", "Name": "stack_data", "Destination": "/data"}, {"Type": "bind", "Destination": "/run/secrets/key"}, {"Type": "bind", "Destination": "/run/secrets/other"},
			{"Type": "volume", "Name": "` + strings.Repeat("0a", 32) + `", "Destination": "/cache"}, {"Type": "tmpfs", "Destination": "/tmp"}]}`
	for _, c := range []struct{ name, from, to, want string }{
		{"as it was started", "", "", ""},
		{"another command", `["api"]`, `["admin"]`, "another command"},
		{"more arguments", `["api"]`, `["api", "--debug"]`, "another command"},
		{"another program", `["/server"]`, `["/bin/sh"]`, "another command"},
		{"a variable is another", `"A=1"`, `"A=2"`, "A is another"},
		{"a variable is gone", `"A=1", `, ``, "A is gone"},
		{"a variable more", `"A=1"`, `"A=1", "DEBUG=1"`, "DEBUG was added"},
		{"the image's own variable is another", `TINI=1`, `TINI=2`, "TINI was added"},
		{"no health check", `"Healthcheck": {"Test": ["CMD", "/server", "healthcheck"]}`, `"Healthcheck": null`, "another health check"},
		{"another health check", `"/server", "healthcheck"`, `"true"`, "another health check"},
		{"a mount more", `"/tmp"}`, `"/tmp"}, {"Type": "bind", "Destination": "/secrets"}`, "does not declare"},
		{"a device", `"Mounts"`, `"HostConfig": {"Devices": [{}]}, "Mounts"`, "devices"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(good, c.from) {
				t.Fatalf("no %q", c.from)
			}
			var r runningContainer
			if err := json.Unmarshal([]byte(strings.Replace(good, c.from, c.to, 1)), &r); err != nil {
				t.Fatal(err)
			}
			started, err := probe.Frozen(stack.Release{App: []byte(file)})
			if err != nil {
				t.Fatal(err)
			}
			found, err := altered(context.Background(), gate.Subject{Server: imageServer{&gatetest.Server{}}}, stack.Service{Name: "api"}, stack.Container{Name: "api-1"}, &r, started["api"])
			if err != nil {
				t.Fatal(err)
			}
			text := ""
			for _, f := range found {
				text += f.Problem + ": " + f.Observed + "\n"
			}
			if (text == "") != (c.want == "") || !strings.Contains(text, c.want) {
				t.Errorf("found %q, want %q", text, c.want)
			}
		})
	}
}
