package config

import (
	"bytes"
	"regexp"
	"slices"
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

var anchor = regexp.MustCompile(`unknown anchor '([^']+)'`)

// SyntaxFault is a usage error that says in plain words why a parser refuses a file's
// YAML, with the line at fault where it can be found. line and text are the parser's.
func SyntaxFault(file string, raw []byte, line int, text string) error {
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
