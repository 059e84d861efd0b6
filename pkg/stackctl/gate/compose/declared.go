// Package compose owns gate G9: the compose file's rules, and that what runs is
// what was declared. It must not know the other families.
package compose

import (
	"cmp"
	"context"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// Declared judges the compose files by the rules of SPEC §2.
func Declared() gate.Gate {
	return gate.Gate{
		Rules: Rules,
		ID:    "G9", Name: "compose", Phase: stack.PhaseStatic,
		Question: "Does every service keep the rules, and do all files speak of the same services and variables?",
		Refs:     []string{"SPEC §2", "SPEC §9", "ASVS 13.2.2", "ASVS 13.3.1", "ASVS 15.2.2"},
		Inspects: "every service by every rule of SPEC §2, networks, images, secrets, variables against .env.example, the inventory across compose, Traefik, docs and stackctl.yaml",
		Check:    checkDeclared,
	}
}

func checkDeclared(_ context.Context, s gate.Subject) (gate.Answer, error) {
	var out []stack.Finding
	for _, svc := range s.Release.Services {
		out = append(out, judgeService(s, svc)...)
	}
	out = append(out, judgeNetworks(s)...)
	out = append(out, judgeVolumes(s)...)
	out = append(out, judgeSecrets(s)...)
	out = append(out, weakSecrets(s)...)
	out = append(out, committedSecrets(s)...)
	variables, found, err := judgeVariables(s)
	out = append(out, found...)
	if err != nil {
		return gate.Answer{Inspected: len(s.Release.Services), Of: "services", Findings: out}, err
	}
	out = append(out, judgeInventory(s)...)
	return gate.Answer{Inspected: len(s.Release.Services) * (len(rules) + variables), Of: "rules on services and variables", Findings: out}, nil
}

// judge judges one service.
type judge struct {
	s    gate.Subject
	svc  stack.Service
	edge bool
	out  []stack.Finding
	// live reports whether svc is how a container runs, not what a file says.
	live bool
}

// add makes a finding. The subject is the service alone; where a rule can
// fail more than once, the problem says of what.
func (j *judge) add(rule stack.Rule, problem, expected, observed, fix string) {
	j.out = append(j.out, stack.Finding{Subject: "service " + j.svc.Name, Rule: rule.ID, Problem: problem, Expected: expected, Observed: observed,
		Fix: fix, File: j.svc.File, Line: j.svc.Line})
}

// rules are the rules that each service must keep. Published ports, network
// modes, devices and the engine's socket are gate G5's.
var rules = []func(*judge){
	ruleRuns, ruleHealth, ruleRestart, ruleMemory, ruleLogs, ruleReadOnly, rulePrivileges, ruleCapabilities, ruleUser,
	ruleNamespaces, ruleKernel, ruleMounts, ruleWaits, ruleImage, ruleEnvironment, ruleCommand,
	ruleSideBySide, ruleKeeps, ruleForeignVolumes, ruleNames, ruleStore, rulePlaceholder, ruleDevelopment,
}

func judgeService(s gate.Subject, svc stack.Service) []stack.Finding {
	edge, known := traefik.Service(s.Release, s.Config.Traefik)
	j := &judge{s: s, svc: svc, edge: known && edge.Name == svc.Name}
	for _, rule := range rules {
		rule(j)
	}
	return j.out
}

// upstream is what a vendor's image does not allow, with the reason.
type upstream struct {
	root     string // why it may run as root
	writable string // why its root file system may be writable
	caps     []string
}

// dropping images start as root to prepare their folder, then drop.
var dropping = []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}

// upstreams are the vendor images of which the stack knows what they do not
// allow. An own image has no entry: it can be changed.
var upstreams = map[string]upstream{
	"traefik":        {root: "binds ports 80 and 443 and owns the certificate store", caps: []string{"NET_BIND_SERVICE"}},
	"postgres":       {root: "prepares its data folder as root, then drops to postgres", caps: dropping},
	"redis":          {root: "prepares its data folder as root, then drops to redis", caps: dropping},
	"valkey":         {root: "prepares its data folder as root, then drops to valkey", caps: dropping},
	"dpage/pgadmin4": {root: "the image itself names user 5050", writable: "pgAdmin writes its configuration below its program folder", caps: []string{"NET_BIND_SERVICE"}},
}

func upstreamOf(image string) (upstream, bool) {
	repo, _, _ := splitImage(image)
	for _, prefix := range []string{"docker.io/", "index.docker.io/", "library/", "mirror.gcr.io/", "public.ecr.aws/docker/"} {
		repo = strings.TrimPrefix(repo, prefix)
	}
	u, ok := upstreams[strings.TrimPrefix(repo, "library/")]
	return u, ok
}

// splitImage takes a reference apart.
func splitImage(ref string) (repo, tag, digest string) {
	ref, digest, _ = strings.Cut(ref, "@")
	if i := strings.LastIndex(ref, ":"); i > strings.LastIndex(ref, "/") {
		return ref[:i], ref[i+1:], digest
	}
	return ref, "", digest
}

// ruleRuns sees that the service is there at all.
func ruleRuns(j *judge) {
	if j.svc.Stopped {
		j.add(deployedRule, "the files want no container of the service", "one container", "replicas: 0", "remove replicas and scale, or the service")
	}
}

func ruleRestart(j *judge) {
	policy, _, _ := strings.Cut(j.svc.Restart, ":")
	if j.svc.OneShot {
		if policy == "always" || policy == "unless-stopped" {
			j.add(restartRule, "a one-shot service would run for ever", `restart: "no"`, j.svc.Restart, `write restart: "no"`)
		}
		return
	}
	if policy != "always" && policy != "unless-stopped" {
		j.add(restartRule, "the service does not come back by itself", "restart: unless-stopped", cmp.Or(j.svc.Restart, "none"), "write restart: unless-stopped")
	}
}

func ruleReadOnly(j *judge) {
	if j.svc.ReadOnly {
		return
	}
	if u, ok := upstreamOf(j.svc.Image); ok && u.writable != "" {
		return
	}
	j.add(readOnlyRule, "the root file system is writable", "read_only: true", "read_only: false", "write read_only: true, with tmpfs for what the program must write")
}

func rulePrivileges(j *judge) {
	if j.svc.Privileged {
		j.add(privilegedRule, "the service is privileged", "privileged: false", "privileged: true", "remove privileged")
	}
	guarded := false
	for _, o := range j.svc.SecurityOpt {
		key, value, _ := strings.Cut(strings.Replace(o, "=", ":", 1), ":")
		switch {
		case key == "no-new-privileges":
			on, err := strconv.ParseBool(strings.ToLower(value))
			guarded = value == "" || err == nil && on
		case strings.EqualFold(value, "unconfined") || strings.EqualFold(value, "disable"):
			j.add(kernelProtectionRule, "a protection of the kernel is switched off", "the default profile", o, "remove "+o+" from security_opt")
		}
	}
	if !guarded {
		j.add(noNewPrivilegesRule, "processes may gain privileges", "security_opt: [no-new-privileges:true]", cmp.Or(strings.Join(j.svc.SecurityOpt, ", "), "none"),
			"write security_opt: [\"no-new-privileges:true\"]")
	}
}

// hostCapabilities are those with which a container is as good as privileged:
// mounts, modules of the kernel, the memory, every file.
var hostCapabilities = []string{"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "DAC_READ_SEARCH"}

func ruleCapabilities(j *judge) {
	normal := func(c string) string { return strings.TrimPrefix(strings.ToUpper(c), "CAP_") }
	if !slices.ContainsFunc(j.svc.CapDrop, func(c string) bool { return normal(c) == "ALL" }) {
		j.add(capabilitiesRule, "capabilities are not dropped", "cap_drop: [ALL]", cmp.Or(strings.Join(j.svc.CapDrop, ", "), "none"), "write cap_drop: [ALL]")
	}
	may := []string{"NET_BIND_SERVICE"}
	if u, ok := upstreamOf(j.svc.Image); ok {
		may = append(may, u.caps...)
	}
	for _, c := range j.svc.CapAdd {
		if slices.Contains(hostCapabilities, normal(c)) {
			j.add(privilegedRule, "the capability "+normal(c)+" hands over the host", "none of "+strings.Join(hostCapabilities, ", "), c, "remove "+c+" from cap_add")
		}
		if !slices.Contains(may, normal(c)) {
			j.add(capabilitiesRule, "the capability "+normal(c)+" is added without need", "of "+strings.Join(unequal(may), ", ")+" at most", c, "remove "+c+" from cap_add")
		}
	}
}

func unequal(list []string) []string {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

func ruleUser(j *judge) {
	user, group, _ := strings.Cut(j.svc.User, ":")
	isRoot := func(s string) bool { n, err := strconv.Atoi(s); return s == "root" || err == nil && n == 0 }
	if u, ok := upstreamOf(j.svc.Image); ok && u.root != "" {
		return
	}
	fix := `write user: "65532:65532"`
	switch {
	case user == "":
		j.add(userRule, "the service does not say that it runs without root", "a user other than root", "none", fix)
	case isRoot(user):
		j.add(userRule, "the service runs as root", "a user other than root", j.svc.User, fix)
	case isRoot(group):
		j.add(userRule, "the service runs in the group root", "a group other than root", j.svc.User, fix)
	}
}

// ruleSideBySide sees that a new release can start beside the old one, and
// that the old one may finish its requests.
func ruleSideBySide(j *judge) {
	if j.svc.Layer != stack.LayerApp || j.svc.OneShot {
		return
	}
	if j.svc.ContainerName != "" {
		j.add(sideBySideRule, "two releases cannot run side by side", "no container_name", j.svc.ContainerName, "remove container_name")
	}
	if probe.Routed(j.s, j.svc.Name) && j.svc.StopGrace < time.Second {
		j.add(sideBySideRule, "requests in flight are cut off", "a stop_grace_period of seconds", j.svc.StopGrace.String(), "write stop_grace_period: 15s")
	}
}

func ruleWaits(j *judge) {
	for name, condition := range j.svc.DependsOn {
		other, ok := j.s.Release.Service(name)
		want := "service_healthy"
		if ok && other.OneShot {
			want = "service_completed_successfully"
		}
		if condition != want {
			j.add(dependsOnRule, "it waits for "+name+" without seeing that it is ready", name+": {condition: "+want+"}", cmp.Or(condition, "none"), "write condition: "+want)
		}
	}
	for _, name := range dataServices(j.s) {
		if name != j.svc.Name && j.refersTo(name) && !waitsFor(j.s, j.svc, name, 0) {
			j.add(dependsOnRule, "it uses "+name+" without waiting for it", name+": {condition: service_healthy}", "no depends_on", "add depends_on with condition: service_healthy")
		}
		if once := preparer(j.s, name); once != "" && !j.svc.OneShot && name != j.svc.Name && j.refersTo(name) && !waitsFor(j.s, j.svc, once, 0) {
			j.add(dependsOnRule, "it uses "+name+" before "+once+" has prepared it", once+": {condition: service_completed_successfully}", "no depends_on", "add depends_on with that condition")
		}
	}
}

// preparer is the one-shot service that prepares a store, or "".
func preparer(s gate.Subject, store string) string {
	for _, svc := range s.Release.Services {
		if _, waits := svc.DependsOn[store]; waits && svc.OneShot {
			return svc.Name
		}
	}
	return ""
}

// dataServices are the stores: data layer, not behind a route.
func dataServices(s gate.Subject) []string {
	var out []string
	for _, svc := range s.Release.Services {
		if svc.Layer == stack.LayerData && s.Config.Compose.Deploys(svc.Profiles) && !svc.OneShot && !probe.Routed(s, svc.Name) {
			out = append(out, svc.Name)
		}
	}
	return out
}

// refersTo reports whether an environment value addresses a service by name.
func (j *judge) refersTo(name string) bool {
	for _, v := range j.svc.Environment {
		host := v
		if h, _, err := net.SplitHostPort(v); err == nil {
			host = h
		} else if u, err := url.Parse(v); err == nil && u.Host != "" {
			host = u.Hostname()
		}
		if host == name {
			return true
		}
	}
	return false
}

// waitsFor follows depends_on, also through other services.
func waitsFor(s gate.Subject, svc stack.Service, name string, depth int) bool {
	if _, ok := svc.DependsOn[name]; ok {
		return true
	}
	for next := range svc.DependsOn {
		if other, ok := s.Release.Service(next); ok && depth < 8 && waitsFor(s, other, name, depth+1) {
			return true
		}
	}
	return false
}

func ruleImage(j *judge) {
	repo, tag, digest := splitImage(j.svc.Image)
	fix := "write the version, such as " + cmp.Or(repo, "image") + ":1.2.3, or a digest"
	archived := slices.ContainsFunc(j.s.Release.Images, func(i stack.Image) bool {
		return i.Reference == j.svc.Image && (i.Built || i.Archive != "" && i.ID != "")
	})
	words := strings.FieldsFunc(strings.ToLower(tag), func(r rune) bool { return r == '-' || r == '_' })
	moving := slices.Contains(words, "latest") || slices.Contains(words, "nightly") || slices.Contains([]string{"latest", "stable", "edge", "nightly", "main", "master", "rolling", "next", "beta", "alpha", "rc"}, strings.ToLower(tag))
	switch {
	case repo == "":
		j.add(imagePinnedRule, "no image", "an image with a version", "none", fix)
	case digest != "":
		if hex := strings.TrimPrefix(digest, "sha256:"); len(digest) != 71 || len(hex) != 64 || !regexpHex.MatchString(hex) {
			j.add(imagePinnedRule, "the image's digest is not one", "sha256: and 64 hex digits", probe.Shown(digest), fix)
		}
	case tag == "":
		j.add(imagePinnedRule, "the image is not pinned", "a version", j.svc.Image+", which means latest", fix)
	case moving:
		j.add(imagePinnedRule, "the image is not pinned", "a version", j.svc.Image, fix)
	case !archived && !probe.HasDigit.MatchString(tag):
		j.add(imagePinnedRule, "the image is not pinned", "a version", j.svc.Image+", a tag that moves", fix)
	}
}
