package infer

import (
	"path"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// rebuilt are folders that an image or a program fills again: nobody misses
// what was in them.
var rebuilt = []string{"node_modules", "vendor", ".next", ".nuxt", ".svelte-kit", ".output", "dist", "build", "target", "bin", "obj", "tmp", "temp", "cache", ".cache", "log", "logs", "run",
	"venv", ".venv", "__pycache__", ".gradle", ".m2", ".pnpm-store", "_build", "deps", ".bundle", "bundle", "public", "static"}

// Nameless returns, by service, the folders of volumes without a name in which
// an application may keep something: each release begins with an empty one.
func Nameless(services []Service, layers map[string]Decision) map[string][]string {
	out := map[string][]string{}
	for _, s := range services {
		if d := layers[s.Name]; d.Layer != stack.LayerApp || d.OneShot {
			continue
		}
		for _, m := range s.Volumes {
			if m.Type == "volume" && m.Source == "" && strings.HasPrefix(m.Target, "/") && !slices.Contains(rebuilt, strings.ToLower(path.Base(m.Target))) {
				out[s.Name] = append(out[s.Name], m.Target)
			}
		}
	}
	return out
}
