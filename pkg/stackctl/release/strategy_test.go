package release

import (
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/stack"
)

func TestWhatMustNotRunBesideItsSuccessorIsRecreated(t *testing.T) {
	mount := func(kind, source string, readOnly bool) []stack.Mount {
		return []stack.Mount{{Type: kind, Source: source, Target: "/x", ReadOnly: readOnly}}
	}
	for name, c := range map[string]struct {
		service stack.Service
		shared  []string
		cause   string // empty: it overlaps
	}{
		"it keeps nothing":          {stack.Service{}, nil, ""},
		"a volume":                  {stack.Service{Volumes: mount("volume", "data", false)}, nil, "volume data is writable"},
		"a volume to read":          {stack.Service{Volumes: mount("volume", "data", true)}, nil, ""},
		"a volume that is shared":   {stack.Service{Volumes: mount("volume", "data", false)}, []string{"data"}, ""},
		"another one is shared":     {stack.Service{Volumes: append(mount("volume", "media", false), mount("volume", "data", false)...)}, []string{"media"}, "volume data is writable"},
		"a volume without a name":   {stack.Service{Volumes: mount("volume", "", false)}, nil, ""},
		"a folder":                  {stack.Service{Volumes: mount("bind", "/data/up", false)}, nil, "folder /data/up is writable"},
		"a folder to read":          {stack.Service{Volumes: mount("bind", "/data/up", true)}, nil, ""},
		"the engine's socket":       {stack.Service{Volumes: mount("bind", "/var/run/docker.sock", false)}, nil, ""},
		"a socket elsewhere":        {stack.Service{Volumes: mount("bind", "/srv/php.sock", false)}, nil, ""},
		"what the kernel shows":     {stack.Service{Volumes: mount("bind", "/proc", false)}, nil, ""},
		"memory":                    {stack.Service{Volumes: mount("tmpfs", "", false)}, nil, ""},
		"the volumes of another":    {stack.Service{VolumesFrom: []string{"db"}}, nil, "it has the volumes of db"},
		"a name of its own":         {stack.Service{ContainerName: "shop_api"}, nil, "its container is called shop_api"},
		"an address of its own":     {stack.Service{FixedAddress: "10.0.0.5"}, nil, "its address is 10.0.0.5"},
		"a port":                    {stack.Service{Layer: stack.LayerApp, Ports: []stack.Port{{Published: "8080"}}}, nil, "port 8080 is published"},
		"the edge's ports":          {stack.Service{Layer: stack.LayerEdge, Ports: []stack.Port{{Published: "443"}}}, nil, ""},
		"the host's network":        {stack.Service{NetworkMode: "host"}, nil, "it is on the host's network"},
		"another service's network": {stack.Service{NetworkMode: "service:api"}, nil, ""},
	} {
		want := stack.StrategyOverlap
		if c.cause != "" {
			want = stack.StrategyRecreate
		}
		if got, cause := strategy(c.service, c.shared, ""); got != want || cause != c.cause {
			t.Errorf("%s: %s, %q", name, got, cause)
		}
	}
	if got, _ := strategy(stack.Service{Volumes: mount("volume", "data", false)}, nil, stack.StrategyOverlap); got != stack.StrategyOverlap {
		t.Error("what the compose file says itself does not count")
	}
}

func TestAStoppedReleaseStaysSoWhenTheServerReboots(t *testing.T) {
	for name, c := range map[string]struct {
		service types.ServiceConfig
		want    string
	}{
		"always":           {types.ServiceConfig{Restart: "always"}, "unless-stopped"},
		"any, as in Swarm": {types.ServiceConfig{Deploy: &types.DeployConfig{RestartPolicy: &types.RestartPolicy{Condition: "any"}}}, "unless-stopped"},
		"on failure":       {types.ServiceConfig{Restart: "on-failure:3"}, "on-failure:3"},
		"no":               {types.ServiceConfig{}, ""},
	} {
		before := c.service.Deploy
		staysStopped(&c.service)
		if c.service.Restart != c.want || before != nil && (before.RestartPolicy == nil || c.service.Deploy.RestartPolicy != nil) {
			t.Errorf("%s: %q, %+v", name, c.service.Restart, c.service.Deploy)
		}
	}
}
