package headers

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

// policy is which headers an answer must carry.
type policy struct {
	// hsts demands it for the subdomains too, staff for the host itself.
	hsts  bool
	staff bool
	// strict demands the whole set of a public answer; otherwise what a staff
	// page must have.
	strict bool
	// hosts are the site's own names; none: whose code may run is not judged.
	hosts []string
}

type fault struct {
	rule                        stack.Rule
	problem, expected, observed string
}

// yearSeconds is the least that HSTS must last; it must hold for the subdomains
// too (ASVS 3.4.1).
const yearSeconds = 31_536_000

// judge looks at an answer's headers, one rule after another.
func (p policy) judge(values func(name string) []string) []fault {
	var out []fault
	add := func(rule stack.Rule, problem, expected, observed string) {
		out = append(out, fault{rule, problem, expected, cmp.Or(probe.Shown(observed), "none")})
	}
	first := func(name string) string {
		if v := values(name); len(v) > 0 {
			return strings.TrimSpace(v[0])
		}
		return ""
	}
	hsts := first("Strict-Transport-Security")
	switch {
	case (p.hsts || p.staff) && hstsSeconds(hsts) < yearSeconds:
		add(hstsRule, "HSTS is missing or too short", "Strict-Transport-Security: max-age of 31536000 or more", hsts)
	case p.hsts && !strings.Contains(strings.ToLower(hsts), "includesubdomains"):
		add(hstsRule, "HSTS leaves the subdomains out", "Strict-Transport-Security with includeSubDomains", hsts)
	}
	if !strings.EqualFold(first("X-Content-Type-Options"), "nosniff") {
		add(nosniffRule, "nosniff is missing", "X-Content-Type-Options: nosniff", first("X-Content-Type-Options"))
	}
	policies := values("Content-Security-Policy")
	if !framesDenied(first("X-Frame-Options"), policies) {
		add(framingRule, "framing is not denied", "X-Frame-Options: DENY, or frame-ancestors 'none'", first("X-Frame-Options"))
	}
	if !safeReferrer(first("Referrer-Policy")) {
		add(referrerRule, "the referrer policy is missing or leaks paths", "strict-origin-when-cross-origin or stricter", first("Referrer-Policy"))
	}
	if !p.strict {
		return out
	}
	if v := first("Permissions-Policy"); v == "" || strings.Contains(v, "*") {
		add(permissionsRule, "the permissions policy is missing or open", "Permissions-Policy without *", v)
	}
	if why := cspFault(policies); why != "" {
		add(cspRule, "the content security policy is missing or weak: "+why, "a policy without unsafe-inline, unsafe-eval and wildcards", strings.Join(policies, " | "))
	}
	if who := foreignCode(policies, p.hosts); who != "" {
		add(thirdPartyRule, "a third party may run code in the site's pages: "+who, "code from the site's own hosts alone", strings.Join(policies, " | "))
	}
	return out
}

func hstsSeconds(v string) int {
	for d := range strings.SplitSeq(v, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(d), "=")
		if strings.EqualFold(strings.TrimSpace(name), "max-age") {
			n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(value), `"`))
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}

// framesDenied: browsers pass over X-Frame-Options where a policy names
// frame-ancestors (CSP 3, section 6.4.2).
func framesDenied(option string, policies []string) bool {
	named := false
	for _, p := range policies {
		sources, ok := cspDirectives(p)["frame-ancestors"]
		named = named || ok
		if ok && !slices.ContainsFunc(sources, func(s string) bool { return s != "'none'" && s != "'self'" }) {
			return true
		}
	}
	return !named && (strings.EqualFold(option, "DENY") || strings.EqualFold(option, "SAMEORIGIN"))
}

func safeReferrer(v string) bool {
	words := strings.Split(v, ",")
	last := strings.ToLower(strings.TrimSpace(words[len(words)-1]))
	return slices.Contains([]string{"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}, last)
}

// cspDirectives takes a policy apart (CSP 3, section 2.2.1: the first of two
// equal directives counts).
func cspDirectives(policy string) map[string][]string {
	out := map[string][]string{}
	for d := range strings.SplitSeq(policy, ";") {
		words := strings.Fields(strings.ToLower(d))
		if len(words) == 0 {
			continue
		}
		if _, had := out[words[0]]; !had {
			out[words[0]] = words[1:]
		}
	}
	return out
}

// cspFault returns what is weak, or "". Of several policies all hold, so one
// good one is enough.
func cspFault(policies []string) string {
	if len(policies) == 0 {
		return "none is sent"
	}
	fault := ""
	for _, p := range policies {
		fault = onePolicyFault(p)
		if fault == "" {
			return ""
		}
	}
	return fault
}

// codeDirectives decide what may run.
var codeDirectives = []string{"default-src", "script-src", "script-src-elem", "script-src-attr", "object-src", "worker-src", "base-uri"}

func onePolicyFault(policy string) string {
	d := cspDirectives(policy)
	if _, ok := d["default-src"]; !ok {
		if _, ok := d["script-src"]; !ok {
			return "neither default-src nor script-src"
		}
	}
	names := make([]string, 0, len(d))
	for name := range d {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, source := range d[name] {
			switch {
			case source == "'unsafe-inline'" || source == "'unsafe-eval'" || source == "'unsafe-hashes'":
				return name + " has " + source
			case source == "*" || strings.HasPrefix(source, "*:") || strings.HasSuffix(source, "://*"):
				return name + " has a wildcard"
			case slices.Contains(codeDirectives, name) && (source == "https:" || source == "http:" || source == "data:" || source == "blob:" || strings.HasPrefix(source, "http://") || strings.Contains(source, "*")):
				return name + " has " + source
			}
		}
	}
	return ""
}

// foreignCode returns the first host that is none of the site's and that every
// policy lets run code, or "".
func foreignCode(policies, own []string) string {
	first := ""
	for _, p := range policies {
		who := foreignSource(cspDirectives(p), own)
		if who == "" || len(own) == 0 {
			return ""
		}
		first = cmp.Or(first, who)
	}
	return first
}

func foreignSource(directives map[string][]string, own []string) string {
	for _, name := range []string{"default-src", "script-src", "script-src-elem", "script-src-attr", "worker-src", "object-src"} {
		_, scripts := directives["script-src"]
		if name == "default-src" && scripts {
			continue // script-src stands in for it where code is concerned
		}
		for _, source := range directives[name] {
			if strings.HasPrefix(source, "http://") {
				continue // told as a weak policy
			}
			if host := sourceHost(source); host != "" && !slices.ContainsFunc(own, func(o string) bool { return host == o || strings.HasSuffix(host, "."+o) }) {
				return host
			}
		}
	}
	return ""
}

// sourceHost is the host of a source of a policy, or "" where it is a keyword, a
// hash or a scheme (CSP 3, section 2.3.1).
func sourceHost(source string) string {
	if strings.HasPrefix(source, "'") || strings.HasSuffix(source, ":") {
		return ""
	}
	if _, rest, ok := strings.Cut(source, "://"); ok {
		source = rest
	}
	host, _, _ := strings.Cut(source, "/")
	host, _, _ = strings.Cut(host, ":")
	if !strings.Contains(host, ".") || strings.Contains(host, "*") { // a wildcard is told as one
		return ""
	}
	return host
}

var versionInServer = regexp.MustCompile(`\d`)

// leaks are headers that tell what runs, and which version of it.
func leaks(values func(name string) []string) []fault {
	var out []fault
	for _, v := range values("Server") {
		if versionInServer.MatchString(v) {
			out = append(out, fault{serverHeaderRule, "the Server header tells the version", "no version", probe.Shown(v)})
		}
	}
	for _, name := range []string{"X-Powered-By", "X-AspNet-Version", "X-AspNetMvc-Version", "X-Generator", "X-Runtime"} {
		for _, v := range values(name) {
			if v != "" {
				out = append(out, fault{serverHeaderRule, "the header " + name + " tells what runs", "no " + name, probe.Shown(v)})
			}
		}
	}
	return out
}

// cacheWords are the directives of Cache-Control, lower case.
func cacheWords(values []string) map[string]string {
	out := map[string]string{}
	for _, v := range values {
		for d := range strings.SplitSeq(v, ",") {
			name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(d)), "=")
			if name != "" {
				out[name] = value
			}
		}
	}
	return out
}

// freshHTML reports whether a page is asked for anew each time.
func freshHTML(values []string) bool {
	c := cacheWords(values)
	_, noCache := c["no-cache"]
	_, noStore := c["no-store"]
	age, hasAge := c["max-age"]
	return noCache || noStore || hasAge && age == "0"
}

// longLived says that a hashed asset is kept; the fault says why not.
func longLived(values []string) string {
	c := cacheWords(values)
	age, _ := strconv.Atoi(c["max-age"])
	if _, ok := c["immutable"]; !ok {
		return "not immutable"
	}
	if age < yearSeconds/12 {
		return fmt.Sprintf("max-age %d", age)
	}
	if _, ok := c["no-store"]; ok {
		return "no-store"
	}
	return ""
}
