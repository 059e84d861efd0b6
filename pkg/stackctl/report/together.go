package report

import (
	"fmt"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// told is a finding as people read it: what is the same in several places is
// told once, with the list.
type told struct {
	stack.Finding
	// Where is the first place, and how many more there are.
	Where string
}

// together joins the findings that differ in their subjects and places alone,
// in the order of the first of each.
func together(findings []stack.Finding) []told {
	type key struct{ rule, problem, expected, observed, fix string }
	at := map[key]int{}
	var out []told
	subjects := map[int][]string{}
	for _, f := range findings {
		k := key{f.Rule, f.Problem, f.Expected, f.Observed, f.Fix}
		i, known := at[k]
		if !known {
			i = len(out)
			at[k] = i
			out = append(out, told{Finding: f, Where: place(f)})
		}
		subjects[i] = append(subjects[i], f.Subject)
	}
	for i := range out {
		out[i].Subject = list(subjects[i])
		if more := len(subjects[i]) - 1; more > 0 && out[i].Where != "" {
			out[i].Where += fmt.Sprintf(" and %d more", more)
		}
	}
	return out
}

// most is how many subjects a finding lists; report.json has all.
const most = 8

// list writes subjects one after the other; a word that each begins with
// stands once: "service db, web".
func list(subjects []string) string {
	kind, _, spaced := strings.Cut(subjects[0], " ")
	short := []string{subjects[0]}
	for _, s := range subjects[1:] {
		if rest, same := strings.CutPrefix(s, kind+" "); same && spaced {
			s = rest
		}
		short = append(short, s)
	}
	if more := len(short) - most; more > 0 {
		short = append(short[:most], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(short, ", ")
}

// Pieces are the pieces of advice of all gates, each told once.
func (s story) Pieces() []told {
	var all []stack.Finding
	for _, a := range s.Advice {
		all = append(all, a.Finding)
	}
	return together(all)
}
