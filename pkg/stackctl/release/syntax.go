package release

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

var (
	templated    = regexp.MustCompile(`error in constructor at L(\d+)\.C\d+: cannot use .* as a map key`)
	ofOddItem    = regexp.MustCompile(`(services\.\S+?)\.\[\d+\]: unexpected type`)
	exclusive    = regexp.MustCompile("service (\\S+) declares mutually exclusive (`[^`]+` and `[^`]+`)")
	nameTwice    = regexp.MustCompile(`can't set container_name and (\S+) as container name must be unique`)
	waitsItself  = regexp.MustCompile(`dependency cycle detected: (\S+)( -> .+)`)
	circle       = regexp.MustCompile(`(?s)(?:Circular reference|include cycle detected):\s*(.+)`)
	badDollar    = regexp.MustCompile(`(?s)invalid interpolation format for (\S+)\.\n[^\n]*\n([^\n]*)`)
	emptyService = regexp.MustCompile(`^services\.([^. ]+) must be a mapping$`)
	nothingToRun = regexp.MustCompile(`service "([^"]+)" has neither an image nor a build context`)
	wantsList    = regexp.MustCompile(`^(services\.\S+) must be a array$`)
	atTop        = regexp.MustCompile(`^([a-z]+) must be (.+)$`)
)

// mistake says in plain words what the loader says of mistakes in the meaning of a
// file; nil where it knows none.
func mistake(from []source, fallback place, text string) error {
	if m := templated.FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[1])
		return stack.Usage(fallback.file, line, "a mapping stands where a name belongs: a template, such as {{ NAME }}, is not filled in", "fill the template in first, or write the text in quotes")
	}
	if m := ofOddItem.FindStringSubmatch(text); m != nil {
		return refuse(from, fallback, m[1]+" is a list with a mapping in it", `write "NAME=value" in the list, or leave the dashes out`, strings.Split(m[1], ".")...)
	}
	if m := exclusive.FindStringSubmatch(text); m != nil {
		return refuse(from, fallback, "service "+m[1]+" has both "+m[2], "keep one of them", "services", m[1])
	}
	if m := nameTwice.FindStringSubmatch(text); m != nil {
		return refuse(from, fallback, "service "+m[1]+" has a container_name, which one container alone can have, and more than one container", "remove container_name, or scale and replicas", "services", m[1], "container_name")
	}
	if m := waitsItself.FindStringSubmatch(text); m != nil {
		return refuse(from, fallback, "services wait for each other: "+m[1]+m[2], "remove one of these depends_on", "services", m[1], "depends_on")
	}
	if m := circle.FindStringSubmatch(text); m != nil {
		if refused := extendsCircle(from); refused != nil {
			return refused
		}
		return stack.Usage(fallback.file, 0, "files or services take in each other in a circle: "+strings.Join(strings.Fields(m[1]), " "), "remove one of these include or extends")
	}
	if m := badDollar.FindStringSubmatch(text); m != nil {
		return refuse(from, fallback, "the value of "+m[1]+" has a dollar sign with which no variable begins: "+m[2], "write ${NAME}, or $$ for a dollar sign of its own", strings.Split(m[1], ".")...)
	}
	if m := emptyService.FindStringSubmatch(text); m != nil {
		return refuse(from, fallback, "service "+m[1]+" has no settings", "indent what belongs to it below its name, or remove it", "services", m[1])
	}
	if m := wantsList.FindStringSubmatch(text); m != nil {
		return refuse(from, fallback, m[1]+" must be a list", "write each entry on a line of its own that begins with a dash", strings.Split(m[1], ".")...)
	}
	if strings.Contains(text, "healthcheck.test must start either by") {
		return oddTest(from, fallback)
	}
	if m := atTop.FindStringSubmatch(text); m != nil {
		for _, s := range from {
			if line, found := walk(s.root, m[1:2]); found > 0 {
				fix := "write NAME: and its settings below it, without a dash"
				if m[1] == "version" {
					fix = "correct it, or remove it: Compose needs no version"
				}
				return stack.Usage(s.file, line, m[1]+" must be "+m[2], fix)
			}
		}
	}
	return nil
}

// oddTest refuses the first health check that is a list and does not say how it is run.
func oddTest(from []source, fallback place) error {
	for _, s := range from {
		services := s.services()
		for _, name := range sortedKeys(services) {
			_, check := lookupNode(services[name], "healthcheck")
			at, test := lookupNode(resolved(check), "test")
			if words := scalars(resolved(test), s.of); test != nil && resolved(test).Value == "" && len(words) > 0 && !slices.Contains([]string{"CMD", "CMD-SHELL", "NONE"}, words[0]) {
				return stack.Usage(s.file, at.Line, "the health check of service "+name+" does not say how it is run", `begin the list with "CMD", or write one text for a shell`)
			}
		}
	}
	return stack.Usage(fallback.file, fallback.line, "a health check does not say how it is run", `begin its test with "CMD", or write one text for a shell`)
}
