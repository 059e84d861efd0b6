package redact

import (
	"testing"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain text\n\tindented":         "plain text\n\tindented",
		"\x1b[31mred\x1b[0m":             "red",
		"\x1b]0;title\x07after":          "after",
		"\x1b]8;;http://x\x1b\\link":     "link",
		"\x1b[2J\x1b[Hcleared":           "cleared",
		"bell\x07 back\x08 nul\x00":      "bell\ufffd back\ufffd nul\ufffd",
		"c1 \u009b31m":                   "c1 \ufffd31m",
		"over\rwrite, line\r\nend":       "over\ufffdwrite, line\nend",
		"turned \u202egnp.exe":           "turned \ufffdgnp.exe",
		"bad \xff utf8":                  "bad \ufffd utf8",
		"unfinished \x1b[31":             "unfinished ",
		"unfinished \x1b]0;t\nnext line": "unfinished \nnext line",
		"a real \ufffd stays":            "a real \ufffd stays",
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
	if got := Line("two\nlines\tand"); got != "two lines and" {
		t.Errorf("Line = %q", got)
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("\x1b[31mred\x1b[0m \u202e \xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := Printable(s)
		if !utf8.ValidString(got) || !clean(got) {
			t.Errorf("Printable(%q) = %q", s, got)
		}
		if again := Printable(got); again != got {
			t.Errorf("not stable: %q then %q", got, again)
		}
	})
}
