package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// defined refuses variables that have neither a value nor a default, all of
// them at once, a line for each. Under the standard policy one that the file does
// not demand, whose name promises no secret and which begins no mount, is empty as
// Compose takes it, with a warning; so is any secret where the file demands others. defined returns the names of all variables that the files use.
func defined(from []source, policy stack.Policy) (used map[string]bool, warnings []string, faults []error) {
	used = map[string]bool{}
	warned, refused, told := map[string]bool{}, map[string]bool{}, demandsSecrets(from)
	for _, s := range from {
		s.eachUse(s.part(), func(name string) { used[name] = true })
		s.eachSource(func(name string) { used[name] = true })
		mounts := s.mounts()
		s.eachGap(s.part(), func(node *yaml.Node, g gap) {
			switch {
			case refused[g.name]:
			case policy == stack.PolicyStandard && !g.required && (told || !promising(g.name)) && !(mounts[node] && leadsMount(node.Value, g.name)):
				if !warned[g.name] {
					warnings = append(warnings, fmt.Sprintf("%s:%d: the variable %s has no value and is empty", s.file, s.lineOf(node, g.name), g.name))
				}
				warned[g.name] = true
			default:
				faults = append(faults, s.undefined(node, g))
				refused[g.name] = true
			}
		})
	}
	return used, warnings, faults
}

// missing refuses all values that are missing at once: those that the files name,
// those that services take from the environment, and secrets that are empty. named
// are the first; the project is read with stands in their place, for the others.
func (d Draft) missing(ctx context.Context, c stack.Config, named []error) error {
	values, gaps := maps.Clone(d.variables.values), undefined(d.sources)
	maps.Copy(values, stands(d.sources, gaps))
	project, _, err := fill(ctx, c, values, gaps, nil)
	if err == nil {
		d.project, d.places = project, places(d.sources)
		d.decide()
		d.resolvable()
		named = append(append(named, d.taken()...), d.lacking()...)
	}
	return d.copied(together(valueless, named))
}

// copied adds to what is refused that an example of the env file is there, and no env
// file.
func (d Draft) copied(err error) error {
	file := d.config.Compose.EnvFile
	if _, missing := os.Stat(file); err == nil || file == "" || missing == nil {
		return err
	}
	ending := exampleOf(file)
	if ending == "" {
		return err
	}
	name := filepath.Base(file)
	reason, _ := stack.Explain(err)
	return stack.Fault(stack.CauseUsage, "read the variables", errors.New(reason), "copy "+name+ending+" to "+name+" and fill it in")
}

// given refuses what services take by name where it is not set, and secrets that are
// empty.
func (d *Draft) given() error {
	taken, lacking := d.taken(), d.lacking()
	d.warn(d.without())
	if len(taken) == 0 {
		return together("secrets are empty", lacking)
	}
	return together(valueless, append(taken, lacking...))
}

// valueless is what is wrong with all of them.
const valueless = "variables have no value (NAME= in the env file makes one empty)"

// together is one usage error of several: each has a line, and what to do is said once.
func together(what string, faults []error) error {
	if len(faults) < 2 {
		return errors.Join(faults...)
	}
	text, fixes, told := "", []string(nil), map[string]bool{"": true}
	for _, fault := range faults {
		reason, fix := stack.Explain(fault)
		text += "\n" + reason
		fix = anyName.ReplaceAllString(fix, "${1}NAME${2}")
		if same := anyPath.ReplaceAllString(fix, ""); !told[same] {
			told[same], fixes = true, append(fixes, fix)
		}
	}
	return stack.Fault(stack.CauseUsage, fmt.Sprintf("%d %s", len(faults), what), errors.New(text), strings.Join(fixes, "; or "))
}

// anyPath is a path in a fix: of several that differ by it the first one is told.
var anyPath = regexp.MustCompile(`[.~]?/\S+`)

// anyName is where a fix names the variable that it is about.
var anyName = regexp.MustCompile(`(\$\{|\(|--env |^give )[A-Za-z_]\w*(:-|= for|=…| a random)`)

// eachUse walks the variables that a file names.
func (s source) eachUse(node *yaml.Node, found func(name string)) {
	if node == nil {
		return
	}
	if node.Kind == yaml.ScalarNode && strings.Contains(node.Value, "$") {
		for _, name := range uses(node.Value) {
			found(name)
		}
	}
	for i, child := range node.Content {
		if node.Kind != yaml.MappingNode || i%2 == 1 {
			s.eachUse(child, found)
		}
	}
}

// eachSource walks the variables of which the file's secrets and configs are made.
func (s source) eachSource(found func(name string)) {
	if s.only != "" {
		return
	}
	for _, section := range []string{"secrets", "configs"} {
		_, all := lookupNode(s.root, section)
		for _, one := range pairs(all) {
			_, environment := lookupNode(one, "environment")
			for _, name := range scalars(resolved(environment), s.of) {
				found(name)
			}
		}
	}
}

// part is what Compose takes of the file.
func (s source) part() *yaml.Node {
	if s.only == "" {
		return s.root
	}
	return s.services()[s.only]
}

func (s source) undefined(node *yaml.Node, g gap) error {
	line := s.lineOf(node, g.name)
	switch {
	case g.required && g.message != "":
		return stack.Usage(s.file, line, "the variable "+g.name+" is not set: "+expand(g.message, s.of), "set it in the env file, in the environment or with --env "+g.name+"=…")
	case g.required:
		return stack.Usage(s.file, line, "the variable "+g.name+" is not set, and the file demands it", "set it in the env file, in the environment or with --env "+g.name+"=…")
	}
	return stack.Usage(s.file, line, "the variable "+g.name+" is not defined",
		"set it in the env file, or give it a default: ${"+g.name+":-value}; a dollar sign of its own is written $$")
}

// lineOf is the line of a variable in a value, which may have several.
func (s source) lineOf(node *yaml.Node, name string) int {
	if node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		return node.Line
	}
	for i, line := range strings.Split(node.Value, "\n") {
		for _, used := range uses(line) {
			if used == name {
				return node.Line + 1 + i
			}
		}
	}
	return node.Line
}

// taken refuses variables that a service takes from the environment by name
// (`environment: [NAME]`) where there is none, all of them at once: it would run
// without.
func (d Draft) taken() []error {
	var faults []error
	for _, u := range d.ungiven() {
		faults = append(faults, stack.Usage(u.at.file, u.at.line, "service "+u.service+" takes the variable "+u.name+" from the environment, where it is not set",
			"set it in the env file ("+u.name+"= for an empty one), in the environment or with --env "+u.name+"=…; or remove it"))
	}
	return faults
}

// ungiven is a variable that a service takes by name, and that has no value.
type ungiven struct {
	service, name string
	at            place
}

// ungiven are those of the services that are deployed. Under the standard policy
// one whose name promises no secret is left out, as Compose does.
func (d Draft) ungiven() []ungiven {
	return d.unset(func(s types.ServiceConfig, name string) bool {
		return d.config.Policy != stack.PolicyStandard || promising(name) && !d.optional(s)
	})
}

// without warns of the secrets that services run without, since they are options.
func (d Draft) without() []string {
	if d.config.Policy != stack.PolicyStandard {
		return nil
	}
	names, first, out := map[string][]string{}, map[string]place{}, []string(nil)
	for _, u := range d.unset(func(s types.ServiceConfig, name string) bool { return promising(name) && d.optional(s) }) {
		if names[u.service] = append(names[u.service], u.name); len(names[u.service]) == 1 {
			first[u.service] = u.at
		}
	}
	for _, service := range sortedKeys(names) {
		out = append(out, fmt.Sprintf("%s: service %s runs without %s, which nothing sets", first[service], service, stack.Listed(names[service])))
	}
	return out
}

// unset are the variables that deployed services take by name, and that nothing sets,
// of those that are asked for, each once.
func (d Draft) unset(asked func(s types.ServiceConfig, name string) bool) []ungiven {
	var out []ungiven
	told := map[string]bool{}
	for _, service := range sortedKeys(d.project.Services) {
		s := d.project.Services[service]
		if !d.deployed(s) {
			continue
		}
		for _, name := range sortedKeys(s.Environment) {
			if s.Environment[name] != nil || told[name] || !asked(s, name) {
				continue
			}
			told[name] = true
			out = append(out, ungiven{service, name, d.bare(service, name)})
		}
	}
	return out
}

// manyOptions is how many variables a service takes by name, without a value, where
// they are options: its program knows which of them it needs.
const manyOptions = 10

// optional reports whether what a service takes by name, and nothing sets, is an
// option of its program.
func (d Draft) optional(s types.ServiceConfig) bool {
	none := 0
	for _, value := range s.Environment {
		if value == nil {
			none++
		}
	}
	return none >= manyOptions || demandsSecrets(d.sources)
}

// demanded is a variable that a file demands: ${NAME:?…}.
var demanded = regexp.MustCompile(`\$\{([A-Za-z_]\w*):?\?`)

// demandsSecrets reports whether the files demand secrets by name: who writes ${NAME:?}
// for those that the program needs says thereby that it does without the others.
func demandsSecrets(from []source) bool {
	found := false
	for _, s := range from {
		var walk func(node *yaml.Node)
		walk = func(node *yaml.Node) {
			for _, m := range demanded.FindAllStringSubmatch(node.Value, -1) {
				found = found || promising(m[1])
			}
			for _, child := range node.Content {
				walk(child)
			}
		}
		walk(s.root)
	}
	return found
}

// bare is the place where a variable is named without a value.
func (d Draft) bare(service, variable string) place {
	for i := len(d.sources) - 1; i >= 0; i-- {
		s := d.sources[i]
		_, environment := lookupNode(s.services()[service], "environment")
		if environment = resolved(environment); environment == nil {
			continue
		}
		for _, item := range environment.Content {
			if item = resolved(item); item.Value == variable {
				return place{s.file, item.Line}
			}
		}
	}
	return d.places[service]
}
