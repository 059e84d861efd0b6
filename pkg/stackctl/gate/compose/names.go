package compose

import (
	"slices"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
)

// ruleNames sees that each name of a service means that service, and nobody
// else: whoever takes it gets its requests and passwords.
func ruleNames(j *judge) {
	for _, alias := range j.svc.Aliases {
		if other, ok := j.s.Release.Service(alias); ok && other.Name != j.svc.Name {
			j.add(namesRule, "it takes the name of the service "+alias, "names of its own", "alias "+alias, "remove the alias")
		}
	}
	for _, host := range j.svc.ExtraHosts {
		if _, ok := j.s.Release.Service(host); ok {
			j.add(namesRule, "it looks for the service "+host+" elsewhere", "the name of a service resolved by Docker", "extra_hosts: "+host, "remove it from extra_hosts")
		}
	}
	for _, link := range j.svc.ExternalLinks {
		j.add(namesRule, "it uses a container that belongs to somebody else", "services of the compose files", "external_links: "+link, "remove external_links")
	}
	if j.svc.Layer == stack.LayerApp && !j.svc.OneShot && j.svc.FixedAddress != "" {
		j.add(sideBySideRule, "two releases cannot run side by side", "an address that Docker chooses", j.svc.FixedAddress, "remove ipv4_address and ipv6_address")
	}
	if j.edge && j.svc.Layer != stack.LayerEdge {
		j.add(sideBySideRule, "a new release would start a second edge", "x-stackctl: {layer: edge}", "layer: "+string(j.svc.Layer), "write layer: edge")
	}
	if slices.Contains([]string{"SIGKILL", "KILL", "9"}, strings.ToUpper(j.svc.StopSignal)) {
		j.add(sideBySideRule, "it is killed without time to finish", "stop_signal: SIGTERM", j.svc.StopSignal, "remove stop_signal")
	}
	if j.svc.OOMScoreAdj < 0 {
		j.add(oomRule, "other programs of the server are ended before it when memory runs out", "oom_score_adj of 0 or more", "below 0", "remove oom_score_adj")
	}
}

// rawNetworks finds networks by which containers are on the host's own, and
// those that are not the project's.
func rawNetworks(s gate.Subject) []stack.Finding {
	var out []stack.Finding
	for _, n := range s.Release.Networks {
		if slices.Contains([]string{"host", "macvlan", "ipvlan"}, n.Driver) {
			out = append(out, stack.Finding{Subject: "network " + n.Name, File: n.File, Line: n.Line, Rule: hostBridgeRule.ID, Problem: "the network puts containers on the host's own", Expected: "a bridge",
				Observed: "driver: " + n.Driver, Fix: "remove driver"})
		}
	}
	return out
}
