package compose

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

// Running judges whether the containers run as the files say.
func Running() gate.Gate {
	return gate.Gate{
		Rules: Rules,
		ID:    "G9", Name: "compose", Phase: stack.PhasePost,
		Question: "Do the containers run as the compose files say?",
		Refs:     []string{"SPEC §2", "ASVS 13.2.2", "ASVS 15.2.2"},
		Inspects: "each container of the release: there, healthy, of the judged image, and its command, variables, health check, user, file system, privileges, limits, networks and mounts as the Engine reports them",
		Check:    checkRunning,
	}
}

// runningContainer is what the Engine says of a container, as far as it is judged.
type runningContainer struct {
	// Image is the image's name in the engine's own store.
	Image  string `json:"Image"`
	Config struct {
		User        string   `json:"User"`
		Env         []string `json:"Env"`
		Cmd         []string `json:"Cmd"`
		Entrypoint  []string `json:"Entrypoint"`
		Healthcheck *struct {
			Test []string `json:"Test"`
		} `json:"Healthcheck"`
	} `json:"Config"`
	HostConfig struct {
		Privileged     bool     `json:"Privileged"`
		ReadonlyRootfs bool     `json:"ReadonlyRootfs"`
		CapAdd         []string `json:"CapAdd"`
		CapDrop        []string `json:"CapDrop"`
		SecurityOpt    []string `json:"SecurityOpt"`
		PidMode        string   `json:"PidMode"`
		IpcMode        string   `json:"IpcMode"`
		UsernsMode     string   `json:"UsernsMode"`
		Memory         int64    `json:"Memory"`
		Devices        []any    `json:"Devices"`
		RestartPolicy  struct {
			Name string `json:"Name"`
		} `json:"RestartPolicy"`
		LogConfig struct {
			Type   string            `json:"Type"`
			Config map[string]string `json:"Config"`
		} `json:"LogConfig"`
	} `json:"HostConfig"`
	Mounts []struct {
		Type        string `json:"Type"`
		Name        string `json:"Name"`
		Source      string `json:"Source"`
		Destination string `json:"Destination"`
		RW          bool   `json:"RW"`
	} `json:"Mounts"`
}

func checkRunning(ctx context.Context, s gate.Subject) (gate.Answer, error) {
	if s.Server == nil {
		return gate.Answer{}, errors.New("no connection to the server")
	}
	a := gate.Answer{Of: "containers"}
	mine, attempts, err := settled(ctx, s, runningReady)
	a.Attempts = attempts
	if err != nil {
		return a, err
	}
	same := sameStore(s, mine)
	started, err := probe.Frozen(s.Release)
	if err != nil {
		return a, err
	}
	for _, svc := range s.Release.Services {
		if !deployed(s, svc) {
			continue
		}
		found := slices.DeleteFunc(slices.Clone(mine), func(c stack.Container) bool { return c.Service != svc.Name })
		a.Findings = append(a.Findings, presence(s, svc, found, same)...)
		for _, c := range found {
			a.Inspected++
			if c.State != "running" {
				continue
			}
			inspected, err := inspectContainer(ctx, s, c)
			if err != nil {
				return a, err
			}
			a.Findings = append(a.Findings, runsAsDeclared(s, svc, c, inspected)...)
			want, there := started[svc.Name]
			if !there {
				continue
			}
			found, err := altered(ctx, s, svc, c, inspected, want)
			a.Findings = append(a.Findings, found...)
			if err != nil {
				return a, err
			}
		}
	}
	for _, c := range mine {
		if _, ok := s.Release.Service(c.Service); !ok && c.State == "running" {
			a.Inspected++
			a.Findings = append(a.Findings, stack.Finding{Subject: "container " + c.Name, Rule: undeclaredContainerRule.ID, Problem: "a container of the project that no compose file declares", Expected: "services of the compose files only",
				Observed: cmp.Or(c.Service, c.Name) + " from " + c.Image, Fix: "remove the container, or declare the service"})
		}
	}
	return a, nil
}

// runningReady is how long a container that has just started may take to be
// found healthy.
const runningReady = 20 * time.Second

// settled lists the release's containers once none is starting any more.
func settled(ctx context.Context, s gate.Subject, ready time.Duration) ([]stack.Container, []stack.Attempt, error) {
	deadline := time.Now().Add(ready)
	var attempts []stack.Attempt
	for {
		all, err := s.Server.Containers(ctx)
		if err != nil {
			return nil, attempts, fmt.Errorf("list the host's containers: %w", err)
		}
		mine := slices.DeleteFunc(slices.Clone(all), func(c stack.Container) bool { return !probe.Current(s, c) })
		i := slices.IndexFunc(mine, func(c stack.Container) bool { return c.State == "running" && c.Health == "starting" })
		if i < 0 || ctx.Err() != nil || time.Now().After(deadline) {
			return mine, attempts, nil
		}
		attempts = append(attempts, stack.Attempt{At: time.Now(), Result: mine[i].Name + " is starting"})
		probe.Wait(ctx, 500*time.Millisecond)
	}
}

// judgedImage is the ID of the image that the release brings, or "".
func judgedImage(s gate.Subject, reference string) string {
	for _, i := range s.Release.Images {
		if i.Reference == reference {
			return i.ID
		}
	}
	return ""
}

// sameStore reports whether the host names images by the same digest as the release:
// the containerd store names them by their manifest, not by their config.
func sameStore(s gate.Subject, mine []stack.Container) bool {
	return slices.ContainsFunc(mine, func(c stack.Container) bool {
		return slices.ContainsFunc(s.Release.Images, func(i stack.Image) bool { return i.ID != "" && i.ID == c.ImageID })
	})
}

// deployed reports whether a service's profiles are chosen.
func deployed(s gate.Subject, svc stack.Service) bool {
	return s.Config.Compose.Deploys(svc.Profiles)
}

func containerFinding(rule stack.Rule, svc stack.Service, problem, expected, observed, fix string) stack.Finding {
	return stack.Finding{Subject: "container " + svc.Name, Rule: rule.ID, Problem: problem, Expected: expected, Observed: observed, Fix: fix, File: svc.File, Line: svc.Line}
}

// presence judges that a service runs, is well, and is the image that was judged.
func presence(s gate.Subject, svc stack.Service, found []stack.Container, same bool) []stack.Finding {
	if svc.OneShot {
		return nil // it ran, or the deploy would have ended
	}
	running := slices.DeleteFunc(slices.Clone(found), func(c stack.Container) bool { return c.State != "running" })
	if len(running) == 0 {
		state := "no container"
		if len(found) > 0 {
			state = found[0].State
		}
		return []stack.Finding{containerFinding(runsRule, svc, "the service does not run", "running", state, "see stackctl logs "+svc.Name)}
	}
	var out []stack.Finding
	for _, c := range running {
		if ill(svc, c) {
			out = append(out, containerFinding(runsRule, svc, "the container is not healthy", "healthy", c.Health, "see stackctl logs "+svc.Name))
		}
		if id := judgedImage(s, svc.Image); same && id != "" && c.ImageID != "" && c.ImageID != id {
			out = append(out, containerFinding(runsRule, svc, "another image runs than the one that was judged", id, c.ImageID, "deploy again"))
		}
		out = append(out, networksOf(s, svc, c)...)
	}
	return out
}

// ill reports whether a container's health check does not find it well. One
// without a check is judged by whether it runs.
func ill(svc stack.Service, c stack.Container) bool {
	checked := svc.Healthcheck != nil && len(svc.Healthcheck.Test) > 0
	return c.Health != "" && c.Health != "healthy" && (c.Health != "none" || checked)
}

// networksOf compares the networks that a container is on with the declared ones.
func networksOf(s gate.Subject, svc stack.Service, c stack.Container) []stack.Finding {
	var want []string
	for _, n := range svc.Networks {
		want = append(want, s.Release.NetworkName(n))
	}
	if len(want) == 0 || c.Addresses == nil {
		return nil
	}
	var out []stack.Finding
	for n := range c.Addresses {
		if !slices.Contains(want, n) {
			out = append(out, containerFinding(asDeclaredRule, svc, "the container is on a network that is not declared", strings.Join(want, ", "), n, "disconnect it, or deploy again"))
		}
	}
	return out
}

// inspectContainer asks the Engine how a container really runs.
func inspectContainer(ctx context.Context, s gate.Subject, c stack.Container) (*runningContainer, error) {
	raw, err := s.Server.Inspect(ctx, c.ID)
	if err != nil {
		return nil, fmt.Errorf("inspect container %s: %w", c.Name, err)
	}
	var r runningContainer
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("inspect container %s: %w", c.Name, err)
	}
	return &r, nil
}

// memoryGrain is what an engine may round a memory limit by.
const memoryGrain = 1 << 20

// runsAsDeclared judges a running container by the rules of its service: what
// the Engine reports takes the place of what the file says.
func runsAsDeclared(s gate.Subject, svc stack.Service, c stack.Container, r *runningContainer) []stack.Finding {
	running := svc
	h := r.HostConfig
	running.User, running.ReadOnly, running.Privileged = r.Config.User, h.ReadonlyRootfs, h.Privileged
	running.CapAdd, running.CapDrop, running.SecurityOpt = h.CapAdd, h.CapDrop, h.SecurityOpt
	running.PidMode, running.UsernsMode, running.NetworkMode = h.PidMode, h.UsernsMode, ""
	running.IpcMode = ""
	if h.IpcMode == "host" || strings.HasPrefix(h.IpcMode, "container:") {
		running.IpcMode = h.IpcMode
	}
	running.MemoryLimit, running.Restart = h.Memory, h.RestartPolicy.Name
	running.LogDriver, running.LogOptions = h.LogConfig.Type, h.LogConfig.Config
	running.Environment = map[string]string{}
	for _, e := range r.Config.Env {
		k, v, _ := strings.Cut(e, "=")
		// Only what is a secret for certain: an image's own variables have
		// names and values that the project did not choose.
		if _, declared := svc.Environment[k]; declared || knownIn(v, s.Release.Known) != "" {
			running.Environment[k] = v
		}
	}
	running.Volumes = nil
	for _, m := range r.Mounts {
		// Secrets and configs are mounts as well; they lie below the project.
		running.Volumes = append(running.Volumes, stack.Mount{Type: m.Type, Source: mountSource(m.Type, m.Source), Target: m.Destination, ReadOnly: !m.RW})
	}
	j := &judge{s: s, svc: running, live: true}
	for _, rule := range []func(*judge){ruleRestart, ruleMemory, ruleLogs, ruleReadOnly, rulePrivileges, ruleCapabilities, ruleUser, ruleRunningNamespaces, ruleMounts, ruleEnvironment} {
		rule(j)
	}
	if off := h.Memory - svc.MemoryLimit; h.Memory > 0 && svc.MemoryLimit > 0 && max(off, -off) >= memoryGrain {
		j.add(declaredMemoryRule, "the memory limit is not the declared one", fmt.Sprintf("%d MiB", svc.MemoryLimit>>20), fmt.Sprintf("%d MiB", h.Memory>>20), "deploy the service anew; then find out who works on the host by hand")
	}
	for i := range j.out {
		j.out[i].Subject = "container " + svc.Name
		j.out[i].Observed += " (container " + c.Name + ")"
	}
	return j.out
}

// mountSource hides where the Engine keeps a named volume: only binds are
// judged by their place.
func mountSource(kind, source string) string {
	if kind == "bind" {
		return source
	}
	return ""
}

// ruleRunningNamespaces is ruleNamespaces without the rule on networks, which
// are compared by name.
func ruleRunningNamespaces(j *judge) {
	for name, mode := range map[string]string{"pid": j.svc.PidMode, "ipc": j.svc.IpcMode, "userns_mode": j.svc.UsernsMode} {
		if mode == "host" || strings.HasPrefix(mode, "container:") {
			j.add(namespacesRule, "the container shares the "+name+" namespace", "its own", name+": "+mode, "deploy again")
		}
	}
}
