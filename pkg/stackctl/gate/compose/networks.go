package compose

import (
	"bytes"
	"cmp"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// sensitive are folders of the host that give a container more than its data.
var sensitive = []string{"/etc", "/root", "/home", "/proc", "/sys", "/dev", "/boot", "/var/run", "/run", "/var/lib", "/var/log", "/usr", "/bin", "/sbin", "/lib", "/opt", "/srv", "/mnt", "/media"}

// harmless are read-only mounts that many images want.
var harmless = []string{"/etc/localtime", "/etc/timezone", "/etc/ssl/certs", "/etc/ca-certificates", "/usr/share/zoneinfo", "/usr/share/ca-certificates"}

// clockFiles say which time zone the server has. Whoever writes there changes how
// it shows the time, and no more.
var clockFiles = []string{"/etc/localtime", "/etc/timezone"}

func ruleMounts(j *judge) {
	for _, m := range j.svc.Volumes {
		if probe.IsEngineSocket(m.Source) || probe.IsEngineSocket(m.Target) {
			if j.live { // in the files it is gate G5's question
				j.add(engineSocketRule, "the container engine's socket is mounted", "no engine socket", m.Source+":"+m.Target, "remove the mount: who holds the socket holds the host")
			}
			continue
		}
		if m.Type != "bind" && !strings.HasPrefix(m.Source, "/") {
			continue
		}
		if why := j.sensitiveBind(m); why != "" {
			j.add(hostFoldersRule, "a sensitive folder of the host is mounted", "mounts below the project's folder", m.Source+":"+m.Target+" ("+why+")", "mount a named volume, or a folder of the project")
		}
	}
}

func (j *judge) sensitiveBind(m stack.Mount) string {
	source := path.Clean(m.Source)
	for _, own := range []string{j.s.Target.Path, filepath.ToSlash(j.s.Config.Root)} {
		if own != "" && own != "/" && (source == path.Clean(own) || strings.HasPrefix(source, path.Clean(own)+"/")) {
			return ""
		}
	}
	if source == "/" || source == "/var" {
		return "all of " + source
	}
	if slices.Contains(clockFiles, source) {
		return ""
	}
	for _, h := range harmless {
		if (source == h || strings.HasPrefix(source, h+"/")) && m.ReadOnly {
			return ""
		}
	}
	for _, dir := range sensitive {
		// Folders that only hold other people's projects are judged below their
		// first level: /srv/data is a data folder, /srv is everybody's.
		if dir == "/opt" || dir == "/srv" || dir == "/mnt" || dir == "/media" {
			if source == dir {
				return "all of " + dir
			}
			continue
		}
		if source == dir || strings.HasPrefix(source, dir+"/") {
			return "in " + dir
		}
	}
	return ""
}

// judgeVolumes sees that volumes are Docker's own, and that each is used: a
// volume that nothing mounts is one whose data now goes elsewhere.
func judgeVolumes(s gate.Subject) []stack.Finding {
	var out []stack.Finding
	for _, svc := range s.Release.Services {
		for _, m := range svc.Volumes {
			// An application that overlaps has nothing to keep there: it hides
			// a folder of its image, such as node_modules.
			if throwaway := s.Config.Traefik.Own && svc.Layer == stack.LayerApp; m.Type == "volume" && m.Source == "" && !throwaway {
				out = append(out, stack.Finding{Subject: "service " + svc.Name, Rule: keepsDataRule.ID, Problem: "what the service keeps is lost with its container", Expected: "a named volume",
					Observed: "a volume without a name at " + m.Target, Fix: "name the volume, or make it a tmpfs", File: svc.File, Line: svc.Line})
			}
		}
	}
	for _, v := range s.Release.Volumes {
		f := stack.Finding{Subject: "volume " + v.Name, File: v.File, Line: v.Line}
		device := v.Options["device"]
		bound := strings.HasPrefix(device, "/") && !strings.HasPrefix(device, "//") || strings.Contains(v.Options["o"], "bind") // a share of another machine begins with two
		used := slices.ContainsFunc(s.Release.Services, func(svc stack.Service) bool {
			return slices.ContainsFunc(svc.Volumes, func(m stack.Mount) bool { return m.Type == "volume" && m.Source == v.Name })
		})
		switch {
		case bound:
			f.Rule, f.Problem, f.Expected, f.Observed, f.Fix = volumeDriverRule.ID, "the volume is a folder of the host", "a volume of Docker's own", "device: "+cmp.Or(device, "none"), "remove driver_opts"
		case !used && !v.External:
			f.Rule, f.Problem, f.Expected, f.Observed, f.Fix = volumeUnusedRule.ID, "no service mounts the volume", "a service that keeps its data there", "none", "mount it, or remove it from volumes"
		default:
			continue
		}
		out = append(out, f)
	}
	return out
}

// judgeSecrets sees that secrets come from files.
func judgeSecrets(s gate.Subject) []stack.Finding {
	var out []stack.Finding
	for _, k := range s.Release.Secrets {
		if k.File == "" {
			out = append(out, stack.Finding{Subject: "secret " + k.Name, Rule: secretSourceRule.ID, Problem: "the secret does not come from a file", Expected: "file:", Observed: "none",
				Fix: "write file: for the secret " + k.Name})
		}
	}
	for _, f := range s.Release.Files {
		if s.Config.Traefik.Own && bytes.Equal(f.Content, s.Release.Edge.Static) {
			continue // no secret can be in what stackctl makes itself
		}
		switch k := knownIn(string(f.Content), s.Release.Known); {
		case k == "" || f.Secret || f.Mode.Perm() == 0o600:
		case f.Inline: // as in the environment
			out = append(out, stack.Finding{Subject: "config " + path.Base(f.Path), Rule: secretInEnvironmentRule.ID, Problem: "a secret is in the text of a config", Expected: "secrets under secrets: alone",
				Observed: "the value of the secret " + k, Fix: "mount the text as a secret, by file"})
		default:
			out = append(out, stack.Finding{Subject: "file " + path.Base(f.Path), Rule: secretSourceRule.ID, Problem: "a secret is shipped as an ordinary file", Expected: "secrets under secrets: alone",
				Observed: "the value of the secret " + k + " in " + f.Path, Fix: "declare the file under secrets: and mount it from there; of a folder, mount what holds no secret"})
		}
	}
	return out
}

// judgeNetworks holds the networks apart: the edge never sees the data
// network, stores are on nothing else, and it has no way out.
func judgeNetworks(s gate.Subject) []stack.Finding {
	byName := map[string]stack.Network{}
	for _, n := range s.Release.Networks {
		byName[n.Name] = n
	}
	var out []stack.Finding
	data := map[string]bool{}
	for _, name := range dataServices(s) {
		svc, _ := s.Release.Service(name)
		if s.Release.Elsewhere(svc) != "" {
			continue // it keeps nothing, and has to find its way out
		}
		for _, n := range svc.Networks {
			data[n] = true
			f := stack.Finding{Subject: "service " + name, File: svc.File, Line: svc.Line, Observed: "network " + n}
			if net, ok := byName[n]; !ok || !net.Internal {
				f.Rule, f.Problem, f.Expected, f.Fix = dataNetworkRule.ID, "a data service is on a network with a way out", "networks with internal: true only", "put the service on the data network only, and write internal: true there"
				out = append(out, f)
			}
		}
	}
	for _, n := range s.Release.Networks {
		if n.External && !ofIngress(s.Release, n) {
			out = append(out, stack.Finding{Subject: "network " + n.Name, File: n.File, Line: n.Line, Rule: foreignNetworkRule.ID, Problem: "the network belongs to somebody else, who decides who is on it", Expected: "networks of the project",
				Observed: "external: true", Fix: "remove external"})
		}
	}
	if edge, ok := traefik.Service(s.Release, s.Config.Traefik); ok {
		for _, n := range edge.Networks {
			if data[n] {
				out = append(out, stack.Finding{Subject: "service " + edge.Name, Rule: dataNetworkRule.ID, Problem: "the edge is on the data network", Expected: "edge only", Observed: "network " + n,
					Fix: "take the edge off " + n, File: edge.File, Line: edge.Line})
			}
		}
	}
	out = append(out, openNetworks(s)...)
	out = append(out, rawNetworks(s)...)
	return append(out, missingNetworks(s)...)
}

// ofIngress reports whether a network is the server's ingress's, on which the edge
// alone of the project is.
func ofIngress(r stack.Release, n stack.Network) bool {
	return n.RealName(r.Project) == stack.IngressProject && r.Shared() && !slices.ContainsFunc(r.Services, func(s stack.Service) bool {
		return s.Layer != stack.LayerEdge && slices.Contains(s.Networks, n.Name)
	})
}

// openNetworks finds networks whose containers can be reached without a
// published port (Docker: gateway modes of the bridge driver).
func openNetworks(s gate.Subject) []stack.Finding {
	var out []stack.Finding
	for _, n := range s.Release.Networks {
		for _, key := range slices.Sorted(maps.Keys(n.Options)) {
			if strings.Contains(key, "gateway_mode") && (n.Options[key] == "nat-unprotected" || n.Options[key] == "routed") {
				out = append(out, stack.Finding{Subject: "network " + n.Name, File: n.File, Line: n.Line, Rule: openNetworkRule.ID, Problem: "every port of its containers can be reached from outside", Expected: "gateway mode nat",
					Observed: key + ": " + n.Options[key], Fix: "remove the option"})
			}
		}
	}
	return out
}

// missingNetworks finds networks that the project demands and does not define.
func missingNetworks(s gate.Subject) []stack.Finding {
	var out []stack.Finding
	for _, want := range s.Config.Gates.Compose.Networks {
		if !slices.ContainsFunc(s.Release.Networks, func(n stack.Network) bool { return n.Name == want }) {
			out = append(out, stack.Finding{Subject: "network " + want, Rule: networksRule.ID, Problem: "a network is missing",
				Expected: "the networks " + strings.Join(s.Config.Gates.Compose.Networks, ", "), Observed: "no " + want, Fix: "define the network " + want})
		}
	}
	return out
}
