package infer_test

import (
	"testing"

	"stackctl/pkg/stackctl/infer"
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
