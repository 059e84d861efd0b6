package redact

import (
	"html"
	"sort"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// view is a text with one layer of escapes undone (%41, \u0041, \", &amp;)
// and line breaks with the indent after them taken out, and the mark of a comment, so
// that a value is found however its characters are spelled and its lines are wrapped.
type view struct {
	text []byte
	runs []run
	// open is where an escape begins in the source that the source does not
	// finish; the length of the source if none.
	open int
}

// run is a piece of a view: copied as it is, or one escape.
type run struct {
	at, src, srcLen int
	escape          bool
}

var views = sync.Pool{New: func() any { return new(view) }}

func (v *view) release() { views.Put(v) }

// special are the bytes that may begin an escape.
var special = [256]bool{'%': true, '\\': true, '&': true, '\n': true, '\r': true}

// undo makes the view of src; nil where nothing is escaped in it.
func undo(src []byte, final bool) *view {
	i := next(src, 0)
	if i == len(src) {
		return nil
	}
	v := views.Get().(*view)
	v.text, v.runs, v.open = v.text[:0], v.runs[:0], len(src)
	copied, escaped := 0, false
	var buf [utf8.UTFMax]byte
	for ; i < len(src); i = next(src, i) {
		out, n, open := escape(buf[:0], src[i:], final)
		if open {
			v.open, escaped = i, true
			break // what follows is undecided
		}
		if n == 0 {
			i++
			continue
		}
		escaped = true
		v.copy(src, copied, i)
		v.runs = append(v.runs, run{at: len(v.text), src: i, srcLen: n, escape: true})
		v.text = append(v.text, out...)
		i += n
		copied = i
	}
	if !escaped {
		v.release()
		return nil
	}
	v.copy(src, copied, v.open)
	return v
}

func (v *view) copy(src []byte, from, to int) {
	if from == to {
		return
	}
	v.runs = append(v.runs, run{at: len(v.text), src: from, srcLen: to - from})
	v.text = append(v.text, src[from:to]...)
}

func next(b []byte, i int) int {
	for i < len(b) && !special[b[i]] {
		i++
	}
	return i
}

// source is the piece of the source that made text[start:end].
func (v *view) source(start, end int) (from, to int) {
	r := v.runs[v.runAt(end-1)]
	to = r.src + r.srcLen
	if !r.escape {
		to = r.src + (end - r.at)
	}
	return v.sourceStart(start), to
}

// sourceStart is where in the source the byte text[at] begins.
func (v *view) sourceStart(at int) int {
	if len(v.runs) == 0 {
		return 0
	}
	if at >= len(v.text) {
		last := v.runs[len(v.runs)-1]
		return last.src + last.srcLen
	}
	r := v.runs[v.runAt(at)]
	if r.escape {
		return r.src
	}
	return r.src + at - r.at
}

// target is the offset in the text of an offset in the source; one inside an
// escape means the escape's beginning.
func (v *view) target(src int) int {
	k := sort.Search(len(v.runs), func(i int) bool { return v.runs[i].src > src }) - 1
	if k < 0 {
		return 0
	}
	r := v.runs[k]
	if src >= r.src+r.srcLen {
		return len(v.text)
	}
	if r.escape {
		return r.at
	}
	return r.at + src - r.src
}

// runAt is the run that holds text[at]: the last that begins there or before,
// because escapes that give nothing share their place with what follows.
func (v *view) runAt(at int) int {
	return sort.Search(len(v.runs), func(i int) bool { return v.runs[i].at > at }) - 1
}

// escape reads one escape at the start of b. n is its length, 0 if there is
// none; open says that b ends before this can be told.
func escape(out, b []byte, final bool) (_ []byte, n int, open bool) {
	switch b[0] {
	case '\n', '\r':
		return out, lineBreak(b, final), false
	case '%':
		if len(b) < 3 {
			return out, 0, !final && allHex(b[1:])
		}
		if c, ok := number(b[1:3], 16); ok {
			return append(out, byte(c)), 3, false
		}
		return out, 0, false
	case '&':
		return entity(out, b, final)
	}
	return backslash(out, b, final)
}

// lineBreak is the length of the line breaks at the start of b, with the indent after
// them and what a comment or a quotation begins its lines with. A mark at the end of b
// counts until it is known what follows.
func lineBreak(b []byte, final bool) int {
	blank := func(n int) int {
		for n < len(b) && strings.IndexByte("\n\r\t ", b[n]) >= 0 {
			n++
		}
		return n
	}
	n := blank(1)
	mark := n
	for mark < min(len(b), n+3) && strings.IndexByte("#/*>|;-", b[mark]) >= 0 {
		mark++
	}
	end := blank(mark)
	if mark > n && (end > mark || mark == len(b) && !final) {
		return end
	}
	return n
}

func backslash(out, b []byte, final bool) ([]byte, int, bool) {
	if len(b) < 2 {
		return out, 0, !final
	}
	switch c := b[1]; {
	case c == 'n' || c == 'r' || c == '\n' || c == '\r':
		return out, 2, false // a line break, or a line that goes on
	case c == 't':
		return append(out, '\t'), 2, false
	case c == 'b':
		return append(out, '\b'), 2, false
	case c == 'f':
		return append(out, '\f'), 2, false
	case c == 'u':
		return unicodeEscape(out, b, final)
	case c == 'x':
		return digits(out, b, 2, 2, 16, final)
	case c >= '0' && c <= '3':
		return digits(out, b, 1, 3, 8, final)
	case c < 0x80 && !isAlnum(c):
		return append(out, c), 2, false
	}
	return out, 0, false
}

// digits reads a byte that is spelled with exactly n digits from b[skip].
func digits(out, b []byte, skip, n, base int, final bool) ([]byte, int, bool) {
	if len(b) < skip+n {
		return out, 0, !final && allHex(b[skip:])
	}
	if c, ok := number(b[skip:skip+n], base); ok && c < 256 {
		return append(out, byte(c)), skip + n, false
	}
	return out, 0, false
}

func unicodeEscape(out, b []byte, final bool) ([]byte, int, bool) {
	if len(b) < 6 {
		return out, 0, !final && allHex(b[2:])
	}
	c, ok := number(b[2:6], 16)
	if !ok {
		return out, 0, false
	}
	r, n := rune(c), 6
	if utf16.IsSurrogate(r) {
		if len(b) < 12 && !final {
			return out, 0, true
		}
		if len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
			if low, ok := number(b[8:12], 16); ok {
				r, n = utf16.DecodeRune(r, rune(low)), 12
			}
		}
	}
	if r == '\n' || r == '\r' {
		return out, n, false
	}
	return utf8.AppendRune(out, r), n, false
}

// maxEntity is the longest character reference that is undone.
const maxEntity = 12

func entity(out, b []byte, final bool) ([]byte, int, bool) {
	limit := min(len(b), maxEntity)
	for i := 1; i < limit; i++ {
		switch c := b[i]; {
		case c == ';':
			s := string(b[:i+1])
			if u := html.UnescapeString(s); u != s && len(u) <= utf8.UTFMax {
				if u == "\n" || u == "\r" {
					u = ""
				}
				return append(out, u...), i + 1, false
			}
			return out, 0, false
		case c != '#' && !isAlnum(c):
			return out, 0, false
		}
	}
	return out, 0, !final && len(b) < maxEntity
}

// plain is b with escapes undone as the deepest view has them.
func plain(b []byte) []byte {
	for range depth {
		v := undo(b, true)
		if v == nil {
			return b
		}
		b = append([]byte(nil), v.text...)
		v.release()
	}
	return b
}

func number(b []byte, base int) (n int, ok bool) {
	for _, c := range b {
		d := digit(c)
		if d >= base {
			return 0, false
		}
		n = n*base + d
	}
	return n, true
}

func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return 99
}

func allHex(b []byte) bool {
	for _, c := range b {
		if digit(c) > 15 {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
