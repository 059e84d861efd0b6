package release

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/infer"
	"stackctl/pkg/stackctl/stack"
)

// lack is a secret without which a service cannot work, and where it is to be given.
type lack struct {
	infer.Lack
	service string
	at      place
}

// lacks are those of the services that are deployed, each place once. What has no
// value because a variable has none is not among them: that one is refused by name.
func (d Draft) lacks() []lack {
	var out []lack
	told := map[place]bool{}
	for _, s := range d.subjects() {
		service := d.project.Services[s.Name]
		if !d.deployed(service) {
			continue
		}
		for _, one := range infer.Lacks(s, d.layers[s.Name]) {
			value, there := service.Environment[one.Key]
			at, otherwise := d.givenAt(s.Name, one.Key)
			if there && value == nil || otherwise == byName || otherwise == onPurpose && mayBeEmpty(s, d.layers[s.Name]) || told[at] {
				continue
			}
			if at.file == "" {
				at = d.places[s.Name]
			}
			told[at] = true
			out = append(out, lack{one, s.Name, at})
		}
	}
	return out
}

// mayBeEmpty reports whether a service runs with a secret that is empty on purpose: a
// program does, and a store whose command gives it an empty word. A store's image
// refuses an empty variable whatever is meant.
func mayBeEmpty(s infer.Service, decided infer.Decision) bool {
	return decided.Layer != stack.LayerData || slices.Contains(s.Command, "")
}

// problem is what is wrong, as it stands after the service's name.
func (l lack) problem() string {
	if l.Absent {
		return "has no " + l.Key + ", and " + l.Cause
	}
	return "has an empty " + l.Key + ", and " + l.Cause
}

// fix is what to do about it.
func (l lack) fix() string {
	return "give " + l.Key + " a random value, such as that of `openssl rand -hex 24`"
}

// lacking refuses them all at once. Of one that is nowhere it warns: a database that
// is there already starts without.
func (d *Draft) lacking() []error {
	var faults []error
	for _, l := range d.lacks() {
		if l.Absent {
			d.warn([]string{l.at.String() + ": service " + l.service + " " + l.problem() + "; " + l.fix()})
			continue
		}
		faults = append(faults, stack.Usage(l.at.file, l.at.line, "service "+l.service+" "+l.problem(), l.fix()))
	}
	return faults
}

// emptiness is how a file gives a variable no value.
type emptiness int

const (
	plainly   emptiness = iota
	byName              // by a variable that has none: that one is refused by name
	onPurpose           // by a default that is empty
)

// givenAt is the place that gives a variable of a service its value, and how: the
// env file behind a variable of the compose file, the compose file itself, or an env
// file of the service.
func (d Draft) givenAt(service, key string) (place, emptiness) {
	for i := len(d.sources) - 1; i >= 0; i-- {
		s := d.sources[i]
		section, find := "environment", assigned
		if strings.HasPrefix(key, "--") {
			section, find = "command", whole
		}
		_, node := lookupNode(s.services()[service], section)
		node, value := find(resolved(node), key)
		if node == nil {
			continue
		}
		for _, g := range gaps(value, s.of) {
			if g.required || promising(g.name) {
				return place{s.file, node.Line}, byName
			}
		}
		how := plainly
		for _, r := range references(value) {
			if line := lineOfKey(d.config.Compose.EnvFile, r.name); line > 0 {
				return place{d.config.Compose.EnvFile, line}, plainly
			}
			if strings.HasSuffix(r.operator, "-") {
				how = onPurpose
			}
		}
		return place{s.file, node.Line}, how
	}
	return d.inEnvFiles(service, key), plainly
}

// whole is a command with all its words.
func whole(command *yaml.Node, _ string) (*yaml.Node, string) {
	if command == nil || command.Kind == yaml.ScalarNode {
		return command, valueOf(command)
	}
	words := make([]string, 0, len(command.Content))
	for _, word := range command.Content {
		words = append(words, valueOf(word))
	}
	return command, strings.Join(words, " ")
}

// inEnvFiles is the place of a variable in the env files of a service, the last one
// that has it.
func (d Draft) inEnvFiles(service, key string) (at place) {
	for _, s := range d.sources {
		_, files := lookupNode(s.services()[service], "env_file")
		for _, file := range envFiles(resolved(files), s.of) {
			if line := lineOfKey(below(s.dir, file), key); line > 0 {
				at = place{below(s.dir, file), line}
			}
		}
	}
	return at
}

// envFiles are the paths under env_file, in either form.
func envFiles(node *yaml.Node, of lookup) []string {
	out := scalars(node, of)
	if node == nil || node.Kind != yaml.SequenceNode {
		return out
	}
	for _, item := range node.Content {
		if item = resolved(item); item.Kind == yaml.MappingNode {
			_, path := lookupNode(item, "path")
			out = append(out, scalars(resolved(path), of)...)
		}
	}
	return out
}

// assigned is the node of a variable under environment, in either form, and the
// value as it is written.
func assigned(environment *yaml.Node, key string) (at *yaml.Node, value string) {
	if environment == nil {
		return nil, ""
	}
	if environment.Kind == yaml.SequenceNode {
		for _, item := range environment.Content {
			name, written, _ := strings.Cut(resolved(item).Value, "=")
			if name == key {
				at, value = resolved(item), written
			}
		}
		return at, value
	}
	for k, v := range pairs(environment) {
		if k.Value == key {
			at, value = k, resolved(v).Value
		}
	}
	return at, value
}

// lineOfKey is the line of an env file that gives a variable a value, the last one;
// 0: none does.
func lineOfKey(file, key string) int {
	raw, err := readBounded(file)
	if err != nil {
		return 0
	}
	found := 0
	for i, line := range strings.Split(string(raw), "\n") {
		if m := assignment.FindStringSubmatch(line); m != nil && m[1] == key {
			found = i + 1
		}
	}
	return found
}

// expected stands in the environment of a service for a secret that is yet to be set.
const expected = "a value that is yet to be set"

// expect puts it where a variable without a value promises a secret: a page that asks
// nobody when its password is empty will ask.
func (s Survey) expect(services []infer.Service) {
	for _, one := range services {
		for key, value := range one.Environment {
			if _, how := s.draft.givenAt(one.Name, key); value == "" && promising(key) && how == byName {
				one.Environment[key] = expected
			}
		}
	}
}

// noteLacks adds what check refuses to the notes of init.
func (s Survey) noteLacks() {
	for _, l := range s.draft.lacks() {
		told := fmt.Sprintf("it %s (%s:%d). %s", l.problem(), filepath.Base(l.at.file), l.at.line, strings.ToUpper(l.fix()[:1])+l.fix()[1:])
		if !l.Absent {
			told = "check refuses it: " + told
		}
		s.Notes[l.service] = append(s.Notes[l.service], told)
	}
}
