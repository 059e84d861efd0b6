package release

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// variables are what the compose files' variables mean, and where each value
// came from.
type variables struct {
	values  map[string]string
	origins map[string]string
	// declared are the values that the project itself names: those of the
	// process are not among them.
	declared map[string]string
	warnings []string
}

// environment reads the values in Compose's order: the command line, the
// process, the target's, the env file's; what stackctl.yaml has under secrets
// comes before all but the command line, and stackctl's own stand over all.
func environment(c stack.Config, t stack.Target) (variables, error) {
	v := variables{values: map[string]string{}, origins: map[string]string{}, declared: map[string]string{}}
	if c.Compose.EnvFile != "" {
		// Compose expands a value by the process and by what stands above it.
		above := lookup(os.LookupEnv)
		read, err := readEnvFile(c.Compose.EnvFile, "", func(name string) (string, bool) {
			if value, set := c.Compose.Env[name]; set {
				return value, true
			}
			return above(name)
		})
		if err != nil {
			return v, err
		}
		v.set(read.values, cmp.Or(relative(c.Root, c.Compose.EnvFile), ".env"))
		v.warnings = read.warnings
	}
	v.set(t.Env, "targets."+t.Name+".env")
	v.declared = maps.Clone(v.values)
	v.set(process(), "environment")
	for name, s := range c.Secrets {
		if s.Value != nil {
			v.set(map[string]string{name: s.Text()}, s.From())
		}
	}
	v.set(c.Compose.Env, "--env")
	maps.Copy(v.declared, c.Compose.Env)
	v.set(map[string]string{
		"WEBSITE_DOMAIN": t.Domain, "RELEASE": placeholder, "COMPOSE_PROJECT_NAME": c.Project,
		// The folder and the home of whoever deploys are not the server's: a
		// path below them is one of the project, or is refused as one of a home.
		"PWD": ".", "HOME": "~",
	}, "stackctl")
	return v, nil
}

func (v variables) set(values map[string]string, origin string) {
	for name, value := range values {
		v.values[name], v.origins[name] = value, origin
	}
}

func (v variables) lookup(name string) (string, bool) {
	value, set := v.values[name]
	return value, set
}

// used are the variables of some names, sorted, with their origin.
func (v variables) used(names map[string]bool) []stack.Variable {
	var out []stack.Variable
	for _, name := range slices.Sorted(maps.Keys(names)) {
		out = append(out, stack.Variable{Name: name, Origin: cmp.Or(v.origins[name], "default")})
	}
	return out
}

// process is the environment of this process.
func process() map[string]string {
	out := map[string]string{}
	for _, entry := range os.Environ() {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" {
			out[name] = value
		}
	}
	return out
}

// relative is a file's path below a folder, with forward slashes; "" where it
// is not below it.
func relative(root, file string) string {
	if rel, err := filepath.Rel(root, file); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return ""
}
