package release

import (
	"cmp"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/stack"
)

// service returns what compose-go says, in the judges' vocabulary.
func (d Draft) service(s types.ServiceConfig) stack.Service {
	x := d.extension(s)
	at := d.places[s.Name]
	out := stack.Service{
		Name: s.Name, Layer: x.layer, OneShot: x.once, Deployed: d.deployed(s), File: at.file, Line: at.line,
		Image: s.Image, Platform: s.Platform, Command: s.Command, Entrypoint: s.Entrypoint, User: s.User,
		ReadOnly: s.ReadOnly, Privileged: s.Privileged, CapAdd: s.CapAdd, CapDrop: s.CapDrop,
		SecurityOpt: s.SecurityOpt, PidMode: s.Pid, IpcMode: s.Ipc, UsernsMode: s.UserNSMode,
		NetworkMode: s.NetworkMode, Environment: valued(s.Environment), Labels: s.Labels,
		Profiles: s.Profiles, DependsOn: map[string]string{}, Restart: s.Restart,
		MemoryLimit: int64(s.MemLimit), Build: s.Build != nil,
		Healthcheck: healthcheck(s.HealthCheck), StopGrace: 10 * time.Second,
		ContainerName: s.ContainerName, GroupAdd: s.GroupAdd, CgroupMode: s.Cgroup, UTSMode: s.Uts,
		Sysctls: s.Sysctls, OOMKillDisable: s.OomKillDisable, OOMScoreAdj: s.OomScoreAdj, StopSignal: s.StopSignal,
		VolumesFrom: s.VolumesFrom, ExtraHosts: sortedKeys(s.ExtraHosts), ExternalLinks: s.ExternalLinks, DeviceRules: s.DeviceCgroupRules, Stopped: s.GetScale() == 0, Replicas: replicas(s),
		Devices: devices(s), RootHooks: rootHooks(s), Volumes: d.mounts(s),
	}
	if s.Build != nil {
		out.BuildArgs = valued(s.Build.Args)
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
	for _, secret := range s.Secrets {
		out.Secrets = append(out.Secrets, secret.Source)
	}
	for name, dep := range s.DependsOn {
		out.DependsOn[name] = dep.Condition
	}
	if s.Logging != nil {
		out.LogDriver, out.LogOptions = s.Logging.Driver, s.Logging.Options
	}
	if s.StopGracePeriod != nil {
		out.StopGrace = time.Duration(*s.StopGracePeriod)
	}
	underDeploy(&out, s.Deploy)
	return out
}

// underDeploy adds what a service says under deploy, as Compose reads it.
func underDeploy(out *stack.Service, d *types.DeployConfig) {
	if d == nil {
		return
	}
	if d.Resources.Limits != nil && out.MemoryLimit == 0 {
		out.MemoryLimit = int64(d.Resources.Limits.MemoryBytes)
	}
	if d.RestartPolicy != nil {
		out.Restart = restart(*d.RestartPolicy)
	}
}

// valued are the variables that have a value.
func valued(of types.MappingWithEquals) map[string]string {
	out := map[string]string{}
	for k, v := range of {
		if v != nil {
			out[k] = *v
		}
	}
	return out
}

// devices names what a service asks of the host's devices.
func devices(s types.ServiceConfig) []string {
	var out []string
	for _, device := range s.Devices {
		out = append(out, device.Source)
	}
	for _, gpu := range s.Gpus {
		out = append(out, "gpu "+cmp.Or(gpu.Driver, "any"))
	}
	if s.Deploy != nil && s.Deploy.Resources.Reservations != nil {
		for _, device := range s.Deploy.Resources.Reservations.Devices {
			out = append(out, strings.Join(device.Capabilities, " ")+" "+cmp.Or(device.Driver, "any"))
		}
	}
	return out
}

// rootHooks are the commands that a service has run in its container as root.
func rootHooks(s types.ServiceConfig) []string {
	var out []string
	for _, hook := range hooks(s) {
		user, _, _ := strings.Cut(hook.User, ":")
		if n, err := strconv.Atoi(user); hook.Privileged || user == "root" || err == nil && n == 0 {
			out = append(out, strings.Join(hook.Command, " "))
		}
	}
	return out
}

// mounts are all that a service has mounted.
func (d Draft) mounts(s types.ServiceConfig) []stack.Mount {
	var out []stack.Mount
	for _, v := range s.Volumes {
		out = append(out, d.mount(v))
	}
	if s.UseAPISocket {
		out = append(out, stack.Mount{Type: "bind", Source: "/var/run/docker.sock", Target: "/var/run/docker.sock"})
	}
	for _, path := range s.Tmpfs {
		out = append(out, stack.Mount{Type: "tmpfs", Target: path})
	}
	return out
}

// mount returns where a mount's source is: the folder of the host that is the
// service's for good, a file of this machine that is sent, or the host's own.
func (d Draft) mount(v types.ServiceVolumeConfig) stack.Mount {
	m := stack.Mount{Type: v.Type, Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly}
	source := v.Source
	if v.Type == types.VolumeTypeVolume {
		if source = bindDevice(d.project.Volumes[v.Source]); source == "" {
			return m
		}
	}
	one, is := d.binds.of[source]
	switch {
	case !is || one.kind == hosts:
	case one.kind == persistent:
		m.Persistent = true
		if v.Type == types.VolumeTypeBind {
			m.Source = d.onServer(one.at)
		}
	case v.Type == types.VolumeTypeBind:
		m.Source, m.ReadOnly = filepath.ToSlash(one.local), true
	}
	return m
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

// replicas is how many containers a service has, where it has several.
func replicas(s types.ServiceConfig) int {
	if n := s.GetScale(); n > 1 {
		return n
	}
	return 0
}
