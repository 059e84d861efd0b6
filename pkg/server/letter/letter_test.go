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

func draft(l app.Letter) app.Draft {
	d := app.Draft{Letter: l, To: "ada@example.com", Language: app.English, Token: token}
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
	for _, l := range app.Letters {
		m := write(t, draft(l))
		name := string(l) + "." + string(m.Language)
		want[name+".txt"], want[name+".html"] = true, true
		golden(t, name+".txt", "Subject: "+m.Subject+"\n\n"+m.Text)
		golden(t, name+".html", m.HTML)
	}
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
	for _, l := range app.Letters {
		m := write(t, draft(l))
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
	d := draft(app.LetterChanged)
	d.LeftOut = map[app.Letter]int{app.LetterReset: 16, "later": 2}
	m := write(t, d)
	if !strings.HasSuffix(m.Text, "\n\nSo many mails were asked for that these were not sent to you:\n\n- later (2)\n- choose a new password (16)\n") {
		t.Errorf("the text ends otherwise:\n%s", m.Text)
	}
	if !strings.Contains(m.HTML, "<li>later (2)</li>\n<li>choose a new password (16)</li>") {
		t.Errorf("the HTML has it not:\n%s", m.HTML)
	}
}
