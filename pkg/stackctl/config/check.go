package config

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

var (
	projectName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)
	domainName  = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	unixPath    = regexp.MustCompile(`^/[A-Za-z0-9._/-]+$`)
	unixUser    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`)
	// shellSigns never stand in a host's name; commands of ssh_config would run them.
	shellSigns = "[]@/ \t\n'\"`$\\;&|<>(){}*?!#"
)

// check judges values that a type cannot.
func check(c stack.Config, d document) error {
	bad := func(problem, fix string, keys ...string) error {
		if name := variableOf(keys...); name != "" {
			return stack.Usage(name, 0, problem, fix)
		}
		return stack.Usage(d.name, d.line(keys...), problem, fix)
	}
	if !projectName.MatchString(c.Project) {
		return bad(fmt.Sprintf("project %q is no project name", c.Project), "use lower-case letters, digits, - and _", "project")
	}
	if c.Retention.Releases < 2 {
		return bad("retention.releases must be 2 or more", "a rollback needs the release before", "retention", "releases")
	}
	for key, limit := range map[string]time.Duration{"start": c.Timeouts.Start, "migrate": c.Timeouts.Migrate, "drain": c.Timeouts.Drain, "hold": c.Timeouts.Hold} {
		if limit < time.Second || limit > 24*time.Hour {
			return bad(fmt.Sprintf("timeouts.%s is %s", key, limit), "give between 1s and 24h", "timeouts", key)
		}
	}
	if problem, fix, key := checkBackup(c.Backup); problem != "" {
		return bad(problem, fix, append([]string{"backup"}, strings.Split(key, ".")...)...)
	}
	if c.Target != "" && len(c.Targets) > 0 {
		if _, ok := c.Targets[c.Target]; !ok {
			return bad(fmt.Sprintf("target %q is not under targets", c.Target), "name one of the targets", "target")
		}
	}
	if problem, fix, place := checkTargets(c.Targets); problem != "" {
		return bad(problem, fix, place...)
	}
	for i, h := range c.Gates.Health {
		if problem, fix, key := checkHealth(h); problem != "" {
			return bad("gates.health: "+problem, fix, "gates", "health", fmt.Sprint(i), key)
		}
	}
	if c.Evidence.URL != "" && !isWeb(c.Evidence.URL) {
		return bad("evidence.url is no http or https URL", "write it as https://…", "evidence", "url")
	}
	for _, judge := range []func(stack.Config, document) error{checkOwn, checkRoutes, checkPolicy, checkSecrets, checkHooks, checkNotices} {
		if err := judge(c, d); err != nil {
			return err
		}
	}
	return checkExceptions(c, d)
}

func checkHealth(h stack.HealthEndpoint) (problem, fix, key string) {
	switch {
	case !strings.HasPrefix(h.Path, "/"):
		return fmt.Sprintf("path %q is no path", h.Path), "begin it with /", "path"
	case h.Samples < leastSamples || h.Samples > maxSamples:
		return fmt.Sprintf("%d samples", h.Samples), fmt.Sprintf("use %d to %d: fewer say nothing about a 95th percentile", leastSamples, maxSamples), "samples"
	case h.P95 < 0:
		return fmt.Sprintf("p95 %s is no duration to stay below", h.P95), "write it as 800ms or 5s", "p95"
	}
	return "", "", ""
}

// reserved are names that no public authority certifies (RFC 2606, RFC 6761, RFC 8375).
var reserved = regexp.MustCompile(`(?i)(^|\.)(localhost|local|test|example|invalid|internal|home\.arpa|example\.(com|net|org))$`)

func checkACME(t stack.Target) (problem, fix, key string) {
	switch {
	case t.ACME.Policy != stack.ACMEStaging && t.ACME.Policy != stack.ACMEPublic:
		return fmt.Sprintf("acme.policy %q is no policy", t.ACME.Policy), "write staging or public", "acme"
	case t.ACME.Public() && t.ACME.Directory == StagingDirectory:
		return "acme.policy is public, but acme.directory is Let's Encrypt's staging directory", "leave acme.directory out", "acme"
	case t.ACME.Public() && t.ACME.Roots == "" && reserved.MatchString(t.Domain):
		return fmt.Sprintf("acme.policy is public, but no public authority certifies %q", t.Domain), "write `policy: staging`, or give the site a name of its own", "acme"
	case !t.ACME.Public() && t.ACME.Rehearsal != (stack.Rehearsal{}):
		return "acme.rehearsal is for acme.policy public: by the staging policy each certificate is one already", "remove it, or write `policy: public`", "acme"
	case t.ACME.Rehearsal.Directory == "" && t.ACME.Rehearsal != (stack.Rehearsal{}):
		return "acme.rehearsal names no directory", "give the URL of a staging directory", "acme"
	case t.ACME.Rehearsal.Directory != "" && (!isWeb(t.ACME.Rehearsal.Directory) || !strings.HasPrefix(t.ACME.Rehearsal.Directory, "https:")):
		return fmt.Sprintf("acme.rehearsal.directory %q is no https URL", withoutUser(t.ACME.Rehearsal.Directory)), "give the URL of a staging directory", "acme"
	case t.ACME.Rehearsal.Directory == t.ACME.Directory && t.ACME.Public():
		return "acme.rehearsal.directory is acme.directory itself: nothing would be rehearsed", "give the URL of a staging directory", "acme"
	}
	return "", "", ""
}

// withoutUser is an address without what stands before its host, which may be a password.
func withoutUser(address string) string {
	if at := strings.LastIndex(address, "@"); at >= 0 {
		return "…" + address[at:]
	}
	return address
}

// receiver reports whether an address could be an OTLP receiver's.
func receiver(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// checkTargets judges each target; the place is that of the key.
func checkTargets(targets map[string]stack.Target) (problem, fix string, place []string) {
	for name, t := range targets {
		problem, fix, place := checkNodes(t)
		if problem == "" {
			var key string
			problem, fix, key = checkTarget(t)
			place = []string{key}
		}
		if problem != "" {
			return fmt.Sprintf("target %s: %s", name, problem), fix, append([]string{"targets", name}, place...)
		}
	}
	return "", "", nil
}

func checkTarget(t stack.Target) (problem, fix, key string) {
	directory, err := url.Parse(t.ACME.Directory)
	switch {
	case t.Host == "" && !t.HostFrom.Named():
		return "host is missing", "give the server's address", "host"
	case strings.ContainsAny(t.Host, shellSigns) || strings.HasPrefix(t.Host, "-"):
		return fmt.Sprintf("host %q is no name or address", t.Host), "leave out user, port, scheme and brackets, as in 203.0.113.7 or 2001:db8::7", "host"
	case strings.ContainsAny(t.Edge.Address, "[]@/ "):
		return fmt.Sprintf("edge.address %q is no address", t.Edge.Address), "leave out port, scheme and brackets", "edge"
	case t.Edge.Traces != "" && !receiver(t.Edge.Traces):
		return fmt.Sprintf("edge.traces %q is no address of an OTLP receiver", withoutUser(t.Edge.Traces)), "write it as http://collector:4318, without user, password or query", "edge"
	case t.Edge.TraceShare < 0 || t.Edge.TraceShare > 1 || math.IsNaN(t.Edge.TraceShare):
		return fmt.Sprintf("edge.trace_share %v is no share", t.Edge.TraceShare), "give the part of the requests that is traced, such as 0.1", "edge"
	case t.Port < 0 || t.Port > 65535:
		return fmt.Sprintf("port %d is no port", t.Port), "", "port"
	case !domainName.MatchString(t.Domain):
		return fmt.Sprintf("domain %q is no host name", t.Domain), "give the site's name, such as example.org", "domain"
	case !unixPath.MatchString(t.Path) || t.Path == "/":
		return fmt.Sprintf("path %q is no folder of its own", t.Path), "give an absolute path such as /srv/site", "path"
	case t.Shared && (t.Path == stack.IngressPath || strings.HasPrefix(t.Path, stack.IngressPath+"/")):
		return "path " + t.Path + " is the folder of the server's ingress", "leave path out, or give an absolute path such as /srv/site", "path"
	case t.User != "" && !unixUser.MatchString(t.User):
		return fmt.Sprintf("user %q is no user name", t.User), "", "user"
	case t.Admin != "" && !unixUser.MatchString(t.Admin):
		return fmt.Sprintf("admin %q is no user name", t.Admin), "", "admin"
	case !unixPath.MatchString(t.Socket):
		return fmt.Sprintf("socket %q is no path on the host", t.Socket), "give the Docker Engine's socket, such as /run/user/1000/docker.sock", "socket"
	case err != nil || directory.Scheme != "https" || directory.Host == "":
		return fmt.Sprintf("acme.directory %q is no https URL", t.ACME.Directory), "", "acme"
	}
	if t.HostFrom.Named() {
		if problem, fix := checkDigitalOcean(t.HostFrom.DigitalOcean); problem != "" {
			return "host_from.digitalocean: " + problem, fix, "host_from"
		}
	}
	return checkACME(t)
}
