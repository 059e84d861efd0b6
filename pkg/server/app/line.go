package app

import (
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxMarks bounds the marks on one letter, above what any script needs: a pile of
// them covers other lines.
const maxMarks = 6

// isPlainLine reports whether all of a line can be seen, and stays on its line.
// Joiners and variation selectors are seen only by what they do to their
// neighbours: between others they hide.
func isPlainLine(text string) bool {
	line := []rune(text)
	marks := 0
	for i, r := range line {
		before, after := rune(0), rune(0)
		if i > 0 {
			before = line[i-1]
		}
		if i+1 < len(line) {
			after = line[i+1]
		}
		switch {
		case r == '\u200c' || r == '\u200d':
			if !joins(lastBase(line[:i]), before, after) {
				return false
			}
		case unicode.Is(unicode.Variation_Selector, r):
			if !varies(before, r, after) {
				return false
			}
		case isHidden(r):
			return false
		}
		if !unicode.In(r, unicode.Mn, unicode.Me) {
			marks = 0
			continue
		}
		if marks++; marks > maxMarks || i == 0 {
			return false
		}
	}
	return true
}

// isHidden finds format, unassigned and private characters, and letters and
// marks that are drawn blank.
func isHidden(r rune) bool {
	switch r {
	case '\u115f', '\u1160', '\u17b4', '\u17b5', '\u2800', '\u3164', '\uffa0', '\u034f':
		return true
	}
	return !unicode.IsGraphic(r)
}

// lastBase is the last character that is neither a mark nor the tone of an emoji.
func lastBase(line []rune) rune {
	for i := len(line) - 1; i >= 0; i-- {
		tone := line[i] >= 0x1f3fb && line[i] <= 0x1f3ff
		if !tone && !unicode.In(line[i], unicode.Mn, unicode.Me) {
			return line[i]
		}
	}
	return 0
}

// joins reports whether a joiner does something where it stands (RFC 5892, A.1 and
// A.2): after a virama, between letters that are written joined, between emoji.
func joins(base, before, after rune) bool {
	const virama = 9 // its canonical combining class
	if norm.NFC.PropertiesString(string(before)).CCC() == virama {
		return true
	}
	return isCursive(base) && isCursive(after) || isPicture(base) && isPicture(after)
}

func isCursive(r rune) bool {
	return unicode.IsLetter(r) && unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Nko)
}

func isPicture(r rune) bool { return unicode.In(r, unicode.So, unicode.Sm) }

// varies reports whether a variation selector chooses how the character before it
// is drawn: a picture, a key, or a letter of a script that has such.
func varies(before, r, after rune) bool {
	switch {
	case unicode.Is(unicode.Han, before):
		return true
	case r == '\ufe0e' || r == '\ufe0f':
		return isPicture(before) || after == '\u20e3'
	}
	return unicode.Is(unicode.Mongolian, before) && unicode.Is(unicode.Mongolian, r)
}
