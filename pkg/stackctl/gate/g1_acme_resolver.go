package gate

import (
	"fmt"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// source judges every resolver of one source of static configuration.
func (j *acmeJudge) source(src edgeSource) {
	used := src.kind == j.model.static.kind && src.where == j.model.static.where
	for _, all := range src.root.find("certificatesResolvers") {
		for _, r := range all.kids {
			j.seen++
			j.resolver(src, r, used)
		}
	}
}

func (j *acmeJudge) resolver(src edgeSource, r *edgeNode, used bool) {
	base := stack.Finding{Subject: "resolver " + r.name, File: src.where, Line: r.line, Expected: "caServer: " + j.allowed,
		Fix: fmt.Sprintf("in the %s, give the resolver `caServer: %s`, or remove the resolver", src.kind, j.allowed)}
	if r.name != j.name && (src.kind == "file" || !strings.EqualFold(r.name, j.name)) {
		f := base
		f.Problem, f.Expected, f.Observed = "a certificates resolver other than the allowed one", "only the resolver "+j.name, r.name+" in the "+src.kind
		f.Fix = "remove the resolver; the only one is " + j.name
		j.add(f)
	}
	if r.first("tailscale") != nil {
		f := base
		f.Problem, f.Observed = "the resolver does not use the target's ACME directory", "tailscale, which issues certificates that browsers trust"
		j.add(f)
		return
	}
	sections := r.find("acme")
	if len(sections) == 0 {
		if len(r.kids) > 0 || used {
			f := base
			f.Problem, f.Expected, f.Observed = "the resolver defines nothing", "an acme section", "none"
			j.add(f)
		}
		return
	}
	var servers []*edgeNode
	for _, acme := range sections {
		servers = append(servers, acme.find("caServer")...)
		j.trust(base, acme)
		j.account(base, acme)
		if used {
			j.challenge(base, acme)
		}
	}
	if len(servers) == 0 {
		f := base
		f.Problem, f.Observed = "the resolver has no caServer", "omitted, which means Let's Encrypt production"
		j.add(f)
	}
	for _, n := range servers {
		if !acmeSame(n.value, j.allowed) {
			f := base
			f.Line = n.line
			f.Problem, f.Observed = "the resolver uses another ACME directory than the target's", acmeSpeak(n.value)
			j.add(f)
		}
	}
}

// trust judges settings that change whom Traefik believes to be the directory.
func (j *acmeJudge) trust(base stack.Finding, acme *edgeNode) {
	acme.walk(func(at []string, n *edgeNode) {
		key := strings.ToLower(at[len(at)-1])
		f := base
		f.Line = n.line
		switch {
		case key == "insecureskipverify" && !strings.EqualFold(n.value, "false"):
			f.Problem, f.Expected, f.Observed = "the directory's own certificate is not checked", "no insecureSkipVerify", n.name+": "+n.value
			f.Fix = "remove it; name the directory's root in acme.directory_ca of the target"
		case (key == "cacertificates" || key == "caservername") && len(at) == 1 && j.s.Target.ACME.DirectoryCA == "":
			f.Problem, f.Expected, f.Observed = "another root is trusted for the directory", "the system's roots", n.name
			f.Fix = "remove it, or set acme.directory_ca of the target"
		default:
			return
		}
		j.add(f)
	})
}

// longestHours is how long the authority's certificates last (90 days).
const longestHours = 2160

// account judges what a resolver says of its account, and of how long its
// certificates last.
func (j *acmeJudge) account(base stack.Finding, acme *edgeNode) {
	if n := acme.first("eab", "hmacEncoded"); n != nil && n.value != "" {
		f := base
		f.Line, f.Problem, f.Expected, f.Observed = n.line, "the key of an account stands in the file", "no eab: the target's directory asks for none", "eab.hmacEncoded"
		f.Fix = "remove eab, and replace the key"
		j.add(f)
	}
	if n := acme.first("certificatesDuration"); n != nil {
		if hours, err := strconv.Atoi(n.value); err == nil && hours > longestHours {
			f := base
			f.Line, f.Problem, f.Expected, f.Observed = n.line, "certificates are held to last longer than they do", strconv.Itoa(longestHours)+" hours at most", n.value
			f.Fix = "remove certificatesDuration: Traefik would ask for new ones every day"
			j.add(f)
		}
	}
}
