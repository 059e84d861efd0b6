package swarm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

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
	const none = "a Swarm service cannot have it"
	add(s.Privileged, "privileged", none)
	add(len(s.Devices) > 0 || len(s.Gpus) > 0, "devices", none)
	add(len(s.DeviceCgroupRules) > 0, "device_cgroup_rules", none)
	add(s.NetworkMode != "" && s.NetworkMode != "none", "network_mode", none)
	add(s.NetworkMode == "none", "network_mode", "a Swarm service is always on a network")
	add(s.Pid != "", "pid", none)
	add(s.Ipc != "" && s.Ipc != "private" && s.Ipc != "none", "ipc", none)
	add(s.Uts != "", "uts", none)
	add(s.UserNSMode != "", "userns_mode", none)
	add(s.Cgroup != "" || s.CgroupParent != "", "cgroup", none)
	add(s.ContainerName != "", "container_name", "a container is named by its task")
	add(s.DomainName != "", "domainname", none)
	add(s.MacAddress != "", "mac_address", none)
	add(len(s.Links) > 0, "links", "use the service's name")
	add(len(s.VolumesFrom) > 0, "volumes_from", "name the volumes")
	add(s.Runtime != "", "runtime", none)
	add(len(s.StorageOpt) > 0, "storage_opt", none)
	add(s.OomKillDisable, "oom_kill_disable", none)
	add(s.MemSwapLimit != 0, "memswap_limit", none)
	add(s.MemSwappiness != 0, "mem_swappiness", none)
	add(s.BlkioConfig != nil, "blkio_config", none)
	add(s.CPUSet != "" || s.CPUShares != 0 || s.CPUPeriod != 0 || s.CPUQuota != 0 || s.CPURTPeriod != 0 || s.CPURTRuntime != 0, "cpuset, cpu_shares, cpu_period, cpu_quota, cpu_rt_*", "use cpus")
	add(s.CredentialSpec != nil, "credential_spec", none)
	add(s.UseAPISocket, "use_api_socket", none)
	add(len(s.PostStart) > 0 || len(s.PreStop) > 0 || len(s.PreStart) > 0, "pre_start, post_start, pre_stop", none)
	add(s.VolumeDriver != "", "volume_driver", "set the driver at the volume")
	for _, key := range sortedKeys(s.Networks) {
		n := s.Networks[key]
		add(n != nil && (n.Ipv4Address != "" || n.Ipv6Address != "" || len(n.LinkLocalIPs) > 0 || n.MacAddress != ""), "networks."+key, "a Swarm service has no address of its own")
	}
	for _, p := range s.Ports {
		add(p.HostIP != "" && p.HostIP != "0.0.0.0" && p.HostIP != "::", "ports", "port "+p.Published+" is published at an address; a Swarm service publishes at all of a node's")
		add(strings.Contains(p.Published, "-") || p.Published == "", "ports", fmt.Sprintf("port %d is published at a port that the engine chooses; name one", p.Target))
	}
	for _, o := range s.SecurityOpt {
		add(!carriedOption(o), "security_opt", o+": "+none)
	}
	for _, v := range s.Volumes {
		add(v.Type == types.VolumeTypeImage || v.Type == types.VolumeTypeCluster || v.Type == types.VolumeTypeNamedPipe, "volumes", "a volume of type "+v.Type+": "+none)
		add(v.Type == types.VolumeTypeBind && !v.ReadOnly, "volumes", v.Source+" is written to: what is in a folder of a node is found on that node alone, and which one that is nobody keeps; use a named volume, or mount it read-only")
		add(v.Type == types.VolumeTypeBind && v.Source == dockerSocket, "volumes", "the Docker socket of a node is that of a manager of all")
	}
	slices.Sort(out)
	return slices.Compact(out)
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
