package build

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Problem is what is wrong with a build section: Key is the key in it, Fix what
// to do.
type Problem struct{ Key, Text, Fix string }

func (p *Problem) Error() string { return p.Text }

// stage matches the instruction that begins a stage with a name.
var stage = regexp.MustCompile(`(?im)^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*\S+[ \t]+AS[ \t]+(\S+)`)

// from matches any instruction that begins a stage.
var from = regexp.MustCompile(`(?im)^[ \t]*FROM[ \t]+\S`)

// checkTarget refuses a target that the Dockerfile has no stage of. One with a
// frontend of its own (# syntax=) may know others.
func checkTarget(target string, dockerfile []byte) error {
	if !from.Match(dockerfile) && !strings.HasPrefix(string(dockerfile), "#") {
		return &Problem{Key: "dockerfile", Text: "the Dockerfile has no FROM", Fix: "begin it with FROM and a base image"}
	}
	if target == "" {
		return nil
	}
	var names []string
	for _, m := range stage.FindAllSubmatch(dockerfile, -1) {
		names = append(names, string(m[1]))
	}
	if _, err := strconv.Atoi(target); err == nil || slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, target) }) {
		return nil
	}
	has := "it names none"
	if len(names) > 0 {
		has = "it has " + strings.Join(names, ", ")
	}
	return &Problem{Key: "target", Text: "the Dockerfile has no stage " + target + ": " + has, Fix: "correct build.target"}
}
