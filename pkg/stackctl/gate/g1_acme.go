package gate

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

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
)

// acmeStatic judges what Traefik would do about certificates, before anything
// touches a server.
func acmeStatic() Gate {
	return Gate{
		ID: "G1", Name: "acme", Phase: stack.PhaseStatic,
		Question:  "Would every certificate come from the target's ACME directory, and from nowhere else?",
		Refs:      []string{"SPEC §4", "ASVS 12.1.1", "ASVS 12.2.2"},
		Inspects:  "every certificates resolver in file, flags and environment; every router, entry point, TLS store and label that names one",
		Artifacts: []string{"traefik-static.yml", "traefik-dynamic.yml"},
		Check:     checkACMEStatic,
	}
}

// acmeJudge collects what the static look finds.
type acmeJudge struct {
	s       Subject
	model   edgeModel
	allowed string
	name    string // the only resolver that may be used
	seen    int
	out     []stack.Finding
}

func checkACMEStatic(_ context.Context, s Subject) (Answer, error) {
	if err := writeEdgeArtifacts(s); err != nil {
		return Answer{}, err
	}
	j := &acmeJudge{s: s, model: readEdge(s.Release, s.Config.Traefik), allowed: acmeAllowed(s), name: cmp.Or(s.Config.Traefik.Resolver, "le-staging")}
	j.out = append(j.out, unreadable(j.model)...)
	j.targets()
	for _, src := range j.model.sources {
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
	return Answer{Inspected: j.seen, Of: "resolvers, routers and TLS settings", Findings: j.out}, nil
}

// storage sees that certificates outlive the edge's container: an authority
// lets a site have a few of them a week only.
func (j *acmeJudge) storage() {
	svc, known := edgeService(j.s.Release, j.s.Config.Traefik)
	if !known {
		return
	}
	for _, all := range j.model.static.root.find("certificatesResolvers") {
		for _, n := range all.kids {
			if n.first("acme") == nil {
				continue
			}
			// Traefik starts in /, and takes acme.json where nothing is said.
			file := path.Clean("/" + cmp.Or(n.text("acme", "storage"), "acme.json"))
			kept := slices.ContainsFunc(svc.Volumes, func(m stack.Mount) bool {
				whole := m.Type == "bind" && m.Target == file
				return m.Type != "tmpfs" && !m.ReadOnly && !inMemory(j.s, m) && (whole || strings.HasPrefix(file, strings.TrimSuffix(m.Target, "/")+"/"))
			})
			if !kept {
				j.add(stack.Finding{Subject: "resolver " + n.name, Problem: "certificates are lost with the edge's container", Expected: "storage on a volume of service " + svc.Name,
					Observed: "storage: " + file, Fix: "keep it on a volume", File: j.model.static.where, Line: n.line})
			}
		}
	}
}

// writeEdgeArtifacts keeps what Traefik will read.
func writeEdgeArtifacts(s Subject) error {
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

// acmeAllowed is the directory that the target may use.
func acmeAllowed(s Subject) string { return cmp.Or(s.Target.ACME.Directory, acmeStagingURL) }

func (j *acmeJudge) add(f stack.Finding) {
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
func (j *acmeJudge) targets() {
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
			Subject: "target " + name, Expected: acmeStagingURL + ", or a directory of your own with its roots in acme.roots",
			Observed: acmeSpeak(t.ACME.Directory), File: j.s.Config.File, Evidence: "traefik-static.yml",
			Fix: "set targets." + name + ".acme.directory to the staging directory",
		}
		_, public := acmePublic(t.ACME.Directory)
		_, err := acmeCanonical(t.ACME.Directory)
		switch {
		case public:
			f.Problem = "the target's ACME directory issues certificates that browsers trust"
		case err != nil:
			f.Problem = "the target's ACME directory is not a usable URL"
		case !acmeSame(t.ACME.Directory, acmeStagingURL) && t.ACME.Roots == "" && t.ACME.DirectoryCA == "":
			f.Problem = "the target's ACME directory is neither Let's Encrypt's staging nor one with roots of its own"
		default:
			continue
		}
		j.add(f)
	}
}

// otherFiles judges every file of the release that holds resolvers or stored
// certificates: Traefik takes the first that it finds, /etc/traefik/traefik.toml
// before traefik.yml.
func (j *acmeJudge) otherFiles() {
	for _, f := range j.s.Release.Files {
		ext := strings.ToLower(filepath.Ext(f.Path))
		if !slices.Contains([]string{".yml", ".yaml", ".toml", ".json"}, ext) || bytes.Equal(f.Content, j.s.Release.Edge.Static) {
			continue
		}
		if ext == ".json" && bytes.Contains(f.Content, []byte("Certificates")) {
			for _, finding := range judgeACMEStore(f.Path, f.Content, j.allowed, nil) {
				j.add(finding)
			}
			continue
		}
		if !bytes.Contains(bytes.ToLower(f.Content), []byte("certificatesresolvers")) {
			continue
		}
		if root, err := parseEdgeFile(f.Path, f.Content); err == nil {
			j.source(edgeSource{"file", f.Path, root})
		}
	}
}

// committed judges the static file as the repository has it: run without
// stackctl, it is what Traefik reads.
func (j *acmeJudge) committed() {
	name := j.s.Config.Traefik.Static
	if name == "" {
		return
	}
	content, err := given.Read(name, given.Most)
	if err != nil || bytes.Equal(content, j.s.Release.Edge.Static) {
		return
	}
	root, err := parseEdgeFile(name, content)
	if err != nil {
		return
	}
	for _, all := range root.find("certificatesResolvers") {
		for _, r := range all.kids {
			for _, acme := range r.find("acme") {
				j.seen++
				j.committedServer(name, r, acme)
			}
		}
	}
}

func (j *acmeJudge) committedServer(file string, r, acme *edgeNode) {
	f := stack.Finding{Subject: "resolver " + r.name, File: file, Line: r.line, Expected: "caServer: " + acmeStagingURL,
		Fix: "write the staging directory in the file; stackctl puts the target's own in its place"}
	servers := acme.find("caServer")
	if len(servers) == 0 {
		f.Problem, f.Observed = "the committed file has no caServer", "omitted, which means Let's Encrypt production"
		j.add(f)
	}
	for _, n := range servers {
		if acmeSame(n.value, acmeStagingURL) || acmeSame(n.value, j.allowed) || strings.Contains(n.value, "{{") || strings.Contains(n.value, "${") {
			continue
		}
		f.Line, f.Problem, f.Observed = n.line, "the committed file uses another ACME directory", acmeSpeak(n.value)
		j.add(f)
	}
}

var certResolverLabel = regexp.MustCompile(`(?i)^traefik\..*certresolver$`)

// service judges what a service's labels, command and environment say of ACME.
func (j *acmeJudge) service(svc stack.Service) {
	edge, _ := edgeService(j.s.Release, j.s.Config.Traefik)
	base := stack.Finding{Subject: "service " + svc.Name, File: svc.File, Line: svc.Line, Expected: "certificates from the resolver " + j.name + " of the edge only"}
	for key, value := range svc.Labels {
		f := base
		f.Fix = "remove the label; routes stand in the Traefik files"
		switch {
		case certResolverLabel.MatchString(key) && value != j.name:
			j.seen++
			f.Problem, f.Observed = "a label names another certificates resolver", key+"="+shorten(value)
		case strings.HasPrefix(strings.ToLower(key), "traefik.certificatesresolvers"):
			j.seen++
			f.Problem, f.Observed = "a label defines a certificates resolver", key
		default:
			continue
		}
		j.add(f)
	}
	if svc.Name != edge.Name {
		for _, src := range []edgeSource{
			{"flags", "command of service " + svc.Name, parseEdgeFlags(slices.Concat(svc.Entrypoint, svc.Command))},
			{"environment", "environment of service " + svc.Name, parseEdgeEnv(svc.Environment)},
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
func (j *acmeJudge) lego(base stack.Finding, env map[string]string, onEdge bool) {
	for key, value := range env {
		if value == "" || !strings.HasPrefix(strings.ToUpper(key), "LEGO_") && !(onEdge && strings.HasPrefix(key, "SSL_CERT_")) {
			continue
		}
		j.seen++
		f := base
		switch upper := strings.ToUpper(key); {
		case upper == "LEGO_SERVER" && !acmeSame(value, j.allowed):
			f.Problem, f.Expected, f.Observed = "a variable names another ACME directory", j.allowed, acmeSpeak(value)
		case (strings.HasPrefix(upper, "LEGO_CA_") || strings.HasPrefix(key, "SSL_CERT_")) && j.s.Target.ACME.DirectoryCA == "":
			f.Problem, f.Expected, f.Observed = "another root is trusted for the directory", "the system's roots", key
			f.Fix = "remove " + key + ", or set acme.directory_ca of the target"
		case strings.Contains(upper, "SKIP_VERIFY") || strings.Contains(upper, "INSECURE"):
			f.Problem, f.Observed = "the directory's own certificate is not checked", key
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
func (j *acmeJudge) routers() {
	defined := map[string]bool{}
	for _, all := range j.model.static.root.find("certificatesResolvers") {
		for _, r := range all.kids {
			defined[r.name] = len(r.kids) > 0
		}
	}
	name := func(where, resolver, file string, line int) {
		f := stack.Finding{Subject: where, File: file, Line: line, Expected: "certResolver: " + j.name, Evidence: "traefik-dynamic.yml",
			Fix: "write `tls: {certResolver: " + j.name + "}`"}
		switch {
		case resolver == "":
			f.Problem, f.Observed = "TLS without a certificates resolver", "none: Traefik's self-signed default certificate"
		case resolver != j.name:
			f.Problem, f.Observed = "another certificates resolver than the allowed one", resolver
		case !defined[resolver]:
			f.Problem, f.Observed = "the certificates resolver is defined nowhere", resolver+": Traefik serves its self-signed default certificate"
			f.Fix = "define the resolver " + resolver + " in " + j.model.static.where
		default:
			return
		}
		j.add(f)
	}
	for _, e := range j.model.entryPoints {
		if e.tls && e.resolver != "" {
			j.seen++
			name("entry point "+e.name, e.resolver, j.model.static.where, e.node.line)
		}
	}
	for _, r := range j.model.routers {
		passthrough := r.tcp && j.passthrough(r)
		if r.tls && !passthrough && (r.public() || r.resolver != "") {
			j.seen++
			name("router "+r.name, r.resolver, r.file, r.line)
		}
		if !r.tls && slices.ContainsFunc(r.entryPoints, func(e edgeEntryPoint) bool { return e.public && e.port == 443 }) {
			j.seen++
			j.add(stack.Finding{Subject: "router " + r.name, Problem: "a router on the https entry point without TLS", File: r.file, Line: r.line,
				Expected: "tls with certResolver " + j.name, Observed: "no tls section", Evidence: "traefik-dynamic.yml",
				Fix: "write `tls: {certResolver: " + j.name + "}`"})
		}
	}
}

func (j *acmeJudge) passthrough(r edgeRouter) bool {
	for _, src := range j.model.dynamic {
		if n := src.root.first("tcp", "routers", r.name); n.truth("tls", "passthrough") {
			return true
		}
	}
	return false
}
