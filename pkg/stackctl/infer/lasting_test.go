package infer_test

import (
	"slices"
	"testing"

	"stackctl/pkg/stackctl/infer"
	"stackctl/pkg/stackctl/stack"
)

// TestAWorkerGoesOn holds that a service which is named for going on does not run once,
// though the file says that nothing restarts it.
func TestAWorkerGoesOn(t *testing.T) {
	for name, once := range map[string]bool{"mail-consumer": false, "worker": false, "report": true} {
		s := service(name, "acme/web", func(s *infer.Service) { s.Restart, s.NotRestarted = "no", true })
		if d := infer.Layers([]infer.Service{s}, "")[name]; d.OneShot != once {
			t.Errorf("%s: %+v, want once %t", name, d, once)
		}
	}
}

func TestVolumesWithoutANameAreTold(t *testing.T) {
	at := func(source, target string) func(*infer.Service) {
		return func(s *infer.Service) {
			s.Volumes = append(s.Volumes, stack.Mount{Type: "volume", Source: source, Target: target})
		}
	}
	services := []infer.Service{
		service("site", "acme/site", at("", "/var/www/html/sites"), at("", "/app/node_modules"), at("files", "/files")),
		service("db", "postgres", at("", "/var/lib/postgresql/data")), service("migrate", "acme/site", at("", "/x")),
	}
	if got := infer.Nameless(services, infer.Layers(services, "")); len(got) != 1 || !slices.Equal(got["site"], []string{"/var/www/html/sites"}) {
		t.Errorf("got %v", got)
	}
}
