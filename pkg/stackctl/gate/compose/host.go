package compose

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/gate/probe"
)

func ruleNamespaces(j *judge) {
	for name, mode := range map[string]string{"pid": j.svc.PidMode, "ipc": j.svc.IpcMode, "userns_mode": j.svc.UsernsMode} {
		if mode == "host" || strings.HasPrefix(mode, "container:") || strings.HasPrefix(mode, "service:") {
			j.add(namespacesRule, "the service shares the "+name+" namespace", "its own", name+": "+mode, "remove "+name)
		}
	}
	if len(j.svc.Networks) == 0 && j.svc.NetworkMode == "" || slices.Contains(j.svc.Networks, "default") {
		j.add(networksRule, "the service is on the default network", "the networks that it needs, by name", strings.Join(j.svc.Networks, ", "), "name its networks")
	}
}

// ruleKernel finds what a service changes of the kernel, or takes of the
// host's beside its namespaces.
func ruleKernel(j *judge) {
	for name, mode := range map[string]string{"cgroup": j.svc.CgroupMode, "uts": j.svc.UTSMode} {
		if mode == "host" {
			j.add(namespacesRule, "the service shares the "+name+" namespace", "its own", name+": host", "remove "+name)
		}
	}
	for _, g := range j.svc.GroupAdd {
		if n, err := strconv.Atoi(g); err == nil && n == 0 || slices.Contains([]string{"root", "docker", "sudo", "wheel", "disk", "adm", "shadow"}, g) {
			j.add(namespacesRule, "the service is in a group that rules the host", "groups of its own", "group_add: "+g, "remove it from group_add")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(j.svc.Sysctls)) {
		if name != "net.ipv4.ip_unprivileged_port_start" && name != "net.core.somaxconn" {
			j.add(kernelProtectionRule, "the service changes the kernel's setting "+name, "none but net.core.somaxconn and net.ipv4.ip_unprivileged_port_start", name+"="+j.svc.Sysctls[name], "remove it from sysctls")
		}
	}
	for _, hook := range j.svc.RootHooks {
		j.add(hooksRule, "a hook has rights that the service has not", "post_start and pre_stop as the service's own user", probe.Shown(hook), "remove user and privileged from the hook")
	}
	for _, rule := range j.svc.DeviceRules {
		j.add(devicesRule, "the service may use devices of the host", "no device_cgroup_rules", rule, "remove device_cgroup_rules")
	}
	if j.svc.OOMKillDisable {
		j.add(oomRule, "the service cannot be ended when memory runs out", "oom_kill_disable: false", "true", "remove oom_kill_disable")
	}
}
