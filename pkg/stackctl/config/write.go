package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// usualPorts are what a server is reached at where the file does not say.
var usualPorts = []int{22, 80, 443}

// Write is a short stackctl.yaml: what was decided, and no defaults. Paths in
// c are relative to the file.
func Write(c stack.Config) []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# What stackctl deploys and how it judges it; docs/configuration.md has every key.")
	line("project: %s", scalar(c.Project))
	line("policy: %s", c.Policy)
	line("\ncompose:\n  files: [%s]", list(c.Compose.Files))
	if len(c.Compose.Profiles) > 0 {
		line("  profiles: [%s]", list(c.Compose.Profiles))
	}
	writeTargets(line, c.Targets)
	if len(c.Routes) > 0 {
		line("\n# What the edge serves: host is a part before the domain, or a whole name.\nroutes:")
		for _, r := range c.Routes {
			line("  - {%s}", strings.Join(routeKeys(r), ", "))
		}
	}
	var more []string
	for _, port := range c.Gates.Exposure.Allow {
		if !slices.Contains(usualPorts, port) {
			more = append(more, fmt.Sprint(port))
		}
	}
	if len(more) > 0 {
		line("\ngates:\n  exposure:\n    # The TCP ports that may be reached from outside.\n    allow: [22, 80, 443, %s]", strings.Join(more, ", "))
	}
	return b.Bytes()
}

func writeTargets(line func(string, ...any), targets map[string]stack.Target) {
	if len(targets) == 0 {
		line("\n# No target is named: the sandbox that `stackctl sandbox up` starts is used.\n# targets:\n#   production:\n#     host: 203.0.113.7\n#     domain: example.org\n#     shared: true")
		return
	}
	line("\ntargets:")
	for name, t := range targets {
		line("  %s:\n    host: %s", name, scalar(t.Host))
		if t.User != "" {
			line("    user: %s", scalar(t.User))
		}
		line("    domain: %s", scalar(t.Domain))
		if t.Shared {
			line("    shared: true")
		}
	}
}

func routeKeys(r stack.RouteSpec) []string {
	var keys []string
	add := func(key, value string) {
		if value != "" {
			keys = append(keys, key+": "+scalar(value))
		}
	}
	add("host", r.Host)
	add("path", r.Path)
	add("service", r.Service)
	keys = append(keys, fmt.Sprintf("port: %d", r.Port))
	add("scheme", r.Scheme)
	if r.Strip {
		keys = append(keys, "strip: true")
	}
	if r.Sticky {
		keys = append(keys, "sticky: true")
	}
	add("guard", r.Guard)
	if len(r.Allow) > 0 {
		keys = append(keys, "allow: ["+list(r.Allow)+"]")
	}
	return keys
}

// scalar is a text as YAML in a flow, quoted where it must be.
func scalar(text string) string {
	raw, err := yaml.Marshal(text)
	out := strings.TrimSpace(string(raw))
	if err != nil || strings.ContainsAny(out, ",{}[]\n") && !strings.HasPrefix(out, `"`) && !strings.HasPrefix(out, "'") {
		return fmt.Sprintf("%q", text)
	}
	return out
}

func list(texts []string) string {
	out := make([]string, 0, len(texts))
	for _, t := range texts {
		out = append(out, scalar(t))
	}
	return strings.Join(out, ", ")
}

// CheckTarget judges a target that is about to be written.
func CheckTarget(project string, t stack.Target) error {
	c := stack.Config{Project: project}
	resolveTarget(&c, &t)
	if problem, fix, _ := checkTarget(t); problem != "" {
		return stack.Usage("the target", 0, problem, fix)
	}
	return nil
}
