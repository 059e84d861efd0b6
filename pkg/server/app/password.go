package app

import (
	_ "embed"
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

func isCommon(password, email string) bool {
	folded := strings.ToLower(password)
	if _, ok := commonPasswords()[strings.Join(strings.Fields(folded), "")]; ok {
		return true
	}
	local, _, _ := strings.Cut(email, "@")
	if folded == email || len(local) >= 6 && strings.Trim(strings.ReplaceAll(folded, local, ""), "0123456789!?.-_@ ") == "" {
		return true
	}
	// A short word repeated is as good as the word: its own common list holds
	// the words, so only the repetition is looked for here.
	for n := 1; n <= 4 && n*3 <= len(folded); n++ {
		if strings.Repeat(folded[:n], len(folded)/n+1)[:len(folded)] == folded {
			return true
		}
	}
	return false
}
