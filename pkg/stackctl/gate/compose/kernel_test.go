package compose

import (
	"encoding/base64"
	"testing"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/stack"
)

func TestComposeCatchesWhatReachesTheHost(t *testing.T) {
	on := func(name, service, problem string, change func(svc *stack.Service)) gatetest.Mutant {
		return gatetest.Mutant{Name: name, After: func(s *gate.Subject) { change(gatetest.ServiceOf(s, service)) }, Subject: "service " + service, Problem: problem}
	}
	gatetest.StaticMutants(t, Declared(), []gatetest.Mutant{
		on("group of root", "worker", "group", func(svc *stack.Service) { svc.GroupAdd = []string{"0"} }),
		on("group of Docker", "worker", "group", func(svc *stack.Service) { svc.GroupAdd = []string{"docker"} }),
		on("cgroups", "worker", "cgroup", func(svc *stack.Service) { svc.CgroupMode = "host" }),
		on("UTS", "worker", "uts", func(svc *stack.Service) { svc.UTSMode = "host" }),
		on("sysctl", "worker", "net.ipv4.ip_forward", func(svc *stack.Service) { svc.Sysctls = map[string]string{"net.ipv4.ip_forward": "1"} }),
		on("no OOM killer", "worker", "memory runs out", func(svc *stack.Service) { svc.OOMKillDisable = true }),
		on("its own name", "api", "side by side", func(svc *stack.Service) { svc.ContainerName = "api" }),
		on("no time to finish", "api", "cut off", func(svc *stack.Service) { svc.StopGrace = 0 }),
		on("a rare check", "api", "too rarely", func(svc *stack.Service) { svc.Healthcheck.Interval = time.Hour }),
		on("a check that prints its version", "api", "cannot fail", func(svc *stack.Service) { svc.Healthcheck.Test = []string{"CMD", "/server", "--version"} }),
		on("not after the migration", "worker", "before migrate", func(svc *stack.Service) { delete(svc.DependsOn, "migrate") }),
		on("a build argument", "worker", "build argument", func(svc *stack.Service) {
			svc.BuildArgs = map[string]string{"COLOUR": gatetest.RepoSecrets["app_secret"]}
		}),
		on("base64 in a variable", "worker", "environment variable", func(svc *stack.Service) {
			svc.Environment["COLOUR"] = base64.StdEncoding.EncodeToString([]byte(gatetest.RepoSecrets["app_secret"]))
		}),
		{Name: "a secret as an ordinary file", After: func(s *gate.Subject) {
			s.Release.Files = append(s.Release.Files, stack.File{Path: "files/x/notes.txt", Content: []byte(gatetest.RepoSecrets["app_secret"])})
		}, Subject: "file notes.txt", Problem: "ordinary file"},
		{Name: "somebody else's network", After: func(s *gate.Subject) { s.Release.Networks[0].External = true }, Subject: "network app", Problem: "somebody else"},
	})
}
