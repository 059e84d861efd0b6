package gate

import (
	"path/filepath"

	"stackctl/pkg/stackctl/stack"
)

// unreadable are the findings on files that Traefik would not read.
func unreadable(m edgeModel) []stack.Finding {
	var out []stack.Finding
	for _, b := range m.broken {
		out = append(out, stack.Finding{
			Subject: "file " + filepath.Base(b.name), Problem: "Traefik cannot read the file",
			Expected: "valid YAML or TOML", Observed: shorten(b.err.Error()),
			Fix: "correct the file; Traefik would go on without it", File: b.name,
		})
	}
	return out
}
