package release

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"stackctl/pkg/stackctl/stack"
)

// syntax is a mistake in a file's YAML that many files have, and how the parser
// tells it.
type syntax struct {
	// told is in the parser's message; line finds the line at fault, where the parser
	// names one before it.
	told         *regexp.Regexp
	line         *regexp.Regexp
	problem, fix string
}

var syntaxes = []syntax{
	{regexp.MustCompile(``), regexp.MustCompile(`^(?:<{7}|>{7})(?: |$)`), "the file has the marks of a merge that is not done", "keep one side, and remove the marks"},
	{regexp.MustCompile(`tab character|cannot start any token`), regexp.MustCompile(`^ *\t+ *[^\s#]`), "the line is indented with a tab, and YAML takes spaces alone", "put spaces in its place"},
	{regexp.MustCompile(`cannot start any token`), regexp.MustCompile("(?:[:-]\\s+|^\\s*)[@%`]"), "a value begins with @, % or `, which YAML keeps for itself", "write the value in quotes"},
	{regexp.MustCompile(`mapping values are not allowed`), nil, "a value has a colon with a space after it", "write the value in quotes, or indent what belongs below the name"},
	{regexp.MustCompile(`did not find expected ',' or '`), nil, "a list in brackets, or a mapping in braces, does not end, or a text in it has one of {}[] or a comma in it", "close it, and write such a text in quotes"},
	{regexp.MustCompile(`did not find expected key`), nil, "what begins here cannot be read to its end: a line is indented as no other, or a quote is not closed", "indent alike what belongs together, and close quotes"},
	{regexp.MustCompile(`could not find expected ':'`), nil, "a line here has no colon after its name", "write NAME: VALUE, or a dash before the items of a list"},
	{regexp.MustCompile(`unknown anchor`), nil, "", "define it above with &NAME, or correct the name"},
	{regexp.MustCompile(`control characters are not allowed`), regexp.MustCompile(`[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]`), "the line has a control character, as no text has", "remove it"},
}

// syntaxError tells in plain words why a parser refuses a file's YAML, with the
// line at fault where it can be found.
func syntaxError(file string, raw []byte, line int, text string) error {
	lines := bytes.Split(raw, []byte("\n"))
	if i := slices.IndexFunc(lines, func(l []byte) bool { return !utf8.Valid(l) }); i >= 0 {
		return stack.Usage(file, i+1, "the line has bytes that are no UTF-8", "save the file as UTF-8")
	}
	for _, s := range syntaxes {
		if !s.told.MatchString(text) {
			continue
		}
		at := line
		if s.line != nil {
			if at = lineFrom(lines, line-1, s.line); at == 0 {
				continue
			}
		}
		problem := s.problem
		if problem == "" { // the parser's own words, and the line that it keeps to itself
			problem = text
			if m := anchor.FindStringSubmatch(text); m != nil {
				problem = "there is no anchor &" + m[1] + " before this"
				at = slices.IndexFunc(lines, func(l []byte) bool { return bytes.Contains(l, []byte("*"+m[1])) }) + 1
			}
		}
		return stack.Usage(file, at, problem, s.fix)
	}
	return stack.Usage(file, line, text, "correct the YAML")
}

// lineFrom is the first line with a match, from one that the parser names or, where
// there is none, of all; 0: there is none.
func lineFrom(lines [][]byte, first int, of *regexp.Regexp) int {
	for _, from := range []int{min(max(first, 0), len(lines)), 0} {
		if i := slices.IndexFunc(lines[from:], of.Match); i >= 0 {
			return from + i + 1
		}
	}
	return 0
}

var (
	anchor      = regexp.MustCompile(`unknown anchor '([^']+)'`)
	templated   = regexp.MustCompile(`error in constructor at L(\d+)\.C\d+: cannot use .* as a map key`)
	ofOddItem   = regexp.MustCompile(`(services\.\S+?)\.\[\d+\]: unexpected type`)
	exclusive   = regexp.MustCompile("service (\\S+) declares mutually exclusive (`[^`]+` and `[^`]+`)")
	nameTwice   = regexp.MustCompile(`can't set container_name and (\S+) as container name must be unique`)
	waitsItself = regexp.MustCompile(`dependency cycle detected: (\S+)( -> .+)`)
	circle      = regexp.MustCompile(`(?s)(?:Circular reference|include cycle detected):\s*(.+)`)
	badDollar   = regexp.MustCompile(`(?s)invalid interpolation format for (\S+)\.\n[^\n]*\n([^\n]*)`)
	atTop       = regexp.MustCompile(`^([a-z]+) must be (.+)$`)
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
	if strings.Contains(text, "healthcheck.test must start either by") {
		return oddTest(from, fallback)
	}
	if m := atTop.FindStringSubmatch(text); m != nil {
		for _, s := range from {
			if line, found := walk(s.root, m[1:2]); found > 0 {
				return stack.Usage(s.file, line, m[1]+" must be "+m[2], "correct it, or remove it: Compose needs no version")
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
