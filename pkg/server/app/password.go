package app

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MinPassword and MaxPassword bound a new password, in characters.
const (
	MinPassword = 12
	MaxPassword = 256
)

//go:embed common_passwords.txt
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
// length, and whether an attacker would try it first. It gives the form that
// is hashed.
func CleanNewPassword(password, email string) (string, error) {
	if !utf8.ValidString(password) {
		return "", Invalid("password", "is not valid UTF-8")
	}
	password = normalPassword(password)
	switch n := utf8.RuneCountInString(password); {
	case n < MinPassword:
		return "", Invalid("password", "must have at least 12 characters")
	case n > MaxPassword:
		return "", Invalid("password", "must have at most 256 characters")
	}
	if isCommon(password, email) {
		return "", Invalid("password", "is too common or too easy to guess")
	}
	return password, nil
}

// isCommon says whether an attacker who knows the address would try a password
// early. Its spelling does not matter: case, spaces, full-width letters.
func isCommon(password, email string) bool {
	folded := strings.ToLower(norm.NFKC.String(password))
	squeezed := strings.Join(strings.Fields(folded), "")
	if _, ok := commonPasswords()[squeezed]; ok {
		return true
	}
	// A word said two or three times is tried after the word, which is too short;
	// a very short one however often it is said.
	length, piece := utf8.RuneCountInString(squeezed), period([]rune(squeezed))
	if piece < length && (piece <= 4 || piece < MinPassword && length <= 3*piece) {
		return true
	}
	return isMadeOf(folded, email)
}

// isMadeOf says whether a password is the address or parts of it, with nothing
// but digits and punctuation around.
func isMadeOf(password, email string) bool {
	local, domain, _ := strings.Cut(email, "@")
	rest := password
	for _, part := range []string{email, domain, local, strings.ReplaceAll(domain, ".", "-")} {
		if len(part) >= 3 {
			rest = strings.ReplaceAll(rest, part, " ")
		}
	}
	return rest != password && strings.Trim(strings.ReplaceAll(rest, "www", ""), "0123456789!?.-_@ ") == ""
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
