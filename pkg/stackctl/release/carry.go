package release

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/stack"
)

// noService is why most of it is refused.
const noService = "a Swarm service cannot have it"

// Uncarried returns what of a service's definition no Swarm service can have, as
// the keys of the compose file with the reason, sorted. Nothing of it is dropped:
// a service that has any is refused.
func Uncarried(s types.ServiceConfig) []string {
	var out []string
	add := func(is bool, key, why string) {
		if is {
			out = append(out, key+": "+why)
		}
	}
	add(s.Privileged, "privileged", noService)
	add(len(s.Devices) > 0 || len(s.Gpus) > 0, "devices", noService)
	add(len(s.DeviceCgroupRules) > 0, "device_cgroup_rules", noService)
	add(s.NetworkMode != "" && s.NetworkMode != "none", "network_mode", noService)
	add(s.NetworkMode == "none", "network_mode", "a Swarm service is always on a network")
	add(s.Pid != "", "pid", noService)
	add(s.Ipc != "" && s.Ipc != "private" && s.Ipc != "none", "ipc", noService)
	add(s.Uts != "", "uts", noService)
	add(s.UserNSMode != "", "userns_mode", noService)
	add(s.Cgroup != "" || s.CgroupParent != "", "cgroup", noService)
	add(s.ContainerName != "", "container_name", "a container is named by its task")
	add(s.DomainName != "", "domainname", noService)
	add(s.MacAddress != "", "mac_address", noService)
	add(len(s.Links) > 0, "links", "use the service's name")
	add(len(s.VolumesFrom) > 0, "volumes_from", "name the volumes")
	add(s.Runtime != "", "runtime", noService)
	add(len(s.StorageOpt) > 0, "storage_opt", noService)
	add(s.OomKillDisable, "oom_kill_disable", noService)
	add(s.MemSwapLimit != 0, "memswap_limit", noService)
	add(s.MemSwappiness != 0, "mem_swappiness", noService)
	add(s.BlkioConfig != nil, "blkio_config", noService)
	add(s.CPUSet != "" || s.CPUShares != 0 || s.CPUPeriod != 0 || s.CPUQuota != 0 || s.CPURTPeriod != 0 || s.CPURTRuntime != 0, "cpuset, cpu_shares, cpu_period, cpu_quota, cpu_rt_*", "use cpus")
	add(s.CredentialSpec != nil, "credential_spec", noService)
	add(s.UseAPISocket, "use_api_socket", noService)
	add(len(s.PostStart) > 0 || len(s.PreStop) > 0 || len(s.PreStart) > 0, "pre_start, post_start, pre_stop", noService)
	add(s.VolumeDriver != "", "volume_driver", "set the driver at the volume")
	add(stack.Layer(s.Labels[stack.LabelLayer]) == stack.LayerData && keepsInContainer(s), "volumes",
		"it keeps data and has no volume: a Swarm makes each container anew, without what the one before held; name a volume, or a tmpfs where it may be lost")
	uncarriedLists(s, add)
	slices.Sort(out)
	return slices.Compact(out)
}

// keepsInContainer reports whether all that a service writes is in its container, or in
// a volume without a name.
func keepsInContainer(s types.ServiceConfig) bool {
	return len(s.Tmpfs) == 0 && !slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Type == types.VolumeTypeVolume && v.Source != "" || v.Type == types.VolumeTypeTmpfs
	})
}

// uncarriedLists adds what is wrong with entries of a service's lists.
func uncarriedLists(s types.ServiceConfig, add func(is bool, key, why string)) {
	for _, key := range sortedKeys(s.Networks) {
		n := s.Networks[key]
		add(n != nil && (n.Ipv4Address != "" || n.Ipv6Address != "" || len(n.LinkLocalIPs) > 0 || n.MacAddress != ""), "networks."+key, "a Swarm service has no address of its own")
	}
	for _, p := range s.Ports {
		add(p.HostIP != "" && p.HostIP != "0.0.0.0" && p.HostIP != "::", "ports", "port "+p.Published+" is published at an address; a Swarm service publishes at all of a node's")
		add(strings.Contains(p.Published, "-") || p.Published == "", "ports", fmt.Sprintf("port %d is published at a port that the engine chooses; name one", p.Target))
	}
	for _, o := range s.SecurityOpt {
		add(!carriedOption(o), "security_opt", o+": "+noService)
	}
	for _, v := range s.Volumes {
		add(v.Type == types.VolumeTypeImage || v.Type == types.VolumeTypeCluster || v.Type == types.VolumeTypeNamedPipe, "volumes", "a volume of type "+v.Type+": "+noService)
		add(v.Type == types.VolumeTypeBind && !v.ReadOnly, "volumes", v.Source+" is written to: what is in a folder of a node is found on that node alone, and which one that is nobody keeps; use a named volume, or mount it read-only")
		add(v.Type == types.VolumeTypeBind && v.Source == dockerSocket, "volumes", "the Docker socket of a node is that of a manager of all")
	}
}

// misfit is what no Swarm service can have of a service, as Uncarried tells it.
type misfit struct{ service, text string }

// refuseUncarried returns an error at the place of the first, which names all.
func (d Draft) refuseUncarried(lacks []misfit) error {
	var first place
	var texts []string
	for i, l := range lacks {
		at, text := d.placeOfMisfit(l), "service "+l.service+": "+l.text
		if i == 0 {
			first = at
		} else {
			if rel, err := filepath.Rel(d.config.Root, at.file); err == nil {
				at.file = rel
			}
			text = at.String() + ": " + text
		}
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return nil
	}
	return stack.Usage(first.file, first.line, strings.Join(texts, "; "), "write the service without it, or deploy to a target without nodes")
}

// placeOfMisfit is where a file has the key that a misfit begins with: one of several, or
// one of a mapping ("networks.app").
func (d Draft) placeOfMisfit(l misfit) place {
	keys, _, _ := strings.Cut(l.text, ": ")
	for key := range strings.SplitSeq(keys, ", ") {
		path := append([]string{"services", l.service}, strings.SplitN(key, ".", 2)...)
		for _, s := range d.sources {
			if line, n := walk(s.root, path); n == len(path) {
				return place{s.file, line}
			}
		}
	}
	return d.places[l.service]
}

const dockerSocket = "/var/run/docker.sock"

// carriedOption reports whether a Swarm service can have an option of security_opt.
func carriedOption(o string) bool {
	key, value, _ := strings.Cut(strings.Replace(o, "=", ":", 1), ":")
	switch key {
	case "no-new-privileges":
		return value == "" || value == "true" || value == "false"
	case "seccomp", "apparmor":
		return value == "unconfined"
	}
	return false
}
