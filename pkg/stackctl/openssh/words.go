package openssh

import (
	"errors"
	"strings"
)

// blanks separate words.
const blanks = " \t\r"

// errQuotes is OpenSSH's complaint about a quote that nothing closes.
var errQuotes = errors.New("a quote is not closed")

// keyword splits a line into its keyword, in lower case, and the rest. One "="
// may stand between them. A line without a keyword returns "".
func keyword(line string) (name, rest string) {
	line = strings.TrimRight(line, blanks+"\f\n")
	line = strings.TrimLeft(line, blanks)
	if line == "" || line[0] == '#' {
		return "", ""
	}
	if line[0] == '"' {
		quoted, after, closed := strings.Cut(line[1:], `"`)
		if !closed {
			return "", ""
		}
		return strings.ToLower(quoted), skipEquals(after)
	}
	end := strings.IndexAny(line, blanks+"=")
	if end < 0 {
		return strings.ToLower(line), ""
	}
	return strings.ToLower(line[:end]), skipEquals(line[end:])
}

func skipEquals(rest string) string {
	rest = strings.TrimLeft(rest, blanks)
	if after, found := strings.CutPrefix(rest, "="); found {
		rest = strings.TrimLeft(after, blanks)
	}
	return rest
}

// words splits text as OpenSSH does: at blanks outside of quotes, up to a word
// that begins with #. A backslash escapes a quote, a backslash and, outside of
// quotes, a space.
func words(text string) ([]string, error) {
	var list []string
	for i := 0; i < len(text); {
		if strings.IndexByte(blanks, text[i]) >= 0 {
			i++
			continue
		}
		if text[i] == '#' {
			break
		}
		word, next, err := oneWord(text, i)
		if err != nil {
			return nil, err
		}
		list = append(list, word)
		i = next
	}
	return list, nil
}

// oneWord reads the word that begins at i and returns where it ends.
func oneWord(text string, i int) (word string, next int, err error) {
	var b strings.Builder
	quote := byte(0)
	for ; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && escapes(text[i+1:], quote):
			i++
			b.WriteByte(text[i])
		case quote == 0 && strings.IndexByte(blanks, c) >= 0:
			return b.String(), i, nil
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		default:
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		return "", i, errQuotes
	}
	return b.String(), i, nil
}

// escapes reports whether a backslash before rest is one that escapes.
func escapes(rest string, quote byte) bool {
	if rest == "" {
		return false
	}
	switch rest[0] {
	case '\'', '"', '\\':
		return true
	}
	return quote == 0 && rest[0] == ' '
}
