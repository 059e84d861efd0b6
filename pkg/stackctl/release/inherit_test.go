package release_test

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// volumes_from means the other service's mounts, also over two steps, read-only where
// the entry ends in :ro; one's own mount at the same place stays.
func TestVolumesOfAnotherServiceAreOnesOwn(t *testing.T) {
	s := newProject(t, map[string]string{"compose.yaml": `services:
  app:
    image: acme/app:1
    volumes: ["pages:/var/www", "./conf:/conf:ro", "own:/own"]
  web:
    image: nginx:1.27
    volumes: ["mine:/own"]
    volumes_from: ["app:ro"]
  cron:
    image: acme/app:1
    volumes_from: [web]
  bare:
    image: acme/bare:1
  beside:
    image: acme/beside:1
    volumes_from: [bare, "container:old"]
volumes: {pages: , own: , mine: }
`, "conf/a": "a"})
	r, err := s.read()
	must(t, err)
	mounts := func(service string) string {
		one, _ := r.Service(service)
		var out []string
		for _, m := range one.Volumes {
			text := m.Source[strings.LastIndex(m.Source, "/")+1:] + ":" + m.Target
			if m.ReadOnly {
				text += ":ro"
			}
			out = append(out, text)
		}
		return strings.Join(append(out, one.VolumesFrom...), " ")
	}
	for service, want := range map[string]string{
		"app":    "pages:/var/www conf:/conf:ro own:/own",
		"web":    "mine:/own pages:/var/www:ro conf:/conf:ro",
		"cron":   "mine:/own pages:/var/www:ro conf:/conf:ro",
		"beside": "bare container:old",
	} {
		if got := mounts(service); got != want {
			t.Errorf("%s has %q, want %q", service, got, want)
		}
	}
	if one, _ := r.Service("web"); one.Strategy != stack.StrategyRecreate { // it writes to its own
		t.Errorf("web is replaced by %s", one.Strategy)
	}
}
