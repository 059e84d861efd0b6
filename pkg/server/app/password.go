package app

import (
	"cmp"
	_ "embed"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MinPassword and MaxPassword bound a new password, in characters.
const (
	MinPassword = 12
	MaxPassword = 256
)

// commonText are the 10,000 most frequent passwords of published breaches that
// have MinPassword characters and more, folded, and some more.
//
//go:embed passwords/common.txt
var commonText string

var commonPasswords = sync.OnceValue(func() map[string]struct{} {
	set := map[string]struct{}{}
	for word := range strings.FieldsSeq(commonText) {
		set[word] = struct{}{}
	}
	return set
})

// normalPassword makes one password of its composed and decomposed spellings.
func normalPassword(password string) string { return norm.NFC.String(password) }

// CleanNewPassword judges a password that somebody chose (ASVS 6.2): its
// length, and whether an attacker would try it first, who knows the user's
// address and name and the site's. It gives the form that is hashed.
func CleanNewPassword(password string, known ...string) (string, error) {
	if !utf8.ValidString(password) {
		return "", Invalid("password", RefusedCharacter, "is not valid UTF-8")
	}
	password = normalPassword(password)
	switch n := utf8.RuneCountInString(password); {
	case n < MinPassword:
		return "", Invalid("password", RefusedShort, "must have at least 12 characters")
	case n > MaxPassword:
		return "", Invalid("password", RefusedLong, "must have at most 256 characters")
	}
	if isCommon(password, known) {
		return "", Invalid("password", RefusedCommon, "is too common or too easy to guess")
	}
	return password, nil
}

// foldPassword makes one of all spellings of a password that an attacker tries
// with it: case, spaces and full-width letters do not matter.
func foldPassword(password string) (folded, squeezed string) {
	folded = strings.ToLower(norm.NFKC.String(password))
	return folded, strings.Join(strings.Fields(folded), "")
}

// isCommon reports whether an attacker who knows some names would try a password
// early.
func isCommon(password string, known []string) bool {
	folded, squeezed := foldPassword(password)
	if _, ok := commonPasswords()[squeezed]; ok || isBreached(squeezed) {
		return true
	}
	// A word said two or three times is tried after the word, which is too short;
	// a very short one however often it is said.
	length, piece := utf8.RuneCountInString(squeezed), period([]rune(squeezed))
	if piece < length && (piece <= 4 || piece < MinPassword && length <= 3*piece) {
		return true
	}
	return isMadeOf(folded, known)
}

// fillers are the words that are put beside a name to make a password of it.
var fillers = []string{"password", "passwort", "welcome", "login", "admin", "www", "https", "http", "the", "my", "to", "at"}

// isMadeOf reports whether a password is made of known names and parts of them, with
// nothing but fillers, digits and punctuation around.
func isMadeOf(password string, known []string) bool {
	names := parts(known)
	if without(password, names) == password {
		return false
	}
	// In either order: a filler may hold a part of a name, and a name a filler.
	return !strings.ContainsFunc(without(without(password, names), fillers), unicode.IsLetter) ||
		!strings.ContainsFunc(without(without(password, fillers), names), unicode.IsLetter)
}

// without leaves words out of a text.
func without(text string, words []string) string {
	for _, word := range words {
		text = strings.ReplaceAll(text, word, " ")
	}
	return text
}

// parts are names and their parts, the longest first: an address, its two sides,
// and the words that a host or somebody's name is made of.
func parts(known []string) []string {
	found := map[string]bool{}
	for _, name := range known {
		name, _ = foldPassword(name)
		local, domain, _ := strings.Cut(name, "@")
		words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		for _, part := range append(words, name, local, domain, strings.Join(words, ""), strings.ReplaceAll(domain, ".", "-")) {
			if utf8.RuneCountInString(part) >= 3 {
				found[part] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
}

// period is the length of the shortest piece that a text repeats from its
// beginning to its end, where it does so twice at least; else the text's own.
func period(text []rune) int {
	for n := 1; n <= len(text)/2; n++ {
		if slices.Equal(text[n:], text[:len(text)-n]) {
			return n
		}
	}
	return len(text)
}
