package acme

import (
	"cmp"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// start sees that the edge reads the file that is judged: another program, or
// another file, could do anything.
func (j *judge) start() {
	svc, known := traefik.Service(j.s.Release, j.s.Config.Traefik)
	if !known || j.model.Static.Kind != "file" {
		return
	}
	f := stack.Finding{Subject: "service " + svc.Name, File: svc.File, Line: svc.Line}
	if len(svc.Entrypoint) > 0 && !slices.Contains([]string{"traefik", "entrypoint.sh"}, path.Base(svc.Entrypoint[0])) {
		f.Rule, f.Problem, f.Expected, f.Observed = startRule.ID, "the edge is started by something else than Traefik", "the image's own entry point", probe.Shown(strings.Join(svc.Entrypoint, " "))
		f.Fix = "remove entrypoint, and pass flags in command"
		j.add(f)
	}
	j.folder(svc, f)
	named := staticPath(svc, j.s.Release.Edge.Flags)
	if named == "" {
		e := f
		e.Rule, e.Problem, e.Expected, e.Observed = explicitFileRule.ID, "Traefik looks for its static file by itself: one in the image, its working folder or the user's settings may come first", "--configFile in command", "no --configFile"
		e.Fix = explicitFileRule.Fix
		j.add(e)
	}
	file := cmp.Or(named, j.found(svc))
	if file == "" || probe.MountsFile(svc, file, path.Base(traefik.StaticName(j.s.Config.Traefik))) && !j.strange(svc, file, j.s.Config.Traefik.Static) {
		return
	}
	f.Rule, f.Problem, f.Expected, f.Observed = startRule.ID, "the edge reads another file than the one that is judged", traefik.StaticName(j.s.Config.Traefik)+" mounted at "+file, "no such mount"
	f.Fix = "mount the file there, or name the one that is mounted in --configFile"
	j.add(f)
}

// found is the static file that Traefik finds by itself, or "": it looks for
// TOML first.
func (j *judge) found(svc stack.Service) string {
	for _, ext := range []string{".toml", ".yaml", ".yml"} {
		at := "/etc/traefik/traefik" + ext
		if slices.ContainsFunc(svc.Volumes, func(m stack.Mount) bool { return m.Target == at }) {
			return at
		}
	}
	return ""
}

// strange reports whether a mount of the project shows another file at a path than
// the one that is judged, whatever its name.
func (j *judge) strange(svc stack.Service, at, judged string) bool {
	root := strings.TrimSuffix(filepath.ToSlash(j.s.Config.Root), "/") + "/"
	return j.s.Config.Root != "" && slices.ContainsFunc(svc.Volumes, func(m stack.Mount) bool {
		below, isBelow := strings.CutPrefix(at, strings.TrimSuffix(m.Target, "/"))
		return isBelow && (below == "" || strings.HasPrefix(below, "/")) && strings.HasPrefix(m.Source, root) && path.Clean(m.Source+below) != path.Clean(filepath.ToSlash(judged))
	})
}

// folder sees that the edge watches the folder of the routes that are judged.
func (j *judge) folder(svc stack.Service, f stack.Finding) {
	n := j.model.Static.Root.First("providers", "file")
	if n == nil || len(j.model.Dynamic) == 0 {
		return
	}
	f.File, f.Line = j.model.Static.Where, n.Line
	watched := n.Text("directory")
	mounted := slices.ContainsFunc(svc.Volumes, func(m stack.Mount) bool {
		return m.Target == watched || strings.HasPrefix(watched, strings.TrimSuffix(m.Target, "/")+"/")
	})
	switch {
	case watched == "" || n.Text("filename") != "":
		f.Rule, f.Problem, f.Expected, f.Observed, f.Fix = startRule.ID, "the edge reads other routes than those that are judged", "providers.file.directory", "filename: "+cmp.Or(n.Text("filename"), "none"), "write directory, and remove filename"
	case !mounted || j.strange(svc, watched, j.s.Config.Traefik.Dynamic):
		f.Rule, f.Problem, f.Expected, f.Observed, f.Fix = startRule.ID, "the edge reads other routes than those that are judged", "the folder of the routes mounted at "+watched, "no such mount", "mount "+filepath.Base(j.s.Config.Traefik.Dynamic)+" there, or correct directory"
	case strings.EqualFold(n.Text("watch"), "false"):
		f.Rule, f.Problem, f.Expected, f.Observed, f.Fix = startRule.ID, "the edge does not see when its routes change", "watch: true", "false", "remove watch: a switch to a new release would not be seen"
	default:
		return
	}
	j.add(f)
}

// staticPath is the static file that the edge's flags name, or "".
func staticPath(svc stack.Service, flags []string) string {
	return traefik.ParseFlags(slices.Concat(svc.Entrypoint, svc.Command, flags)).Text("configFile")
}

// challenge sees that the resolver can prove that the hosts are its own.
func (j *judge) challenge(base stack.Finding, acme *traefik.Node) {
	kinds := 0
	for _, k := range acme.Kids {
		switch strings.ToLower(k.Name) {
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
		f.Rule, f.Problem, f.Expected, f.Observed = challengeRule.ID, "the resolver has no way to get a certificate", "httpChallenge, tlsChallenge or dnsChallenge", "none"
		f.Fix = "write httpChallenge: {entryPoint: web}"
		j.add(f)
	}
}

// challengeDNS: Traefik must know whose zone it is, and nobody is there to
// write a record by hand.
func (j *judge) challengeDNS(base stack.Finding, n *traefik.Node) {
	if name := n.Text("provider"); name == "" || strings.EqualFold(name, "manual") || strings.EqualFold(name, "exec") {
		f := base
		f.Line, f.Rule, f.Problem, f.Expected, f.Observed = n.Line, challengeRule.ID, "nobody answers the challenge", "the provider of the zone", cmp.Or(name, "none")
		f.Fix = "name the provider, or write httpChallenge: {entryPoint: web}"
		j.add(f)
	}
}

// challengePort: the authority asks on port 80 (RFC 8555, 8.3). One of several edges
// answers inside what it is asked there.
func (j *judge) challengePort(base stack.Finding, n *traefik.Node) {
	name := cmp.Or(j.s.Release.Edge.Asked, n.Text("entryPoint"))
	i := slices.IndexFunc(j.model.EntryPoints, func(e traefik.EntryPoint) bool { return strings.EqualFold(e.Name, name) })
	f := base
	f.Line, f.Expected, f.Fix = n.Line, "the entry point on port 80", "name the entry point on port 80"
	switch {
	case i < 0:
		f.Rule, f.Problem, f.Observed = challengeRule.ID, "the challenge is answered on an entry point that is defined nowhere", cmp.Or(name, "none")
	case !j.asked(j.model.EntryPoints[i].Port):
		f.Rule, f.Problem, f.Observed = challengeRule.ID, "the challenge is answered on another port than the authority asks on", name+", "+j.model.EntryPoints[i].Node.Text("address")
	default:
		return
	}
	j.add(f)
}

// asked reports whether the authority's questions on port 80 get to a port of the
// edge's container.
func (j *judge) asked(port int) bool {
	svc, _ := traefik.Service(j.s.Release, j.s.Config.Traefik)
	if len(svc.Ports) == 0 {
		return port == 80
	}
	return slices.ContainsFunc(svc.Ports, func(p stack.Port) bool {
		n, err := strconv.Atoi(p.Published)
		return err == nil && (n == 80 || n == j.s.Target.Edge.HTTPPort) && int(p.Target) == port
	})
}
