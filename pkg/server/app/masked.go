package app

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// isMasked reports whether a name has a word that passes for another: letters of
// two scripts (UTS 39, 5.2, highly restrictive: those that are written together
// may stand together), or letters of mathematics and the like that stand for plain
// ones. A name that is wholly of another script is a name.
func isMasked(name string) bool {
	notLetter := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) && !isCircled(r) }
	for word := range strings.FieldsFuncSeq(name, notLetter) {
		if mixesScripts(word) || strings.ContainsFunc(word, isDisguised) {
			return true
		}
	}
	return false
}

// eastAsian are the scripts that are written with each other, and with Latin.
var eastAsian = []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo}

func mixesScripts(word string) bool {
	var seen *unicode.RangeTable
	for _, r := range word {
		if !unicode.IsLetter(r) || unicode.In(r, unicode.Common, unicode.Inherited) || unicode.In(r, eastAsian...) {
			continue
		}
		if seen == nil {
			seen = scriptOf(r)
		}
		if seen != nil && !unicode.Is(seen, r) {
			return true
		}
	}
	// The East Asian ones stand with Latin alone.
	return seen != nil && seen != unicode.Latin && strings.ContainsFunc(word, func(r rune) bool { return unicode.In(r, eastAsian...) })
}

func scriptOf(r rune) *unicode.RangeTable {
	if unicode.Is(unicode.Latin, r) {
		return unicode.Latin
	}
	for _, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return table
		}
	}
	return nil
}

// isDisguised reports whether a letter stands for a plain one in another dress:
// of mathematics, full width, in a circle. Raised letters are letters of their own.
func isDisguised(r rune) bool {
	if r < 0x80 || !unicode.In(r, unicode.Lu, unicode.Ll) && !isCircled(r) {
		return false
	}
	plain := norm.NFKC.String(string(r))
	return len(plain) == 1 && unicode.IsLetter(rune(plain[0]))
}

func isCircled(r rune) bool { return r >= 0x24b6 && r <= 0x24e9 || r >= 0x1f130 && r <= 0x1f189 }
