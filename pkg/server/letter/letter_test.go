package letter_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/letter"
)

var update = flag.Bool("update", false, "write the golden files")

var writer = letter.Writer{Site: "https://site.example.com", Domain: "site.example.com"}

// token is as long as a real one.
const token = "Zm9ydHktdGhyZWUgY2hhcmFjdGVycyBsb25nIHRva2Vu"

func draft(l app.Letter, language app.Language) app.Draft {
	d := app.Draft{Letter: l, To: "ada@example.com", Language: language, Token: token}
	if l == app.LetterMissed {
		d.LeftOut = map[app.Letter]int{app.LetterReset: 16, app.LetterChanged: 1}
	}
	return d
}

func write(t *testing.T, d app.Draft) app.Mail {
	t.Helper()
	m, err := writer.Write(d)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The golden files are what web/e2e/letters.test.ts looks at in a browser.
func TestEachLetterIsAsItsGoldenFiles(t *testing.T) {
	want := map[string]bool{}
	each(t, func(l app.Letter, m app.Mail) {
		name := string(l) + "." + string(m.Language)
		want[name+".txt"], want[name+".html"] = true, true
		golden(t, name+".txt", "Subject: "+m.Subject+"\n\n"+m.Text)
		golden(t, name+".html", m.HTML)
	})
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !want[e.Name()] {
			t.Errorf("testdata/%s is of no letter", e.Name())
		}
	}
}

// each walks all letters in all languages.
func each(t *testing.T, visit func(app.Letter, app.Mail)) {
	t.Helper()
	for _, language := range app.Languages {
		for _, l := range app.Letters {
			visit(l, write(t, draft(l, language)))
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not as it was; look at it, then run with -update. It is:\n%s", path, got)
	}
}

var (
	href   = regexp.MustCompile(`href="([^"]*)"`)
	remote = regexp.MustCompile(`(?i)<(?:img|script|link|iframe|object|form|video|audio|svg)\b|url\(|@import|\bsrc=|\bon[a-z]+=`)
)

// A mail loads nothing from anywhere, and leads to the site alone. Both parts have
// the same links, and what mail programs and screen readers ask for is there.
func TestEachLetterLeadsToTheSiteAloneAndLoadsNothing(t *testing.T) {
	each(t, func(l app.Letter, m app.Mail) {
		if found := remote.FindString(m.HTML); found != "" {
			t.Errorf("%s: the HTML has %s", l, found)
		}
		links := href.FindAllStringSubmatch(m.HTML, -1)
		for _, link := range links {
			if link[1] != writer.Site && !strings.HasPrefix(link[1], writer.Site+"/") {
				t.Errorf("%s: a link leads to %s", l, link[1])
			}
			if link[1] != writer.Site && !strings.Contains(m.Text, link[1]) {
				t.Errorf("%s: the text lacks the link %s", l, link[1])
			}
		}
		if in := strings.Count(m.Text, writer.Site); len(links) != in+1 { // and one at the foot
			t.Errorf("%s: %d links in the HTML, %d in the text", l, len(links), in)
		}
		for _, must := range []string{`<html lang="` + string(m.Language) + `"`, `name="color-scheme" content="light dark"`, "<title>" + m.Subject + "</title>", `<div style="display:none`} {
			if !strings.Contains(m.HTML, must) {
				t.Errorf("%s: the HTML lacks %s", l, must)
			}
		}
	})
}

// Each letter says all that it says in English in every language, and says it in that
// language: no subject, text or title is left over or missing.
func TestEachLetterIsThereInEachLanguage(t *testing.T) {
	for _, l := range app.Letters {
		base := write(t, draft(l, app.English))
		for _, language := range app.Languages[1:] {
			m := write(t, draft(l, language))
			if m.Subject == "" || m.Subject == base.Subject || m.Text == base.Text {
				t.Errorf("%s in %s is as in English, or empty: %q", l, language, m.Subject)
			}
			for _, what := range []string{"<p", "<li", "href="} {
				if got, want := strings.Count(m.HTML, what), strings.Count(base.HTML, what); got != want {
					t.Errorf("%s in %s has %d of %s, in English %d", l, language, got, what, want)
				}
			}
			english := map[string]bool{}
			for line := range strings.SplitSeq(base.Text+base.HTML, "\n") {
				english[line] = true
			}
			for line := range strings.SplitSeq(m.Text, "\n") {
				if line != "" && english[line] && !strings.HasPrefix(line, writer.Site) {
					t.Errorf("%s in %s has a line in English: %s", l, language, line)
				}
			}
		}
	}
	for _, language := range app.Languages {
		d := draft(app.LetterMissed, language)
		d.LeftOut = map[app.Letter]int{}
		for _, l := range app.Letters {
			d.LeftOut[l] = 2
		}
		m := write(t, d)
		for _, l := range app.Letters {
			if strings.Contains(m.Text, "- "+string(l)+" (2)") {
				t.Errorf("%s has no title in %s", l, language)
			}
		}
	}
}

// What is filled in is text or an address, whatever it holds.
func TestWhatIsFilledInIsNoMarkup(t *testing.T) {
	hostile := `"><img src=x onerror=alert(1)>`
	w := letter.Writer{Site: "javascript:alert(1)//" + hostile, Domain: hostile}
	m, err := w.Write(app.Draft{Letter: app.LetterVerify, To: "ada@example.com", Language: app.English, Token: app.Token(hostile),
		LeftOut: map[app.Letter]int{app.Letter(hostile): 1}})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(m.HTML, "<img") || strings.Contains(m.HTML, `href="javascript`) || strings.Contains(m.HTML, hostile) {
		t.Errorf("markup got into the mail:\n%s", m.HTML)
	}
	if n := strings.Count(m.HTML, "&lt;img src=x onerror=alert(1)&gt;"); n < 4 {
		t.Errorf("only %d of the hostile texts are shown as text:\n%s", n, m.HTML)
	}
}

func TestALetterThatIsNotThereIsAnError(t *testing.T) {
	for _, d := range []app.Draft{{Letter: "poem", Language: app.English}, {Letter: app.LetterVerify, Language: "tlh"}} {
		if m, err := writer.Write(d); err == nil {
			t.Errorf("%s in %s is %q", d.Letter, d.Language, m.Subject)
		}
	}
}

// What was left out is told at the end of any letter, in both parts.
func TestWhatWasLeftOutIsToldInBothParts(t *testing.T) {
	d := draft(app.LetterChanged, app.English)
	d.LeftOut = map[app.Letter]int{app.LetterReset: 16, "later": 2}
	m := write(t, d)
	if !strings.HasSuffix(m.Text, "\n\nSo many mails were asked for that these were not sent to you:\n\n- later (2)\n- choose a new password (16)\n") {
		t.Errorf("the text ends otherwise:\n%s", m.Text)
	}
	if !strings.Contains(m.HTML, "<li>later (2)</li>\n<li>choose a new password (16)</li>") {
		t.Errorf("the HTML has it not:\n%s", m.HTML)
	}
}
