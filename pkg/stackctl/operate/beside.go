package operate

import (
	"slices"

	"stackctl/pkg/stackctl/stack"
)

// besideOf returns the releases other than the live one of which something runs, as
// a run leaves them that was cut off, or whose way back was barred. Where no release
// is live none runs beside it.
func besideOf(live string, containers []stack.Container) []string {
	var out []string
	for _, c := range containers {
		if live != "" && c.Active() && !serves(c, live) && !slices.Contains(out, c.Release) {
			out = append(out, c.Release)
		}
	}
	return out
}
