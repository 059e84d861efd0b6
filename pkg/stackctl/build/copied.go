package build

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// instruction matches one instruction of a Dockerfile, its lines joined.
var instruction = regexp.MustCompile(`(?i)^[ \t]*(FROM|WORKDIR|COPY|ADD)[ \t]+(.+)$`)

// continued are the ends of lines that go on in the next one, and the comments
// between.
var continued = regexp.MustCompile(`\\[ \t]*\r?\n(?:[ \t]*#[^\n]*\n)*`)

// copied are the places in the image at which COPY and ADD put files: whole paths,
// as far as they can be told without variables.
func copied(dockerfile, target string) []string {
	type built struct {
		name   string
		dir    string
		places []string
	}
	var stages []built
	find := func(name string) int {
		return slices.IndexFunc(stages, func(s built) bool { return s.name != "" && strings.EqualFold(s.name, name) })
	}
	for line := range strings.Lines(continued.ReplaceAllString(dockerfile, " ")) {
		m := instruction.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil {
			continue
		}
		words := slices.DeleteFunc(strings.Fields(m[2]), func(w string) bool { return strings.HasPrefix(w, "--") })
		if kind := strings.ToUpper(m[1]); kind == "FROM" && len(words) > 0 {
			next := built{dir: "/"}
			if i := find(words[0]); i >= 0 { // what is built on another stage has its files
				next.dir, next.places = stages[i].dir, slices.Clone(stages[i].places)
			}
			if len(words) > 2 && strings.EqualFold(words[1], "AS") {
				next.name = words[2]
			}
			stages = append(stages, next)
		} else if len(stages) > 0 && len(words) > 0 {
			last := &stages[len(stages)-1]
			to := strings.Trim(words[len(words)-1], `[]"',`)
			switch {
			case strings.Contains(to, "$"):
			case kind == "WORKDIR":
				last.dir = under(last.dir, to)
			case len(words) > 1:
				last.places = append(last.places, under(last.dir, to))
			}
		}
	}
	if len(stages) == 0 {
		return nil
	}
	if i := find(target); i >= 0 {
		return stages[i].places
	}
	return stages[len(stages)-1].places
}

// under is a path of an image, from a folder of it where it is relative.
func under(dir, at string) string {
	if path.IsAbs(at) {
		return path.Clean(at)
	}
	return path.Join(dir, at)
}
