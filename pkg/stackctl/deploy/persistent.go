package deploy

import (
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// absentPersistent are the persistent folders and files that the host lacks.
func absentPersistent(r stack.Release, seen stack.Observed) []stack.Persistent {
	var out []stack.Persistent
	for _, p := range r.Persistent {
		if _, there := seen.Files[p.Path]; !there {
			out = append(out, p)
		}
	}
	return out
}

// persistentDetail is what a step says of persistent folders that it made.
func persistentDetail(made []stack.Persistent) string {
	if len(made) == 0 {
		return ""
	}
	var names []string
	for _, p := range made {
		names = append(names, p.Path)
	}
	return ", made " + strings.Join(names, ", ")
}
