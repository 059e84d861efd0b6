package release

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/stack"
)

// mostTries bounds how often a project is loaded for want of values.
const mostTries = 200

// fill loads a project whose files have variables without a value. One of which
// an empty text is refused in its place gets its stand, or a word; filled are
// those.
func fill(ctx context.Context, c stack.Config, values map[string]string, empty []Undefined, stand map[string]string) (p *types.Project, filled []Undefined, err error) {
	p, err = load(ctx, c, maps.Clone(values))
	for left, tries := slices.Clone(empty), 0; err != nil && tries < mostTries && len(left) > 0; tries++ {
		v := left[0]
		left = left[1:]
		if values[v.Name] != "" {
			continue
		}
		tried := maps.Clone(values)
		tried[v.Name] = cmp.Or(stand[v.Name], "unset")
		other, otherErr := load(ctx, c, maps.Clone(tried))
		if otherErr == nil || otherErr.Error() != err.Error() {
			p, err, values, filled = other, otherErr, tried, append(filled, v)
			left = slices.Clone(empty) // one before it may be what keeps the next from being loaded
		}
	}
	return p, filled, err
}

// unfilled refuses the variables without a value that keep a project from being
// loaded, each with its place; nil: something else does.
func (d Draft) unfilled(ctx context.Context, c stack.Config) error {
	empty := undefined(d.sources)
	_, filled, _ := fill(ctx, c, d.variables.values, empty, stands(d.sources, empty))
	var faults []error
	for _, v := range empty {
		if !slices.Contains(filled, v) {
			continue
		}
		faults = append(faults, stack.Usage(v.File, v.Line, "the variable "+v.Name+" has no value, and an empty one cannot stand there", "set it in the env file, or give it a default: ${"+v.Name+":-value}"))
	}
	return together("variables have no value", faults)
}
