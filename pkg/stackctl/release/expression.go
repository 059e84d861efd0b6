package release

import (
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
)

// lookup is what variables mean.
type lookup func(name string) (value string, set bool)

// reference is one ${…} or $NAME in a value.
type reference struct {
	name string
	// operator is what stands between the name and word: "", "-", ":-", "?",
	// ":?", "+" or ":+".
	operator, word string
}

// gap is a variable without the value that an expression demands.
type gap struct {
	name string
	// required reports whether the expression itself demands it (${NAME:?message}).
	required bool
	message  string
}

// references are the variables that a text names at its first level; $$ is a
// dollar sign (Compose specification, "Interpolation").
func references(text string) []reference {
	var out []reference
	for {
		at := strings.IndexByte(text, '$')
		if at < 0 || at+1 == len(text) {
			return out
		}
		text = text[at+1:]
		switch text[0] {
		case '$':
			text = text[1:]
		case '{':
			body, rest := braced(text[1:])
			if name := nameIn(body); name != "" {
				operator, word := operatorIn(body[len(name):])
				out = append(out, reference{name, operator, word})
			}
			text = rest
		default:
			if name := nameIn(text); name != "" {
				out = append(out, reference{name: name})
				text = text[len(name):]
			}
		}
	}
}

// braced cuts a text at the brace that closes the one before it.
func braced(text string) (body, rest string) {
	depth := 1
	for i := range len(text) {
		switch {
		case text[i] == '}':
			if depth--; depth == 0 {
				return text[:i], text[i+1:]
			}
		case text[i] == '{' && i > 0 && text[i-1] == '$':
			depth++
		}
	}
	return text, ""
}

// nameIn is the variable's name that a text begins with.
func nameIn(text string) string {
	for i := range len(text) {
		c := text[i]
		letter := c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return text[:i]
		}
	}
	return text
}

func operatorIn(text string) (operator, word string) {
	for _, o := range []string{":-", ":?", ":+", "-", "?", "+"} {
		if word, is := strings.CutPrefix(text, o); is {
			return o, word
		}
	}
	return "", ""
}

// gaps are the variables that have neither a value nor a default in a text.
func gaps(text string, of lookup) []gap {
	var out []gap
	for _, r := range references(text) {
		value, set := of(r.name)
		missing := !set
		if strings.HasPrefix(r.operator, ":") {
			missing = value == ""
		}
		switch strings.TrimPrefix(r.operator, ":") {
		case "":
			if missing {
				out = append(out, gap{name: r.name})
			}
		case "?":
			if missing {
				out = append(out, gap{name: r.name, required: true, message: r.word})
			}
		case "-":
			if missing {
				out = append(out, gaps(r.word, of)...)
			}
		case "+":
			if !missing {
				out = append(out, gaps(r.word, of)...)
			}
		}
	}
	return out
}

// uses are the variables that a text names at any level.
func uses(text string) []string {
	var out []string
	for _, r := range references(text) {
		out = append(append(out, r.name), uses(r.word)...)
	}
	return out
}

// expand puts values in the place of variables, as Compose does. A text that is
// no template stays as it is: whoever judges the file refuses it.
func expand(text string, of lookup) string {
	out, err := template.SubstituteWithOptions(text, template.Mapping(of), template.WithoutLogging)
	if err != nil {
		return text
	}
	return out
}
