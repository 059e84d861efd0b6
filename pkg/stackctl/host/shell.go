package host

import (
	"fmt"
	"strings"
)

// plainWord is how many bytes of an encoded line go into one word: csh takes no
// long ones.
const plainWord = 800

// underShell wraps a line for /bin/sh so that every login shell hands it on as it
// is: sh, csh, tcsh, fish and others agree on words in single quotes that hold
// no quote, backslash, exclamation mark or line end. Those are encoded, and
// printf decodes them. exec keeps the process the leader of its group.
func underShell(line string) string {
	var b strings.Builder
	b.WriteString(`exec /bin/sh -c 'eval "$(printf %b "$@")"' sh`)
	size := plainWord
	for i := range len(line) {
		if size >= plainWord {
			if i > 0 {
				b.WriteByte('\'')
			}
			b.WriteString(" '")
			size = 0
		}
		n, _ := b.WriteString(encoded(line[i]))
		size += n
	}
	b.WriteByte('\'')
	return b.String()
}

// encoded is a byte as printf's %b and every shell's single quotes take it.
func encoded(c byte) string {
	if c == '\'' || c == '\\' || c == '!' || c < ' ' || c >= 0x7f {
		return fmt.Sprintf(`\0%03o`, c)
	}
	return string(c)
}
