package app

import (
	"strings"
	"testing"
)

func TestAcceptedIsALanguageOfTheSite(t *testing.T) {
	for header, want := range map[string]Language{
		"": "", "de": German, "de-AT,de;q=0.9,en;q=0.8": German, "en-GB,en;q=0.9,de;q=0.8": English, "fr,de;q=0.5": German,
		"fr": English, "gsw": German, "*": English, "en;q=0.1,de;q=0.9": German,
		"de;q=x": "", "de\x00": "", strings.Repeat("de-", 100): "", strings.Repeat("en,", 100) + "de": "",
	} {
		if got := Accepted(header); got != want {
			t.Errorf("%q asks for %q, want %q", header, got, want)
		}
	}
}
