package swarm

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"

	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/stack"
)

// Labels of what stackctl makes in a Swarm.
const (
	// LabelNode is a node's label with its name in the settings.
	LabelNode = "dev.stackctl.node"
	// labelSlot counts the containers of a service, labelSpec is the sum of what a
	// service was made from.
	labelSlot = "dev.stackctl.slot"
	labelSpec = "dev.stackctl.spec"
)

// blueprint is what turns a service of a compose file into Swarm services.
type blueprint struct {
	project *types.Project
	// private is the network of this release alone, on which its services have their
	// plain names; empty: the plain names are for everybody.
	private string
	// secrets are the Swarm's, by the path of their file on a node.
	secrets map[string]secret
	nodes   []stack.Node
}

type secret struct{ id, name string }

// serviceName is the name of a slot in the Swarm. Its container is reached by what
// ReplicaContainer calls it.
func serviceName(project string, s Slot) string {
	return stack.ReplicaContainer(project, s.Service, s.N)
}

// spec is the Swarm service of a slot.
func (b blueprint) spec(s types.ServiceConfig, slot Slot) (swarm.ServiceSpec, error) {
	if lacks := Uncarried(s); len(lacks) > 0 {
		return swarm.ServiceSpec{}, fmt.Errorf("service %s has what a cluster cannot carry: %s", s.Name, strings.Join(lacks, "; "))
	}
	labels := map[string]string{}
	maps.Copy(labels, s.Labels)
	maps.Copy(labels, s.CustomLabels)
	labels[stack.ComposeNumber] = strconv.Itoa(slot.N)
	c, err := b.container(asOther(s, slot), labels)
	if err != nil {
		return swarm.ServiceSpec{}, fmt.Errorf("service %s: %w", s.Name, err)
	}
	one := uint64(1)
	out := swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: serviceName(b.project.Name, slot), Labels: maps.Clone(labels)},
		TaskTemplate: swarm.TaskSpec{
			ContainerSpec: c,
			Resources:     resources(s),
			RestartPolicy: restarts(s),
			Placement:     &swarm.Placement{Constraints: b.constraints(slot)},
			Networks:      b.networks(s, slot),
		},
		Mode:         swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &one}},
		EndpointSpec: &swarm.EndpointSpec{Mode: swarm.ResolutionModeDNSRR, Ports: ports(s)},
	}
	if engine.OneShot(b.project, s) {
		out.Mode = swarm.ServiceMode{ReplicatedJob: &swarm.ReplicatedJob{MaxConcurrent: &one, TotalCompletions: &one}}
		out.TaskTemplate.RestartPolicy.Condition = swarm.RestartPolicyConditionNone
		out.EndpointSpec = nil
	}
	if s.Logging != nil && s.Logging.Driver != "" {
		out.TaskTemplate.LogDriver = &swarm.Driver{Name: s.Logging.Driver, Options: s.Logging.Options}
	}
	out.Labels[labelSlot] = strconv.Itoa(slot.N)
	raw, err := json.Marshal(out)
	if err != nil {
		return out, err
	}
	sum := sha256.Sum256(raw)
	out.Labels[labelSpec] = hex.EncodeToString(sum[:8])
	return out, nil
}

// asOther is the service of another edge than the first: it mounts another static file.
func asOther(s types.ServiceConfig, slot Slot) types.ServiceConfig {
	file, other, has := strings.Cut(s.Labels[stack.LabelOthers], "=")
	if !has || slot.N == 1 {
		return s
	}
	s.Volumes = slices.Clone(s.Volumes)
	for i, v := range s.Volumes {
		if v.Source == file {
			s.Volumes[i].Source = other
		}
	}
	return s
}

// constraints keep a slot on its nodes.
func (b blueprint) constraints(slot Slot) []string {
	if len(slot.Nodes) == 1 {
		return []string{"node.labels." + LabelNode + "==" + slot.Nodes[0]}
	}
	var out []string
	for _, n := range b.nodes {
		if !slices.Contains(slot.Nodes, n.Name) {
			out = append(out, "node.labels."+LabelNode+"!="+n.Name)
		}
	}
	return out
}

func (b blueprint) container(s types.ServiceConfig, labels map[string]string) (*swarm.ContainerSpec, error) {
	c := &swarm.ContainerSpec{
		Image: s.Image, Labels: labels, Command: s.Entrypoint, Args: s.Command, Hostname: s.Hostname, Env: environment(s), Dir: s.WorkingDir,
		User: s.User, Groups: s.GroupAdd, Init: s.Init, StopSignal: s.StopSignal, TTY: s.Tty, OpenStdin: s.StdinOpen, ReadOnly: s.ReadOnly,
		Hosts: hosts(s), Sysctls: s.Sysctls, CapabilityAdd: s.CapAdd, CapabilityDrop: s.CapDrop, OomScoreAdj: s.OomScoreAdj,
		Privileges: privileges(s),
	}
	if s.StopGracePeriod != nil {
		grace := time.Duration(*s.StopGracePeriod)
		c.StopGracePeriod = &grace
	}
	if len(s.DNS)+len(s.DNSOpts)+len(s.DNSSearch) > 0 {
		dns, err := resolver(s)
		if err != nil {
			return nil, err
		}
		c.DNSConfig = dns
	}
	for _, name := range sortedKeys(s.Ulimits) {
		u := s.Ulimits[name]
		c.Ulimits = append(c.Ulimits, &container.Ulimit{Name: name, Soft: int64(cmp.Or(u.Single, u.Soft)), Hard: int64(cmp.Or(u.Single, u.Hard))})
	}
	c.Healthcheck = health(s.HealthCheck)
	var err error
	if c.Mounts, err = b.mounts(s); err != nil {
		return nil, err
	}
	for _, ref := range s.Secrets {
		file := b.project.Secrets[ref.Source].File
		known, ok := b.secrets[file]
		if !ok {
			return nil, fmt.Errorf("secret %s has no file", ref.Source)
		}
		c.Secrets = append(c.Secrets, &swarm.SecretReference{SecretID: known.id, SecretName: known.name, File: &swarm.SecretReferenceFileTarget{
			Name: secretTarget(ref), UID: cmp.Or(ref.UID, "0"), GID: cmp.Or(ref.GID, "0"), Mode: secretMode(ref),
		}})
	}
	return c, nil
}

// secretTarget is where a secret is in the container; a path without a folder is
// below /run/secrets.
func secretTarget(ref types.ServiceSecretConfig) string {
	return strings.TrimPrefix(cmp.Or(ref.Target, ref.Source), "/run/secrets/")
}

func secretMode(ref types.ServiceSecretConfig) os.FileMode {
	if ref.Mode != nil {
		return os.FileMode(*ref.Mode & 0o777)
	}
	return 0o444
}

func environment(s types.ServiceConfig) []string {
	var out []string
	for _, key := range sortedKeys(s.Environment) {
		if v := s.Environment[key]; v != nil {
			out = append(out, key+"="+*v)
		}
	}
	return out
}

// hosts are lines as in /etc/hosts.
func hosts(s types.ServiceConfig) []string {
	var out []string
	for _, name := range sortedKeys(s.ExtraHosts) {
		for _, address := range s.ExtraHosts[name] {
			out = append(out, address+" "+name)
		}
	}
	return out
}

func privileges(s types.ServiceConfig) *swarm.Privileges {
	if len(s.SecurityOpt) == 0 {
		return nil
	}
	out := &swarm.Privileges{}
	for _, o := range s.SecurityOpt {
		key, value, _ := strings.Cut(strings.Replace(o, "=", ":", 1), ":")
		switch key {
		case "no-new-privileges":
			out.NoNewPrivileges = value != "false"
		case "seccomp":
			out.Seccomp = &swarm.SeccompOpts{Mode: swarm.SeccompModeUnconfined}
		case "apparmor":
			out.AppArmor = &swarm.AppArmorOpts{Mode: swarm.AppArmorModeDisabled}
		}
	}
	return out
}

func health(h *types.HealthCheckConfig) *container.HealthConfig {
	if h == nil {
		return nil
	}
	if h.Disable {
		return &container.HealthConfig{Test: []string{"NONE"}}
	}
	out := &container.HealthConfig{Test: h.Test, Interval: span(h.Interval), Timeout: span(h.Timeout), StartPeriod: span(h.StartPeriod), StartInterval: span(h.StartInterval)}
	if h.Retries != nil {
		out.Retries = int(min(*h.Retries, 1000))
	}
	return out
}

func span(d *types.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return time.Duration(*d)
}

func resources(s types.ServiceConfig) *swarm.ResourceRequirements {
	limits := swarm.Limit{MemoryBytes: int64(s.MemLimit), Pids: s.PidsLimit, NanoCPUs: int64(float64(s.CPUS) * 1e9)}
	reserved := swarm.Resources{MemoryBytes: int64(s.MemReservation)}
	if s.Deploy != nil {
		if l := s.Deploy.Resources.Limits; l != nil {
			limits.MemoryBytes = cmp.Or(int64(l.MemoryBytes), limits.MemoryBytes)
			limits.Pids = cmp.Or(l.Pids, limits.Pids)
			limits.NanoCPUs = cmp.Or(int64(float64(l.NanoCPUs.Value())*1e9), limits.NanoCPUs)
		}
		if r := s.Deploy.Resources.Reservations; r != nil {
			reserved.MemoryBytes = cmp.Or(int64(r.MemoryBytes), reserved.MemoryBytes)
			reserved.NanoCPUs = int64(float64(r.NanoCPUs.Value()) * 1e9)
		}
	}
	if limits.Pids < 0 {
		limits.Pids = 0 // Compose's "no limit"
	}
	return &swarm.ResourceRequirements{Limits: &limits, Reservations: &reserved}
}

// restartDelay spares a node whose service ends at once, and is short beside a visitor's patience.
const restartDelay = time.Second

func restarts(s types.ServiceConfig) *swarm.RestartPolicy {
	delay := restartDelay
	out := &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionAny, Delay: &delay}
	kind, count, _ := strings.Cut(s.Restart, ":")
	switch kind {
	case types.RestartPolicyNo, "":
		out.Condition = swarm.RestartPolicyConditionNone
	case types.RestartPolicyOnFailure:
		out.Condition = swarm.RestartPolicyConditionOnFailure
		if n, err := strconv.ParseUint(count, 10, 32); err == nil && n > 0 {
			out.MaxAttempts = &n
		}
	}
	return out
}

func ports(s types.ServiceConfig) []swarm.PortConfig {
	var out []swarm.PortConfig
	for _, p := range s.Ports {
		n, err := strconv.ParseUint(p.Published, 10, 16)
		if err != nil {
			continue // refused before
		}
		out = append(out, swarm.PortConfig{Protocol: network.IPProtocol(cmp.Or(p.Protocol, "tcp")), TargetPort: p.Target, PublishedPort: uint32(n), PublishMode: swarm.PortConfigPublishModeHost})
	}
	return out
}

// networks are those of a service, with the names that it has on each: the plain one
// where that is unambiguous, that of its slot, and its aliases.
func (b blueprint) networks(s types.ServiceConfig, slot Slot) []swarm.NetworkAttachmentConfig {
	var out []swarm.NetworkAttachmentConfig
	for _, key := range sortedKeys(s.Networks) {
		aliases := []string{serviceName(b.project.Name, slot)}
		if b.private == "" {
			aliases = append(aliases, s.Name)
		}
		if n := s.Networks[key]; n != nil {
			aliases = append(aliases, n.Aliases...)
		}
		out = append(out, swarm.NetworkAttachmentConfig{Target: b.project.Networks[key].Name, Aliases: aliases})
	}
	if b.private != "" && len(s.Networks) > 0 {
		out = append(out, swarm.NetworkAttachmentConfig{Target: b.private, Aliases: []string{s.Name}})
	}
	return out
}

func (b blueprint) mounts(s types.ServiceConfig) ([]mount.Mount, error) {
	var out []mount.Mount
	for _, v := range s.Volumes {
		m := mount.Mount{Type: mount.Type(v.Type), Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly}
		switch v.Type {
		case types.VolumeTypeBind:
			if v.Bind != nil {
				m.BindOptions = &mount.BindOptions{Propagation: mount.Propagation(v.Bind.Propagation)}
			}
		case types.VolumeTypeVolume:
			m.VolumeOptions = &mount.VolumeOptions{NoCopy: v.Volume != nil && v.Volume.NoCopy}
			if v.Volume != nil {
				m.VolumeOptions.Subpath = v.Volume.Subpath
			}
			if declared, ok := b.project.Volumes[v.Source]; ok {
				m.Source = declared.Name
				m.VolumeOptions.Labels = merged(declared.CustomLabels, declared.Labels)
				if declared.Driver != "" || len(declared.DriverOpts) > 0 {
					m.VolumeOptions.DriverConfig = &mount.Driver{Name: cmp.Or(declared.Driver, "local"), Options: declared.DriverOpts}
				}
			}
		case types.VolumeTypeTmpfs:
			m.TmpfsOptions = &mount.TmpfsOptions{}
			if v.Tmpfs != nil {
				m.TmpfsOptions.SizeBytes, m.TmpfsOptions.Mode = int64(v.Tmpfs.Size), os.FileMode(v.Tmpfs.Mode)
			}
		}
		out = append(out, m)
	}
	for _, text := range s.Tmpfs {
		m, err := tmpfs(text)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	if s.ShmSize > 0 {
		out = append(out, mount.Mount{Type: mount.TypeTmpfs, Target: "/dev/shm", TmpfsOptions: &mount.TmpfsOptions{SizeBytes: int64(s.ShmSize), Mode: 0o1777}})
	}
	for _, ref := range s.Configs {
		file := b.project.Configs[ref.Source].File
		if file == "" {
			return nil, fmt.Errorf("config %s has no file", ref.Source)
		}
		target := cmp.Or(ref.Target, "/"+ref.Source)
		if !path.IsAbs(target) {
			target = "/" + target
		}
		out = append(out, mount.Mount{Type: mount.TypeBind, Source: file, Target: target, ReadOnly: true})
	}
	return out, nil
}

// tmpfs is the mount of an entry of `tmpfs:`. One with an owner is a volume in
// memory: engines before API 1.46 know no other options of a tmpfs than size and mode.
func tmpfs(text string) (mount.Mount, error) {
	target, options, _ := strings.Cut(text, ":")
	m := mount.Mount{Type: mount.TypeTmpfs, Target: target, TmpfsOptions: &mount.TmpfsOptions{}}
	var more []string
	for o := range strings.SplitSeq(options, ",") {
		key, value, _ := strings.Cut(o, "=")
		switch key {
		case "":
		case "size":
			bytes, err := units.RAMInBytes(value)
			if err != nil {
				return m, fmt.Errorf("tmpfs %s: size %s is none", target, value)
			}
			m.TmpfsOptions.SizeBytes = bytes
		case "mode":
			mode, err := strconv.ParseUint(value, 8, 32)
			if err != nil {
				return m, fmt.Errorf("tmpfs %s: mode %s is none", target, value)
			}
			m.TmpfsOptions.Mode = os.FileMode(mode)
		case "rw", "noexec", "nosuid", "nodev": // what it is anyway
		default:
			more = append(more, o)
		}
	}
	if len(more) == 0 {
		return m, nil
	}
	o := "nosuid,nodev"
	if !slices.Contains(more, "exec") {
		o += ",noexec"
	}
	for _, one := range more {
		o += "," + one
	}
	if m.TmpfsOptions.SizeBytes > 0 {
		o += ",size=" + strconv.FormatInt(m.TmpfsOptions.SizeBytes, 10)
	}
	if m.TmpfsOptions.Mode > 0 {
		o += ",mode=" + strconv.FormatUint(uint64(m.TmpfsOptions.Mode), 8)
	}
	return mount.Mount{Type: mount.TypeVolume, Target: target, VolumeOptions: &mount.VolumeOptions{NoCopy: true,
		DriverConfig: &mount.Driver{Name: "local", Options: map[string]string{"type": "tmpfs", "device": "tmpfs", "o": o}}}}, nil
}

func merged(all ...types.Labels) map[string]string {
	out := map[string]string{}
	for _, l := range all {
		maps.Copy(out, l)
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func resolver(s types.ServiceConfig) (*swarm.DNSConfig, error) {
	out := &swarm.DNSConfig{Search: s.DNSSearch, Options: s.DNSOpts}
	for _, text := range s.DNS {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("dns: %w", err)
		}
		out.Nameservers = append(out.Nameservers, a)
	}
	return out, nil
}
