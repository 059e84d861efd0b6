package release

import (
	"cmp"
	"slices"
	"strconv"
)

const (
	sshProblem = "publishes the port of the server at which its own SSH answers, by which stackctl deploys"
	sshFix     = "publish another one, such as 2222:22"
)

// onSSHPort are the services that are deployed and publish the server's SSH port.
func (d Draft) onSSHPort() []string {
	port := strconv.Itoa(cmp.Or(d.target.Port, 22))
	var out []string
	for _, name := range sortedKeys(d.project.Services) {
		s := d.project.Services[name]
		for _, p := range s.Ports {
			everywhere := slices.Contains([]string{"", "0.0.0.0", "::"}, p.HostIP)
			if d.deployed(s) && p.Published == port && p.Protocol != "udp" && everywhere && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// besideSSH refuses them: the port is taken, and the deploy would fail in its midst.
func (d Draft) besideSSH() error {
	var faults []error
	for _, name := range d.onSSHPort() {
		faults = append(faults, refuse(d.sources, d.places[name], "service "+name+" "+sshProblem, sshFix, "services", name, "ports"))
	}
	return together("services publish the server's SSH port", faults)
}
