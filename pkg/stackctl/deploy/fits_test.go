package deploy

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestAnImageForAnotherArchitectureIsRefused(t *testing.T) {
	release := wantedShop().Release
	release.Images[0].Platform = "linux/arm64/v8"
	if err := runs(release, stack.HostFacts{Arch: "arm64"}); err != nil {
		t.Error(err)
	}
	err := runs(release, stack.HostFacts{Arch: "amd64"})
	if stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "it is for arm64, the host is amd64") {
		t.Errorf("says %v", err)
	}
}

func TestAHostThatCannotHoldTheReleaseIsRefused(t *testing.T) {
	release := wantedShop().Release
	release.Images[0].Bytes, release.Images[0].Platform = 100<<20, "linux/arm64/v8"
	roomy := stack.HostFacts{Arch: "arm64", FreeBytes: 1 << 30, DockerFree: 656 << 20}
	for name, c := range map[string]struct {
		change func(*stack.Observed)
		says   string
		cause  stack.Cause
	}{
		"enough":         {func(*stack.Observed) {}, "", ""},
		"one byte short": {func(s *stack.Observed) { s.Host.DockerFree-- }, "loading the new ones takes about 400 MB, and 256 MB stay reserved", stack.CauseStep},
		"nothing to ship": {func(s *stack.Observed) {
			s.Host.DockerFree = pathReserve
			s.Images = []stack.HostImage{{ID: "sha256:bbbb"}}
		}, "", ""},
		"nowhere to run": {func(s *stack.Observed) {
			s.Host.DockerFree = pathReserve - 1
			s.Images = []stack.HostImage{{ID: "sha256:bbbb"}}
		},
			"16 MB are free where the host keeps its containers", stack.CauseStep},
		"folder full":  {func(s *stack.Observed) { s.Host.FreeBytes = 1 << 20 }, "1 MB are free in the project's folder, a deploy needs 16 MB", stack.CauseStep},
		"nothing free": {func(s *stack.Observed) { s.Host.FreeBytes = 0 }, "0 MB are free in the project's folder", stack.CauseStep},
		"not told":     {func(s *stack.Observed) { s.Host.FreeBytes, s.Host.DockerFree = -1, -1 }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			seen := stack.Observed{Host: roomy}
			c.change(&seen)
			err := fits(release, seen)
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || stack.CauseOf(err) != c.cause):
				t.Errorf("says %v", err)
			}
		})
	}
}
