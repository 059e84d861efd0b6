package deploy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

func TestAnImageForAnotherArchitectureIsRefused(t *testing.T) {
	release := wantedShop().Release
	release.Images[0].Platform = "linux/arm64/v8"
	if err := checkPlatform(release, stack.HostFacts{Arch: "arm64"}); err != nil {
		t.Error(err)
	}
	err := checkPlatform(release, stack.HostFacts{Arch: "amd64"})
	if stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "it is for arm64, the host is amd64") {
		t.Errorf("says %v", err)
	}
}

func TestAServiceForAnotherPlatformIsRefused(t *testing.T) {
	for platform, refused := range map[string]bool{
		"": false, "linux": false, "linux/arm64": false, "linux/arm64/v8": false,
		"linux/amd64": true, "linux/arm/v7": true, "windows/arm64": true, "windows": true,
	} {
		release := wantedShop().Release
		s := &release.Services[0]
		s.Platform, s.File, s.Line = platform, "compose.yaml", 7
		err := checkPlatform(release, stack.HostFacts{Arch: "arm64"})
		if (err != nil) != refused || refused && (stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "compose.yaml:7: service "+s.Name+" wants platform "+platform)) {
			t.Errorf("platform %q: %v", platform, err)
		}
		if s.Deployed = false; checkPlatform(release, stack.HostFacts{Arch: "arm64"}) != nil {
			t.Errorf("platform %q of a service that is not deployed is refused", platform)
		}
	}
}

func TestAHostThatCannotHoldTheReleaseIsRefused(t *testing.T) {
	release := wantedShop().Release
	release.Images[0].Bytes, release.Images[0].Platform = 100<<20, "linux/arm64/v8"
	roomy := stack.HostFacts{Arch: "arm64", FreeBytes: 1 << 30, FreeFiles: 1024, DockerFree: 656 << 20, DockerFiles: -1}
	for name, c := range map[string]struct {
		change func(*stack.Observed)
		says   string
		cause  stack.Cause
	}{
		"enough":         {func(*stack.Observed) {}, "", ""},
		"one byte short": {func(s *stack.Observed) { s.Host.DockerFree-- }, "loading the new ones takes about 400 MB, and 256 MB stay reserved", stack.CauseStep},
		"nothing to ship": {func(s *stack.Observed) {
			s.Host.DockerFree = deployRoom.Bytes
			s.Images = []stack.HostImage{{ID: "sha256:bbbb"}}
		}, "", ""},
		"nowhere to run": {func(s *stack.Observed) {
			s.Host.DockerFree = deployRoom.Bytes - 1
			s.Images = []stack.HostImage{{ID: "sha256:bbbb"}}
		},
			"16 MB are free where the host keeps its containers", stack.CauseStep},
		"folder full":  {func(s *stack.Observed) { s.Host.FreeBytes = 1 << 20 }, "1 MB are free in the project's folder, a deploy needs 16 MB", stack.CauseStep},
		"nothing free": {func(s *stack.Observed) { s.Host.FreeBytes = 0 }, "0 MB are free in the project's folder", stack.CauseStep},
		"no file more": {func(s *stack.Observed) { s.Host.DockerFiles = 0 }, "0 more files fit where the host keeps its containers, a deploy needs 16 MB and 1024 files", stack.CauseStep},
		"few files":    {func(s *stack.Observed) { s.Host.FreeFiles = 1023 }, "1023 more files fit in the project's folder", stack.CauseStep},
		"not told":     {func(s *stack.Observed) { s.Host.FreeBytes, s.Host.DockerFree = -1, -1 }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			seen := stack.Observed{Host: roomy}
			c.change(&seen)
			p := planner{seen: seen, r: release}
			p.images()
			err := checkRoom(p.plan, release, seen)
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || stack.CauseOf(err) != c.cause):
				t.Errorf("says %v", err)
			}
		})
	}
}

// told is a server that answers every command alike.
type told struct {
	node.Server
	answer string
}

func (s told) Run(context.Context, ...string) (stack.Output, error) {
	return stack.Output{Stdout: []byte(s.answer)}, nil
}

func (s told) Members() []node.Member { return []node.Member{{Host: s}} }

func (told) Facts(context.Context) (stack.HostFacts, error) {
	return stack.HostFacts{DockerRoot: "/srv/docker"}, nil
}

func TestNoStepThatWritesBeginsOnAFullDisk(t *testing.T) {
	for name, c := range map[string]struct {
		kind   stack.Kind
		answer string
		begins bool
	}{
		"room":                     {stack.StepStart, "8388608 10 256 0\n8388608 0 0 0\n", true},
		"the project's disk full":  {stack.StepStart, "8388607 9999 999 0\n99999999 9999 999 0\n", false},
		"the engine's disk full":   {stack.StepDrain, "99999999 9999 999 0\n0 9999 999 0\n", false},
		"not told":                 {stack.StepStart, "-1 -1 -1 0\n-1 -1 -1 0\n", true},
		"told as nobody can read":  {stack.StepStart, "much\nmore\n", true},
		"told in words":            {stack.StepStart, "much - - 0\nmore - - 0\n", true},
		"no file more fits":        {stack.StepStart, "99999999 9999 255 0\n99999999 9999 999 0\n", false},
		"gates look":               {stack.StepGates, "0 1 0 0\n0 1 0 0\n", true},
		"an end has room reserved": {stack.StepCommit, "0 1 0 0\n0 1 0 0\n", true},
		"pruning makes room":       {stack.StepPrune, "0 1 0 0\n0 1 0 0\n", true},
	} {
		x := &executor{story: operator("/srv/shop", "one", 0), server: told{answer: c.answer}}
		if err := x.checkStepRoom(t.Context(), stack.Step{Kind: c.kind}); (err == nil) != c.begins || err != nil && stack.CauseOf(err) != stack.CauseStep {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFailureOnAFullDiskSaysWhatToFree(t *testing.T) {
	const room = "99999999 9999 9999 0\n"
	target := stack.Target{Host: "203.0.113.7", Path: "/srv/shop"}
	for name, c := range map[string]struct{ answer, failure, says, fix string }{
		"the engine's":        {room + "0 9999 9999 0\n", "", "0 MB are free in /srv/docker", "free space"},
		"the project's":       {"1048576 9999 9999 0\n0 0 0 0\n", "", "1 MB are free in /srv/shop", "free space"},
		"no file more":        {"99999999 9999 7 0\n" + room, "", "7 more files fit in /srv/shop", "du --inodes"},
		"full for a moment":   {room + room, "write /x: no space left on device", "the disk of 203.0.113.7 got full", "free space"},
		"room":                {room + room, "", "", ""},
		"it does not say":     {"-1 -1 -1 0\n-1 -1 -1 0\n", "", "", ""},
		"btrfs has no number": {"99999999 0 0 0\n99999999 0 0 0\n", "", "", ""},
	} {
		failure := stack.Fault(stack.CauseGate, "judge the deployment", errors.New(c.failure), "")
		err := fullDisk(t.Context(), told{answer: c.answer}, target, failure)
		reason, fix := stack.Explain(err)
		if c.says == "" && err != failure || c.says != "" && (!strings.Contains(reason, c.says) || !strings.Contains(fix, c.fix) || stack.CauseOf(err) != stack.CauseGate) { //nolint:errorlint // it comes back as it was
			t.Errorf("%s: %s; %s", name, reason, fix)
		}
	}
}

// The fullest node decides, and is named; an image needs room where it goes.
func TestANodeThatCannotHoldTheReleaseIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func([]stack.HostFacts)
		says   string
	}{
		"enough":                        {func([]stack.HostFacts) {}, ""},
		"where the image goes":          {func(n []stack.HostFacts) { n[2].DockerFree-- }, "656 MB are free where n3 keeps its images; loading the new ones takes about 400 MB"},
		"where it does not go":          {func(n []stack.HostFacts) { n[0].DockerFree = 100 << 20 }, ""},
		"a folder":                      {func(n []stack.HostFacts) { n[0].FreeBytes = 0 }, "0 MB are free in the project's folder on n1, a deploy needs 16 MB"},
		"an engine without a new image": {func(n []stack.HostFacts) { n[0].DockerFiles = 3 }, "3 more files fit where n1 keeps its containers"},
	} {
		want, seen := onNodes()
		want.Release.Images[0].Bytes = 100 << 20
		for _, n := range []string{"n1", "n2", "n3", "n4"} {
			seen.Host.Nodes = append(seen.Host.Nodes, stack.HostFacts{Node: n, FreeBytes: 1 << 30, FreeFiles: -1, DockerFree: 656 << 20, DockerFiles: -1})
		}
		c.change(seen.Host.Nodes)
		err := checkRoom(Plan(want, seen), want.Release, seen)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || stack.CauseOf(err) != stack.CauseStep) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// trying is a Swarm with a full disk, which tries on to start what it cannot.
type trying struct{ told }

func (trying) Up(ctx context.Context, _ string, _ []byte, _ []string, _ func(service, state string)) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (trying) Containers(context.Context) ([]stack.Container, error) { return nil, nil }

func TestAStartEndsWhenTheDiskOfANodeGetsFull(t *testing.T) {
	s := operator("/srv/shop", "one", 0)
	s.d.Target.Nodes = []stack.Node{{Name: "one"}}
	s.d.Config.Timeouts.Start = time.Minute
	x := &executor{story: s, server: trying{told{answer: "99999999 9999 999 0\n0 9999 999 0\n"}}}
	began := time.Now()
	_, err := x.applyInRoom(t.Context(), stack.Step{Kind: stack.StepStart, Services: []string{"api"}})
	if !errors.Is(err, errNoRoom) || stack.CauseOf(err) != stack.CauseStep || time.Since(began) > 30*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}

func TestAnEngineThatMountsNoImagesIsTold(t *testing.T) {
	for version, want := range map[string]string{"26.1.5+dfsg1": "compose.yaml:7: service web mounts the files of an image, and the host has Docker Engine 26.1.5", "28.0.0": "", "29.1": "", "": ""} {
		s := stack.Service{Name: "web", Deployed: true, File: "compose.yaml", Line: 7, Volumes: []stack.Mount{{Type: "image", Source: "acme/pages:7", Target: "/srv"}}}
		err := checkPlatform(stack.Release{Services: []stack.Service{s}}, stack.HostFacts{EngineVersion: version})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("Engine %s: %v", version, err)
		}
	}
}
