package acme

import (
	"fmt"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// source judges every resolver of one source of static configuration.
func (j *judge) source(src traefik.Source) {
	used := src.Kind == j.model.Static.Kind && src.Where == j.model.Static.Where
	for _, all := range src.Root.Find("certificatesResolvers") {
		for _, r := range all.Kids {
			j.seen++
			j.resolver(src, r, used)
		}
	}
}

func (j *judge) resolver(src traefik.Source, r *traefik.Node, used bool) {
	base := stack.Finding{Subject: "resolver " + r.Name, File: src.Where, Line: r.Line, Expected: "caServer: " + j.allowed,
		Fix: fmt.Sprintf("in the %s, give the resolver `caServer: %s`, or remove the resolver", src.Kind, j.allowed)}
	if r.Name != j.name && (src.Kind == "file" || !strings.EqualFold(r.Name, j.name)) {
		f := base
		f.Rule, f.Problem, f.Expected, f.Observed = foreignResolverRule.ID, "a certificates resolver other than the allowed one", "only the resolver "+j.name, r.Name+" in the "+src.Kind
		f.Fix = "remove the resolver; the only one is " + j.name
		j.add(f)
	}
	if r.First("tailscale") != nil {
		f := base
		f.Rule, f.Problem, f.Observed = directoryRule.ID, "the resolver does not use the target's ACME directory", "tailscale, which issues certificates that browsers trust"
		j.add(f)
		return
	}
	sections := r.Find("acme")
	if len(sections) == 0 {
		if len(r.Kids) > 0 || used {
			f := base
			f.Rule, f.Problem, f.Expected, f.Observed = directoryRule.ID, "the resolver defines nothing", "an acme section", "none"
			j.add(f)
		}
		return
	}
	var servers []*traefik.Node
	for _, acme := range sections {
		servers = append(servers, acme.Find("caServer")...)
		j.trust(base, acme)
		j.account(base, acme)
		if used {
			j.challenge(base, acme)
		}
	}
	if len(servers) == 0 {
		f := base
		f.Rule, f.Problem, f.Observed = directoryRule.ID, "the resolver has no caServer", "omitted, which means Let's Encrypt production"
		j.add(f)
	}
	for _, n := range servers {
		if !same(n.Value, j.allowed) {
			f := base
			f.Line = n.Line
			f.Rule, f.Problem, f.Observed = directoryRule.ID, "the resolver uses another ACME directory than the target's", speak(n.Value)
			j.add(f)
		}
	}
}

// trust judges settings that change whom Traefik believes to be the directory.
func (j *judge) trust(base stack.Finding, acme *traefik.Node) {
	acme.Walk(func(at []string, n *traefik.Node) {
		key := strings.ToLower(at[len(at)-1])
		f := base
		f.Line = n.Line
		switch {
		case key == "insecureskipverify" && !strings.EqualFold(n.Value, "false"):
			f.Rule, f.Problem, f.Expected, f.Observed = directoryTrustRule.ID, "the directory's own certificate is not checked", "no insecureSkipVerify", n.Name+": "+n.Value
			f.Fix = "remove it; name the directory's root in acme.directory_ca of the target"
		case (key == "cacertificates" || key == "caservername") && len(at) == 1 && j.s.Target.ACME.DirectoryCA == "":
			f.Rule, f.Problem, f.Expected, f.Observed = directoryTrustRule.ID, "another root is trusted for the directory", "the system's roots", n.Name
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
func (j *judge) account(base stack.Finding, acme *traefik.Node) {
	if n := acme.First("eab", "hmacEncoded"); n != nil && n.Value != "" {
		f := base
		f.Line, f.Rule, f.Problem, f.Expected, f.Observed = n.Line, accountKeyRule.ID, "the key of an account stands in the file", "no eab: the target's directory asks for none", "eab.hmacEncoded"
		f.Fix = "remove eab, and replace the key"
		j.add(f)
	}
	if n := acme.First("certificatesDuration"); n != nil {
		if hours, err := strconv.Atoi(n.Value); err == nil && hours > longestHours {
			f := base
			f.Line, f.Rule, f.Problem, f.Expected, f.Observed = n.Line, certificateDurationRule.ID, "certificates are held to last longer than they do", strconv.Itoa(longestHours)+" hours at most", n.Value
			f.Fix = "remove certificatesDuration: Traefik would ask for new ones every day"
			j.add(f)
		}
	}
}
