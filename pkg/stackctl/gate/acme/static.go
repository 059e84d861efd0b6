// Package acme owns gate G1: certificates come from the one authority that is
// allowed, and the served ones are valid. It must not know the other families.
package acme

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// Static judges what Traefik would do about certificates, before anything
// touches a server.
func Static() gate.Gate {
	return gate.Gate{
		Rules: Rules,
		ID:    "G1", Name: "acme", Phase: stack.PhaseStatic,
		Question:  "Would every certificate come from the target's ACME directory, and from nowhere else?",
		Refs:      []string{"SPEC §4", "ASVS 12.1.1", "ASVS 12.2.2"},
		Inspects:  "every certificates resolver in file, flags and environment; every router, entry point, TLS store and label that names one",
		Artifacts: []string{"traefik-static.yml", "traefik-dynamic.yml"},
		Check:     checkStatic,
	}
}

// judge collects what the static look finds.
type judge struct {
	s       gate.Subject
	model   traefik.Model
	allowed string
	name    string // the only resolver that may be used
	seen    int
	out     []stack.Finding
}

func checkStatic(_ context.Context, s gate.Subject) (gate.Answer, error) {
	if err := writeEdgeArtifacts(s); err != nil {
		return gate.Answer{}, err
	}
	j := &judge{s: s, model: traefik.Read(s.Release, s.Config.Traefik), allowed: allowed(s), name: cmp.Or(s.Config.Traefik.Resolver, "le-staging")}
	j.out = append(j.out, probe.Unreadable(j.model, readableRule)...)
	j.targets()
	for _, src := range j.model.Sources {
		j.source(src)
	}
	j.otherFiles()
	j.committed()
	for _, svc := range s.Release.Services {
		j.service(svc)
	}
	j.start()
	j.routers()
	j.dynamicTLS()
	j.routerTLS()
	j.storage()
	return gate.Answer{Inspected: j.seen, Of: "resolvers, routers and TLS settings", Findings: j.out}, nil
}

// storage sees that certificates outlive the edge's container: an authority
// lets a site have a few of them a week only.
func (j *judge) storage() {
	svc, known := traefik.Service(j.s.Release, j.s.Config.Traefik)
	if !known {
		return
	}
	for _, all := range j.model.Static.Root.Find("certificatesResolvers") {
		for _, n := range all.Kids {
			if n.First("acme") == nil {
				continue
			}
			// Traefik starts in /, and takes acme.json where nothing is said.
			file := path.Clean("/" + cmp.Or(n.Text("acme", "storage"), "acme.json"))
			kept := slices.ContainsFunc(svc.Volumes, func(m stack.Mount) bool {
				whole := m.Type == "bind" && m.Target == file
				return m.Type != "tmpfs" && !m.ReadOnly && !probe.InMemory(j.s, m) && (whole || strings.HasPrefix(file, strings.TrimSuffix(m.Target, "/")+"/"))
			})
			if !kept {
				j.add(stack.Finding{Subject: "resolver " + n.Name, Rule: storageRule.ID, Problem: "certificates are lost with the edge's container", Expected: "storage on a volume of service " + svc.Name,
					Observed: "storage: " + file, Fix: "keep it on a volume", File: j.model.Static.Where, Line: n.Line})
			}
		}
	}
}

// writeEdgeArtifacts keeps what Traefik will read.
func writeEdgeArtifacts(s gate.Subject) error {
	if s.Artifacts == nil {
		return nil
	}
	var dynamic bytes.Buffer
	for _, f := range s.Release.Edge.Dynamic {
		fmt.Fprintf(&dynamic, "# %s\n---\n%s\n", filepath.Base(f.Path), bytes.TrimSpace(f.Content))
	}
	if err := s.Artifacts.Artifact("traefik-static.yml", s.Release.Edge.Static); err != nil {
		return fmt.Errorf("keep traefik-static.yml: %w", err)
	}
	if err := s.Artifacts.Artifact("traefik-dynamic.yml", dynamic.Bytes()); err != nil {
		return fmt.Errorf("keep traefik-dynamic.yml: %w", err)
	}
	return nil
}

// allowed is the directory that the target may use.
func allowed(s gate.Subject) string { return directoryOf(s.Target.ACME) }

func directoryOf(a stack.ACME) string { return cmp.Or(a.Directory, stagingURL) }

func (j *judge) add(f stack.Finding) {
	if f.Evidence == "" {
		f.Evidence = "traefik-static.yml"
	}
	if !slices.ContainsFunc(j.out, func(o stack.Finding) bool {
		return o.Subject == f.Subject && o.Problem == f.Problem && o.File == f.File && o.Observed == f.Observed
	}) {
		j.out = append(j.out, f)
	}
}

// targets judges the directories that stackctl.yaml itself names.
func (j *judge) targets() {
	all := map[string]stack.Target{cmp.Or(j.s.Target.Name, "target"): j.s.Target}
	for name, t := range j.s.Config.Targets {
		all[name] = t
	}
	for name, t := range all {
		if t.ACME.Directory == "" {
			continue
		}
		j.seen++
		f := stack.Finding{
			Subject: "target " + name, Expected: stagingURL + ", or a directory of your own with its roots in acme.roots",
			Observed: speak(t.ACME.Directory), File: j.s.Config.File, Evidence: "traefik-static.yml",
			Fix: "set targets." + name + ".acme.directory to the staging directory, or acme.policy to public where browsers are to trust the site",
		}
		if ca, known := public(t.ACME.Rehearsal.Directory); known {
			j.add(stack.Finding{Subject: "target " + name, Rule: targetDirectoryRule.ID, Problem: "the directory of the rehearsal is " + ca + "'s, which browsers trust",
				Expected: "a staging directory", Observed: speak(t.ACME.Rehearsal.Directory), File: j.s.Config.File, Fix: "leave targets." + name + ".acme.rehearsal.directory out, or name a staging directory"})
		}
		_, public := public(t.ACME.Directory)
		_, err := canonical(t.ACME.Directory)
		switch {
		case public && t.ACME.Public():
			continue
		case public:
			f.Rule, f.Problem = targetDirectoryRule.ID, "the target's ACME directory issues certificates that browsers trust"
		case t.ACME.Public() && same(t.ACME.Directory, stagingURL):
			f.Rule, f.Problem, f.Expected = targetDirectoryRule.ID, "acme.policy is public, and the directory is Let's Encrypt's staging", "a directory whose certificates browsers trust"
			f.Fix = "leave targets." + name + ".acme.directory out, or set acme.policy to staging"
		case err != nil:
			f.Rule, f.Problem = targetDirectoryRule.ID, "the target's ACME directory is not a usable URL"
		case !same(t.ACME.Directory, stagingURL) && t.ACME.Roots == "" && t.ACME.DirectoryCA == "":
			f.Rule, f.Problem = targetDirectoryRule.ID, "the target's ACME directory is neither Let's Encrypt's staging nor one with roots of its own"
		default:
			continue
		}
		j.add(f)
	}
}

// otherFiles judges every file of the release that holds resolvers or stored
// certificates: Traefik takes the first that it finds, /etc/traefik/traefik.toml
// before traefik.yml.
func (j *judge) otherFiles() {
	for _, f := range j.s.Release.Files {
		ext := strings.ToLower(filepath.Ext(f.Path))
		if !slices.Contains([]string{".yml", ".yaml", ".toml", ".json"}, ext) || bytes.Equal(f.Content, j.s.Release.Edge.Static) {
			continue
		}
		if ext == ".json" && bytes.Contains(f.Content, []byte("Certificates")) {
			for _, finding := range judgeStore(f.Path, f.Content, j.s.Target.ACME, nil) {
				j.add(finding)
			}
			continue
		}
		if !bytes.Contains(bytes.ToLower(f.Content), []byte("certificatesresolvers")) {
			continue
		}
		if root, err := traefik.ParseFile(f.Path, f.Content); err == nil {
			j.source(traefik.Source{Kind: "file", Where: f.Path, Root: root})
		}
	}
}

// committed judges the static file as the repository has it: run without
// stackctl, it is what Traefik reads.
func (j *judge) committed() {
	name := j.s.Config.Traefik.Static
	if name == "" {
		return
	}
	content, err := given.Read(name, given.Most)
	if err != nil || bytes.Equal(content, j.s.Release.Edge.Static) {
		return
	}
	root, err := traefik.ParseFile(name, content)
	if err != nil {
		return
	}
	for _, all := range root.Find("certificatesResolvers") {
		for _, r := range all.Kids {
			for _, acme := range r.Find("acme") {
				j.seen++
				j.committedServer(name, r, acme)
			}
		}
	}
}

func (j *judge) committedServer(file string, r, acme *traefik.Node) {
	f := stack.Finding{Subject: "resolver " + r.Name, File: file, Line: r.Line, Expected: "caServer: " + stagingURL,
		Fix: "write the staging directory in the file; stackctl puts the target's own in its place"}
	servers := acme.Find("caServer")
	if len(servers) == 0 {
		f.Rule, f.Problem, f.Observed = directoryRule.ID, "the committed file has no caServer", "omitted, which means Let's Encrypt production"
		j.add(f)
	}
	for _, n := range servers {
		if same(n.Value, stagingURL) || same(n.Value, j.allowed) || strings.Contains(n.Value, "{{") || strings.Contains(n.Value, "${") {
			continue
		}
		f.Line, f.Rule, f.Problem, f.Observed = n.Line, directoryRule.ID, "the committed file uses another ACME directory", speak(n.Value)
		j.add(f)
	}
}

var certResolverLabel = regexp.MustCompile(`(?i)^traefik\..*certresolver$`)

// service judges what a service's labels, command and environment say of ACME.
func (j *judge) service(svc stack.Service) {
	edge, _ := traefik.Service(j.s.Release, j.s.Config.Traefik)
	base := stack.Finding{Subject: "service " + svc.Name, File: svc.File, Line: svc.Line, Expected: "certificates from the resolver " + j.name + " of the edge only"}
	for key, value := range svc.Labels {
		if j.s.Config.Traefik.Own {
			break // nothing reads them
		}
		f := base
		f.Fix = "remove the label; routes stand in the Traefik files"
		switch {
		case certResolverLabel.MatchString(key) && value != j.name:
			j.seen++
			f.Rule, f.Problem, f.Observed = serviceLabelsRule.ID, "a label names another certificates resolver", key+"="+probe.Shown(value)
		case strings.HasPrefix(strings.ToLower(key), "traefik.certificatesresolvers"):
			j.seen++
			f.Rule, f.Problem, f.Observed = serviceLabelsRule.ID, "a label defines a certificates resolver", key
		default:
			continue
		}
		j.add(f)
	}
	if svc.Name != edge.Name {
		for _, src := range []traefik.Source{
			{Kind: "flags", Where: "command of service " + svc.Name, Root: traefik.ParseFlags(slices.Concat(svc.Entrypoint, svc.Command))},
			{Kind: "environment", Where: "environment of service " + svc.Name, Root: traefik.ParseEnv(svc.Environment)},
		} {
			j.source(src)
		}
	}
	env := map[string]string{}
	for k, v := range svc.Environment {
		env[k] = v
	}
	if svc.Name == edge.Name {
		for k, v := range j.s.Release.Edge.Env {
			env[k] = v
		}
	}
	j.lego(base, env, svc.Name == edge.Name)
}

// lego judges the variables of the ACME client inside Traefik, and of Go's own
// trust on the edge.
func (j *judge) lego(base stack.Finding, env map[string]string, onEdge bool) {
	for key, value := range env {
		if value == "" || !strings.HasPrefix(strings.ToUpper(key), "LEGO_") && !(onEdge && strings.HasPrefix(key, "SSL_CERT_")) {
			continue
		}
		j.seen++
		f := base
		switch upper := strings.ToUpper(key); {
		case upper == "LEGO_SERVER" && !same(value, j.allowed):
			f.Rule, f.Problem, f.Expected, f.Observed = directoryRule.ID, "a variable names another ACME directory", j.allowed, speak(value)
		case (strings.HasPrefix(upper, "LEGO_CA_") || strings.HasPrefix(key, "SSL_CERT_")) && j.s.Target.ACME.DirectoryCA == "":
			f.Rule, f.Problem, f.Expected, f.Observed = directoryTrustRule.ID, "another root is trusted for the directory", "the system's roots", key
			f.Fix = "remove " + key + ", or set acme.directory_ca of the target"
		case strings.Contains(upper, "SKIP_VERIFY") || strings.Contains(upper, "INSECURE"):
			f.Rule, f.Problem, f.Observed = directoryTrustRule.ID, "the directory's own certificate is not checked", key
		default:
			continue
		}
		if f.Fix == "" {
			f.Fix = "remove the variable"
		}
		j.add(f)
	}
}

// routers judges which certificate each router would get.
func (j *judge) routers() {
	defined := map[string]bool{}
	for _, all := range j.model.Static.Root.Find("certificatesResolvers") {
		for _, r := range all.Kids {
			defined[r.Name] = len(r.Kids) > 0
		}
	}
	name := func(where, resolver, file string, line int) {
		f := stack.Finding{Subject: where, File: file, Line: line, Expected: "certResolver: " + j.name, Evidence: "traefik-dynamic.yml",
			Fix: "write `tls: {certResolver: " + j.name + "}`"}
		switch {
		case resolver == "":
			f.Rule, f.Problem, f.Observed = routerResolverRule.ID, "TLS without a certificates resolver", "none: Traefik's self-signed default certificate"
		case resolver != j.name:
			f.Rule, f.Problem, f.Observed = routerResolverRule.ID, "another certificates resolver than the allowed one", resolver
		case !defined[resolver]:
			f.Rule, f.Problem, f.Observed = routerResolverRule.ID, "the certificates resolver is defined nowhere", resolver+": Traefik serves its self-signed default certificate"
			f.Fix = "define the resolver " + resolver + " in " + j.model.Static.Where
		default:
			return
		}
		j.add(f)
	}
	for _, e := range j.model.EntryPoints {
		if e.TLS && e.Resolver != "" {
			j.seen++
			name("entry point "+e.Name, e.Resolver, j.model.Static.Where, e.Node.Line)
		}
	}
	for _, r := range j.model.Routers {
		passthrough := r.TCP && j.passthrough(r)
		if r.TLS && !passthrough && (r.Public() || r.Resolver != "") {
			j.seen++
			name("router "+r.Name, r.Resolver, r.File, r.Line)
		}
		if !r.TLS && slices.ContainsFunc(r.EntryPoints, func(e traefik.EntryPoint) bool { return e.Public && e.Port == 443 }) {
			j.seen++
			j.add(stack.Finding{Subject: "router " + r.Name, Rule: routerResolverRule.ID, Problem: "a router on the https entry point without TLS", File: r.File, Line: r.Line,
				Expected: "tls with certResolver " + j.name, Observed: "no tls section", Evidence: "traefik-dynamic.yml",
				Fix: "write `tls: {certResolver: " + j.name + "}`"})
		}
	}
}

func (j *judge) passthrough(r traefik.Router) bool {
	for _, src := range j.model.Dynamic {
		if n := src.Root.First("tcp", "routers", r.Name); n.Truth("tls", "passthrough") {
			return true
		}
	}
	return false
}
