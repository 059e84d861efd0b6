package deploy

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestAProjectThatRunsOutOfAnotherFolderIsRefused(t *testing.T) {
	target := stack.Target{Path: "/srv/shop", Host: "203.0.113.7"}
	for name, c := range map[string]struct {
		project, mount string
		other          string
	}{
		"the edge's files":         {"shop", "/srv/two/edge/dynamic", "/srv/two"},
		"a file of a release":      {"shop", "/srv/two/releases/0123456789ab/files/app.conf", "/srv/two"},
		"a file by content":        {"shop", "/srv/shop/two/files/0123456789ab/app.conf", "/srv/shop/two"},
		"a secret":                 {"shop", "/srv/two/secrets/0123456789ab/key", "/srv/two"},
		"its own folder":           {"shop", "/srv/shop/edge/dynamic", ""},
		"its own release":          {"shop", "/srv/shop/releases/0123456789ab/secrets/key", ""},
		"a folder of the host":     {"shop", "/data/files/2026/x", ""},
		"a volume":                 {"shop", "/var/lib/docker/volumes/shop_data/_data", ""},
		"another project's folder": {"shop-eu", "/srv/two/edge/dynamic", ""},
	} {
		seen := stack.Observed{Containers: []stack.Container{{Name: "x", Mounts: []string{c.mount}, Labels: map[string]string{stack.LabelProject: c.project}}}}
		err := checkHome("shop", target, seen)
		if (err == nil) != (c.other == "") || err != nil && (stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "out of "+c.other+" (") || !strings.Contains(err.Error(), "path: "+c.other)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
