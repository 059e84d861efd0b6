package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

var (
	traefikEnv = regexp.MustCompile("(?:\\benv|\\bexpandenv|\\bgetenv)\\s+[\"`]\\$?\\{?([A-Za-z_][A-Za-z0-9_]*)")
	exampleVar = regexp.MustCompile(`^(#?)\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)$`)
)

// variable is where a variable is read first.
type variable struct {
	file string
	line int
}

// judgeVariables compares the variables that are read with .env.example, both
// ways. It gives how many variables it compared.
func judgeVariables(s gate.Subject) (int, []stack.Finding, error) {
	if s.Config.Compose.EnvExample == "" {
		return 0, nil, nil
	}
	read, err := readVariables(s)
	if err != nil {
		return 0, nil, err
	}
	raw, err := given.Read(s.Config.Compose.EnvExample, given.Most)
	if errors.Is(err, fs.ErrNotExist) {
		return len(read), []stack.Finding{{Subject: ".env.example", Rule: envExampleRule.ID, Problem: "the file is missing", Expected: "every variable with a comment", Observed: "no file",
			Fix: "write " + filepath.Base(s.Config.Compose.EnvExample), File: s.Config.Compose.EnvExample}}, nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read the example of variables: %w", err)
	}
	listed, out := readExample(s, raw)
	names := make([]string, 0, len(read))
	for name := range read {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if _, ok := listed[name]; !ok {
			out = append(out, stack.Finding{Subject: "variable " + name, Rule: envExampleRule.ID, Problem: "a variable that is read is not in .env.example", Expected: name + " with a comment",
				Observed: "not listed", Fix: "add " + name + " to " + filepath.Base(s.Config.Compose.EnvExample), File: read[name].file, Line: read[name].line})
		}
	}
	out = append(out, unread(s, read, listed)...)
	return len(read) + len(listed), out, nil
}

// readVariables are the variables of the compose files and the Traefik files.
func readVariables(s gate.Subject) (map[string]variable, error) {
	out := map[string]variable{}
	note := func(name, file string, text []byte) {
		if _, had := out[name]; !had {
			out[name] = variable{file, traefik.LineOf(string(text), name)}
		}
	}
	for _, file := range s.Config.Compose.Files {
		raw, err := given.Read(file, given.Most)
		if err != nil {
			return nil, fmt.Errorf("read the compose file: %w", err)
		}
		names, err := variables(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, name := range names {
			note(name, file, raw)
		}
	}
	for _, file := range traefikFiles(s) {
		raw, err := given.Read(file, given.Most)
		if err != nil {
			return nil, fmt.Errorf("read the Traefik file: %w", err)
		}
		for _, line := range bytes.Split(raw, []byte("\n")) {
			if bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) {
				continue
			}
			for _, m := range traefikEnv.FindAllSubmatch(line, -1) {
				note(string(m[1]), file, raw)
			}
		}
	}
	return out, nil
}

// traefikFiles are the operator's own Traefik files.
func traefikFiles(s gate.Subject) []string {
	if s.Config.Traefik.Own {
		return nil // they are made, and use no variables
	}
	var out []string
	if s.Config.Traefik.Static != "" {
		out = append(out, s.Config.Traefik.Static)
	}
	if s.Config.Traefik.Dynamic != "" {
		_ = filepath.WalkDir(s.Config.Traefik.Dynamic, func(file string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				out = append(out, file)
			}
			return nil // what cannot be read was refused before
		})
	}
	return out
}

// variables are the variables that Compose would put in place: ${NAME},
// ${NAME:-default}, $NAME, not $$NAME, in values and keys but not in comments.
func variables(raw []byte) ([]string, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	var out []string
	var visit func(n *yaml.Node)
	visit = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			out = append(out, variablesIn(n.Value)...)
		}
		for _, k := range n.Content { // aliases are visited at their anchor
			visit(k)
		}
		if n.Kind == yaml.MappingNode {
			out = append(out, passedThrough(n)...)
		}
	}
	visit(&doc)
	slices.Sort(out)
	return slices.Compact(out), nil
}

// passedThrough are environment entries without a value, which Compose takes
// from its own environment.
func passedThrough(n *yaml.Node) []string {
	var out []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "environment" {
			continue
		}
		env := n.Content[i+1]
		for k, item := range env.Content {
			switch {
			case env.Kind == yaml.SequenceNode && !strings.Contains(item.Value, "=") && item.Kind == yaml.ScalarNode:
				out = append(out, item.Value)
			case env.Kind == yaml.MappingNode && k%2 == 1 && item.Tag == "!!null":
				out = append(out, env.Content[k-1].Value)
			}
		}
	}
	return out
}

// variablesIn reads one text, defaults within defaults included.
func variablesIn(text string) []string {
	var out []string
	for i := 0; i < len(text); i++ {
		if text[i] != '$' || i+1 >= len(text) {
			continue
		}
		if text[i+1] == '$' {
			i++
			continue
		}
		rest := strings.TrimPrefix(text[i+1:], "{")
		n := 0
		for n < len(rest) && (rest[n] == '_' || rest[n] >= 'A' && rest[n] <= 'Z' || rest[n] >= 'a' && rest[n] <= 'z' || n > 0 && rest[n] >= '0' && rest[n] <= '9') {
			n++
		}
		if n > 0 {
			out = append(out, rest[:n])
		}
	}
	return out
}

// readExample reads the example file and judges it: a comment for each
// variable (one may serve a group), none twice, no real secret.
func readExample(s gate.Subject, raw []byte) (map[string]int, []stack.Finding) {
	file := s.Config.Compose.EnvExample
	listed := map[string]int{}
	var out []stack.Finding
	commented := false
	for i, line := range strings.Split(string(raw), "\n") {
		line = strings.TrimSpace(line)
		m := exampleVar.FindStringSubmatch(line)
		switch {
		case line == "":
			commented = false
			continue
		case m == nil || m[1] == "#" && !isVariableName(m[2]):
			commented = commented || strings.HasPrefix(line, "#")
			continue
		}
		name, value := m[2], strings.TrimSpace(m[3])
		f := stack.Finding{Subject: "variable " + name, File: file, Line: i + 1}
		if at, twice := listed[name]; twice {
			f.Rule, f.Problem, f.Expected, f.Observed, f.Fix = envExampleRule.ID, "a variable is listed twice", "once", fmt.Sprintf("also in line %d", at), "remove one"
			out = append(out, f)
		}
		listed[name] = i + 1
		if !commented && !strings.Contains(value, " #") {
			f.Rule, f.Problem, f.Expected, f.Observed, f.Fix = envExampleRule.ID, "a variable is listed without a comment", "a comment above it", "none", "say what "+name+" is"
			out = append(out, f)
		}
		// A known secret is one in every committed file: rule compose/committed-secret.
		if knownIn(value, s.Release.Known) == "" && redact.FormReason(value) != "" {
			f.Rule, f.Problem, f.Expected, f.Observed, f.Fix = exampleSecretRule.ID, "a real secret is in the example", "a placeholder", "a secret value", "remove it, and replace the secret: it is in the history"
			out = append(out, f)
		}
	}
	return listed, out
}

// isVariableName tells a variable that is commented out from a sentence.
func isVariableName(name string) bool {
	return name == strings.ToUpper(name) && len(name) > 2
}

// unread finds variables of the example that nothing reads any more.
func unread(s gate.Subject, read map[string]variable, listed map[string]int) []stack.Finding {
	passed := map[string]bool{}
	for _, svc := range s.Release.Services {
		for k := range svc.Environment {
			passed[k] = true
		}
	}
	var rest []string
	for name := range listed {
		_, used := read[name]
		if !used && !passed[name] && !strings.HasPrefix(name, "STACKCTL_") && !strings.HasPrefix(name, "COMPOSE_") && !strings.HasPrefix(name, "DOCKER_") {
			rest = append(rest, name)
		}
	}
	slices.Sort(rest)
	var out []stack.Finding
	for _, name := range rest {
		out = append(out, stack.Finding{Subject: "variable " + name, Rule: envExampleRule.ID, Problem: "a variable in .env.example is read by nothing", Expected: "only variables that are read",
			Observed: "not in a compose file, a Traefik file or a service's environment", Fix: "remove " + name + ", or pass it to the service that needs it",
			File: s.Config.Compose.EnvExample, Line: listed[name]})
	}
	return out
}
