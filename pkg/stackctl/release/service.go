package release

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/stack"
)

// extension is the layer of a service and whether it runs once: what
// x-stackctl says, else what is inferred.
type extension struct {
	layer stack.Layer
	once  bool
}

func (d Draft) extension(s types.ServiceConfig) extension {
	decided, ok := d.layers[s.Name]
	if !ok {
		return extension{layer: stack.LayerApp}
	}
	return extension{layer: decided.Layer, once: decided.OneShot}
}

// service says what compose-go says, in the judges' vocabulary.
func (d Draft) service(s types.ServiceConfig) stack.Service {
	x := d.extension(s)
	at := d.places[s.Name]
	out := stack.Service{
		Name: s.Name, Layer: x.layer, OneShot: x.once, Deployed: d.deployed(s), File: at.file, Line: at.line,
		Image: s.Image, Command: s.Command, Entrypoint: s.Entrypoint, User: s.User,
		ReadOnly: s.ReadOnly, Privileged: s.Privileged, CapAdd: s.CapAdd, CapDrop: s.CapDrop,
		SecurityOpt: s.SecurityOpt, PidMode: s.Pid, IpcMode: s.Ipc, UsernsMode: s.UserNSMode,
		NetworkMode: s.NetworkMode, Environment: map[string]string{}, Labels: s.Labels,
		Profiles: s.Profiles, DependsOn: map[string]string{}, Restart: s.Restart,
		MemoryLimit: int64(s.MemLimit), Build: s.Build != nil,
		Healthcheck: healthcheck(s.HealthCheck), StopGrace: 10 * time.Second,
		ContainerName: s.ContainerName, GroupAdd: s.GroupAdd, CgroupMode: s.Cgroup, UTSMode: s.Uts,
		Sysctls: s.Sysctls, OOMKillDisable: s.OomKillDisable, OOMScoreAdj: s.OomScoreAdj, StopSignal: s.StopSignal,
		VolumesFrom: s.VolumesFrom, ExtraHosts: sortedKeys(s.ExtraHosts), ExternalLinks: s.ExternalLinks, DeviceRules: s.DeviceCgroupRules, Stopped: s.GetScale() == 0,
	}
	if s.Build != nil {
		out.BuildArgs = map[string]string{}
		for k, v := range s.Build.Args {
			if v != nil {
				out.BuildArgs[k] = *v
			}
		}
	}
	for k, v := range s.Environment {
		if v != nil {
			out.Environment[k] = *v
		}
	}
	for _, device := range s.Devices {
		out.Devices = append(out.Devices, device.Source)
	}
	for _, gpu := range s.Gpus {
		out.Devices = append(out.Devices, "gpu "+cmp.Or(gpu.Driver, "any"))
	}
	if s.Deploy != nil && s.Deploy.Resources.Reservations != nil {
		for _, device := range s.Deploy.Resources.Reservations.Devices {
			out.Devices = append(out.Devices, strings.Join(device.Capabilities, " ")+" "+cmp.Or(device.Driver, "any"))
		}
	}
	out.Networks = sortedKeys(s.Networks)
	for _, name := range out.Networks {
		if n := s.Networks[name]; n != nil {
			out.Aliases = append(out.Aliases, n.Aliases...)
			out.FixedAddress = cmp.Or(out.FixedAddress, n.Ipv4Address, n.Ipv6Address)
		}
	}
	for _, p := range s.Ports {
		out.Ports = append(out.Ports, stack.Port{HostIP: p.HostIP, Published: p.Published, Target: p.Target, Protocol: p.Protocol, Mode: p.Mode})
	}
	for _, v := range s.Volumes {
		out.Volumes = append(out.Volumes, stack.Mount{Type: v.Type, Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly})
	}
	if s.UseAPISocket {
		out.Volumes = append(out.Volumes, stack.Mount{Type: "bind", Source: "/var/run/docker.sock", Target: "/var/run/docker.sock"})
	}
	for _, hook := range slices.Concat(s.PostStart, s.PreStop) {
		user, _, _ := strings.Cut(hook.User, ":")
		if n, err := strconv.Atoi(user); hook.Privileged || user == "root" || err == nil && n == 0 {
			out.RootHooks = append(out.RootHooks, strings.Join(hook.Command, " "))
		}
	}
	for _, path := range s.Tmpfs {
		out.Volumes = append(out.Volumes, stack.Mount{Type: "tmpfs", Target: path})
	}
	for _, secret := range s.Secrets {
		out.Secrets = append(out.Secrets, secret.Source)
	}
	for name, dep := range s.DependsOn {
		out.DependsOn[name] = dep.Condition
	}
	if s.Deploy != nil && s.Deploy.Resources.Limits != nil && out.MemoryLimit == 0 {
		out.MemoryLimit = int64(s.Deploy.Resources.Limits.MemoryBytes)
	}
	if s.Deploy != nil && s.Deploy.RestartPolicy != nil {
		out.Restart = restart(*s.Deploy.RestartPolicy)
	}
	if s.Logging != nil {
		out.LogDriver, out.LogOptions = s.Logging.Driver, s.Logging.Options
	}
	if s.StopGracePeriod != nil {
		out.StopGrace = time.Duration(*s.StopGracePeriod)
	}
	return out
}

// restart is a policy of deploy in the words of restart, as Compose reads it:
// it has the last word over restart.
func restart(p types.RestartPolicy) string {
	switch p.Condition {
	case "none", "":
		return "no"
	case "any":
		return "always"
	case "on-failure":
		return "on-failure"
	}
	return p.Condition
}

func healthcheck(h *types.HealthCheckConfig) *stack.Healthcheck {
	if h == nil {
		return nil
	}
	out := &stack.Healthcheck{Test: h.Test, Disabled: h.Disable}
	if h.Interval != nil {
		out.Interval = time.Duration(*h.Interval)
	}
	if h.StartPeriod != nil {
		out.StartPeriod = time.Duration(*h.StartPeriod)
	}
	if h.Timeout != nil {
		out.Timeout = time.Duration(*h.Timeout)
	}
	if h.Retries != nil {
		out.Retries = int(*h.Retries) //nolint:gosec // a count of retries
	}
	return out
}
