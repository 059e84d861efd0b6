package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// engineOf is a server whose engine knows one container.
type engineOf struct {
	told
	id string
}

func (e engineOf) Containers(context.Context) ([]stack.Container, error) {
	return []stack.Container{{ID: e.id}}, nil
}

func TestAnEngineThatWentAwayIsNotBlamedOnWhatWasAsked(t *testing.T) {
	failure := stack.Fault(stack.CauseStep, "start project shop", fmt.Errorf("error during connect: %w", io.EOF), "correct the files")
	reason, fix := stack.Explain(explained(t.Context(), told{}, stack.Target{Host: "203.0.113.7"}, failure))
	if !strings.HasPrefix(reason, "the Docker Engine of 203.0.113.7 went away in the middle: start project shop") || !strings.Contains(fix, "systemctl status docker") {
		t.Errorf("%s; %s", reason, fix)
	}
}

func TestAReadOnlyFileSystemIsSaidToBe(t *testing.T) {
	failure := errors.New("rm: cannot remove 'routes.yml'")
	for answer, said := range map[string]bool{
		"rw,relatime\n": false, "ro,relatime\n": true, "rw,errors=remount-ro\n": false, "rw,relatime\nro,nosuid\n": true, "ro\nrw\n": false, "": false,
	} {
		err := explained(t.Context(), told{answer: answer}, stack.Target{Host: "203.0.113.7", Path: "/srv/shop"}, failure)
		if got := strings.Contains(err.Error(), "the file system of /srv/shop on 203.0.113.7 is mounted read-only"); got != said || !errors.Is(err, failure) {
			t.Errorf("mounted with %q: %v", answer, err)
		}
	}
}

func TestContainersThatTheEngineHasLostSightOfAreNamed(t *testing.T) {
	one, two := strings.Repeat("1", 64), strings.Repeat("2", 64)
	groups := "/proc/70/cgroup:9:name=systemd:/docker/" + one + "\n/proc/70/cgroup:8:pids:/docker/" + one + "\n/proc/71/cgroup:0::/docker/" + one +
		"\n/proc/90/cgroup:0::/system.slice/docker-" + two + "\n/proc/70/comm:server\n/proc/90/comm:traefik edge\n"
	for name, c := range map[string]struct{ known, text, says string }{
		"one of two":       {one, groups, "222222222222 (process 90, traefik edge)"},
		"the other":        {two, groups, "111111111111 (process 70, server)"},
		"none runs":        {one, "/proc/70/comm:server\n", ""},
		"all known":        {one, "/proc/70/cgroup:0::/docker/" + one + "\n", ""},
		"ended meanwhile":  {one, "/proc/90/cgroup:0::/docker/" + two + "\n", "(process 90, ended)"},
		"something else":   {one, "/proc/90/cgroup:0::/docker/" + two[1:] + "\n", ""},
		"another engine's": {one, groups + "/proc/8/comm:dockerd\n/proc/9/comm:dockerd\n", ""},
		"this engine's":    {one, groups + "/proc/8/comm:dockerd\n", "222222222222"},
		"nothing was told": {one, "", ""},
	} {
		failure := errors.New("the files were not taken")
		server := engineOf{told{answer: c.text}, c.known}
		if got := node.LostContainers(t.Context(), server, stack.Target{Host: "203.0.113.7"}); (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q", name, got)
		}
		err := explained(t.Context(), server, stack.Target{Host: "203.0.113.7"}, failure)
		if c.says == "" && err != failure || c.says != "" && (!errors.Is(err, failure) || !strings.Contains(err.Error(), "stackctl provision")) { //nolint:errorlint // it comes back as it was
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAServiceThatEndsWellIsTakenForOneThatIsMeantTo holds that whoever has a service
// which does something and ends is told how to say so.
func TestAServiceThatEndsWellIsTakenForOneThatIsMeantTo(t *testing.T) {
	for _, c := range []struct {
		ended engine.ServiceError
		says  bool
	}{
		{engine.ServiceError{Service: "updates", Problem: "exited"}, true},
		{engine.ServiceError{Service: "updates", Problem: "exited", ExitCode: 1}, false},
		{engine.ServiceError{Service: "updates", Problem: "exited", Reason: "out of memory"}, false},
		{engine.ServiceError{Service: "updates", Problem: "is unhealthy"}, false},
	} {
		fix := advice(stack.Fault(stack.CauseStep, "wait for service updates", &c.ended, "see its log lines"), "the report holds the last log lines")
		if strings.Contains(fix, "give service updates `x-stackctl: {run: once}`") != c.says || !strings.Contains(fix, "the report holds the last log lines") {
			t.Errorf("%+v: %s", c.ended, fix)
		}
	}
}
