package gate

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// start sees that the edge reads the file that is judged: another program, or
// another file, could do anything.
func (j *acmeJudge) start() {
	svc, known := edgeService(j.s.Release, j.s.Config.Traefik)
	if !known || j.model.static.kind != "file" {
		return
	}
	f := stack.Finding{Subject: "service " + svc.Name, File: svc.File, Line: svc.Line}
	if len(svc.Entrypoint) > 0 && !slices.Contains([]string{"traefik", "entrypoint.sh"}, path.Base(svc.Entrypoint[0])) {
		f.Problem, f.Expected, f.Observed = "the edge is started by something else than Traefik", "the image's own entry point", shorten(strings.Join(svc.Entrypoint, " "))
		f.Fix = "remove entrypoint, and pass flags in command"
		j.add(f)
	}
	j.folder(svc, f)
	file := cmp.Or(staticPath(svc, j.s.Release.Edge.Flags), j.found(svc))
	if file == "" || mountsFile(svc, file, path.Base(staticName(j.s.Config.Traefik))) && !j.strange(svc, file, j.s.Config.Traefik.Static) {
		return
	}
	f.Problem, f.Expected, f.Observed = "the edge reads another file than the one that is judged", staticName(j.s.Config.Traefik)+" mounted at "+file, "no such mount"
	f.Fix = "mount the file there, or name the one that is mounted in --configFile"
	j.add(f)
}

// found is the static file that Traefik finds by itself, or "": it looks for
// TOML first.
func (j *acmeJudge) found(svc stack.Service) string {
	for _, ext := range []string{".toml", ".yaml", ".yml"} {
		at := "/etc/traefik/traefik" + ext
		if slices.ContainsFunc(svc.Volumes, func(m stack.Mount) bool { return m.Target == at }) {
			return at
		}
	}
	return ""
}

// strange says that a mount of the project shows another file at a path than
// the one that is judged, whatever its name.
func (j *acmeJudge) strange(svc stack.Service, at, judged string) bool {
	root := strings.TrimSuffix(j.s.Config.Root, "/") + "/"
	return j.s.Config.Root != "" && slices.ContainsFunc(svc.Volumes, func(m stack.Mount) bool {
		below, isBelow := strings.CutPrefix(at, strings.TrimSuffix(m.Target, "/"))
		return isBelow && (below == "" || strings.HasPrefix(below, "/")) && strings.HasPrefix(m.Source, root) && path.Clean(m.Source+below) != path.Clean(judged)
	})
}

// folder sees that the edge watches the folder of the routes that are judged.
func (j *acmeJudge) folder(svc stack.Service, f stack.Finding) {
	n := j.model.static.root.first("providers", "file")
	if n == nil || len(j.model.dynamic) == 0 {
		return
	}
	f.File, f.Line = j.model.static.where, n.line
	watched := n.text("directory")
	mounted := slices.ContainsFunc(svc.Volumes, func(m stack.Mount) bool {
		return m.Target == watched || strings.HasPrefix(watched, strings.TrimSuffix(m.Target, "/")+"/")
	})
	switch {
	case watched == "" || n.text("filename") != "":
		f.Problem, f.Expected, f.Observed, f.Fix = "the edge reads other routes than those that are judged", "providers.file.directory", "filename: "+cmp.Or(n.text("filename"), "none"), "write directory, and remove filename"
	case !mounted || j.strange(svc, watched, j.s.Config.Traefik.Dynamic):
		f.Problem, f.Expected, f.Observed, f.Fix = "the edge reads other routes than those that are judged", "the folder of the routes mounted at "+watched, "no such mount", "mount "+path.Base(j.s.Config.Traefik.Dynamic)+" there, or correct directory"
	case strings.EqualFold(n.text("watch"), "false"):
		f.Problem, f.Expected, f.Observed, f.Fix = "the edge does not see when its routes change", "watch: true", "false", "remove watch: a switch to a new release would not be seen"
	default:
		return
	}
	j.add(f)
}

// staticPath is the static file that the edge's flags name, or "".
func staticPath(svc stack.Service, flags []string) string {
	return parseEdgeFlags(slices.Concat(svc.Entrypoint, svc.Command, flags)).text("configFile")
}

// mountsFile says whether a path in a container shows a file of that name.
func mountsFile(svc stack.Service, at, name string) bool {
	return slices.ContainsFunc(svc.Volumes, func(m stack.Mount) bool {
		if m.Type != "bind" && !strings.HasPrefix(m.Source, "/") {
			return false
		}
		below, isBelow := strings.CutPrefix(at, strings.TrimSuffix(m.Target, "/")+"/")
		return m.Target == at && path.Base(m.Source) == name || isBelow && path.Base(below) == name
	})
}

// challenge sees that the resolver can prove that the hosts are its own.
func (j *acmeJudge) challenge(base stack.Finding, acme *edgeNode) {
	kinds := 0
	for _, k := range acme.kids {
		switch strings.ToLower(k.name) {
		case "httpchallenge":
			kinds++
			j.challengePort(base, k)
		case "tlschallenge":
			kinds++
		case "dnschallenge":
			kinds++
			j.challengeDNS(base, k)
		}
	}
	if kinds == 0 {
		f := base
		f.Problem, f.Expected, f.Observed = "the resolver has no way to get a certificate", "httpChallenge, tlsChallenge or dnsChallenge", "none"
		f.Fix = "write httpChallenge: {entryPoint: web}"
		j.add(f)
	}
}

// challengeDNS: Traefik must know whose zone it is, and nobody is there to
// write a record by hand.
func (j *acmeJudge) challengeDNS(base stack.Finding, n *edgeNode) {
	if name := n.text("provider"); name == "" || strings.EqualFold(name, "manual") || strings.EqualFold(name, "exec") {
		f := base
		f.Line, f.Problem, f.Expected, f.Observed = n.line, "nobody answers the challenge", "the provider of the zone", cmp.Or(name, "none")
		f.Fix = "name the provider, or write httpChallenge: {entryPoint: web}"
		j.add(f)
	}
}

// challengePort: the authority asks on port 80 (RFC 8555, 8.3).
func (j *acmeJudge) challengePort(base stack.Finding, n *edgeNode) {
	name := n.text("entryPoint")
	i := slices.IndexFunc(j.model.entryPoints, func(e edgeEntryPoint) bool { return strings.EqualFold(e.name, name) })
	f := base
	f.Line, f.Expected, f.Fix = n.line, "the entry point on port 80", "name the entry point on port 80"
	switch {
	case i < 0:
		f.Problem, f.Observed = "the challenge is answered on an entry point that is defined nowhere", cmp.Or(name, "none")
	case !j.asked(j.model.entryPoints[i].port):
		f.Problem, f.Observed = "the challenge is answered on another port than the authority asks on", name+", "+j.model.entryPoints[i].node.text("address")
	default:
		return
	}
	j.add(f)
}

// asked says whether the authority's questions on port 80 get to a port of the
// edge's container.
func (j *acmeJudge) asked(port int) bool {
	svc, _ := edgeService(j.s.Release, j.s.Config.Traefik)
	if len(svc.Ports) == 0 {
		return port == 80
	}
	return slices.ContainsFunc(svc.Ports, func(p stack.Port) bool {
		n, err := strconv.Atoi(p.Published)
		return err == nil && (n == 80 || n == j.s.Target.Edge.HTTPPort) && int(p.Target) == port
	})
}
