package app

import (
	"net/url"
	"strings"
	"testing"
)

func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{"/", "/account", "//evil.example", `/\evil.example`, "https:evil", "/%2f/evil", "/a?b=//c", "/\t/evil", "/..//evil.example", "/%5c%5cevil", "/%09/evil", "/%2f%2fevil", "/.//evil", "/%2e%2e//evil", "/\u2215\u2215evil", "/API/x", "/caf%C3%A9?a=//b#//c"} {
		f.Add(seed)
	}
	site, err := url.Parse("https://site.example.com/login")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got := LocalPath(path)
		// What a browser makes of it: backslashes are slashes, tabs and line
		// breaks fall away.
		seen := strings.NewReplacer("\\", "/", "\t", "", "\n", "", "\r", "").Replace(got)
		to, err := site.Parse(seen)
		if err != nil || to.Host != site.Host || to.Scheme != "https" {
			t.Fatalf("%q leads to %q (%v, err %v)", path, got, to, err)
		}
		// A router that decodes it once more gets to no other place, either.
		if again, err := site.Parse(to.Path); err == nil && again.Host != site.Host || strings.Contains(to.Path, "//") || strings.HasPrefix(strings.ToLower(to.Path), "/api/") {
			t.Errorf("%q leads to %q, decoded to %q", path, got, to.Path)
		}
	})
}

func FuzzCleanEmail(f *testing.F) {
	for _, seed := range []string{"ada@example.com", "ADA@EXAMPLE.COM", "a@b", "a@b@c", "a\n@b.c", "\u0130@b.c", " a@b.c ", "a@b.c.", "a@127.0.0.1", "a%b@c.de", "a..b@c.de", "a@xn--b.de"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, email string) {
		clean, err := CleanEmail(email)
		if err != nil {
			return
		}
		again, err := CleanEmail(clean)
		if err != nil || again != clean || strings.Count(clean, "@") != 1 || strings.ContainsAny(clean, "\r\n\x00 %!<>\"") || strings.HasSuffix(clean, ".") || clean != strings.ToLower(clean) {
			t.Errorf("%q becomes %q, then %q (%v)", email, clean, again, err)
		}
	})
}
