package probe

import (
	"path/filepath"

	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// Unreadable are the findings on files that Traefik would not read.
func Unreadable(m traefik.Model, rule stack.Rule) []stack.Finding {
	var out []stack.Finding
	for _, b := range m.Broken {
		out = append(out, stack.Finding{
			Subject: "file " + filepath.Base(b.Name), Rule: rule.ID, Problem: "Traefik cannot read the file",
			Expected: "valid YAML or TOML", Observed: Shown(b.Err.Error()),
			Fix: "correct the file; Traefik would go on without it", File: b.Name,
		})
	}
	return out
}
