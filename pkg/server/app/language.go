package app

import "golang.org/x/text/language"

// Language is a language of the site, as BCP 47 names it; empty: it is not known.
type Language string

// The languages. English is where nothing else is known.
const (
	English Language = "en"
	German  Language = "de"
)

// Languages are all of them, English first.
var Languages = []Language{English, German}

var matcher = language.NewMatcher([]language.Tag{language.English, language.German})

// longestAccept bounds what is read of an Accept-Language header.
const longestAccept = 200

// Accepted returns the site's language that fits an Accept-Language header (RFC
// 9110, 12.5.4) best. Where there is none, or it cannot be read, no language is known.
func Accepted(header string) Language {
	if header == "" || len(header) > longestAccept {
		return ""
	}
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil || len(tags) == 0 {
		return ""
	}
	_, at, _ := matcher.Match(tags...)
	return Languages[at]
}

// spoken returns the first language that is known, else English.
func spoken(languages ...Language) Language {
	for _, l := range languages {
		if l != "" {
			return l
		}
	}
	return English
}
