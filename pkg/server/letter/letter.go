// Package letter owns the words and the look of the mails that the site sends.
// It must not know when one is sent, nor how it gets to the mail server.
package letter

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"stackctl/pkg/server/app"
)

// Writer is app.Writer.
type Writer struct {
	// Site is the site's address: links are made of it, never of what a
	// request says. Domain is its name in texts.
	Site   string
	Domain string
}

// words are one mail in one language. {site} stands for the site's name.
type words struct {
	subject string
	// preview is what mail programs show beside the subject.
	preview    string
	paragraphs []paragraph
}

// paragraph is what it says, and the page that it leads to, if any.
type paragraph struct {
	text string
	page page
	// link is what the link is called where its address is not shown.
	link string
}

// page is a page of the site. A page with a token is the step that a mail is
// about.
type page string

const (
	login   page = "login"
	forgot  page = "forgot"
	account page = "account"
	verify  page = "verify"
	reset   page = "reset"
)

func (p page) hasToken() bool { return p == verify || p == reset }

// catalogue is all that mails say in one language.
type catalogue struct {
	letters map[app.Letter]words
	// titles say what a letter is about, in a list of those that were left out,
	// which leftOut begins.
	titles  map[app.Letter]string
	leftOut string
	// copied comes before an address that is shown whole, footer at the end.
	copied string
	footer string
}

var catalogues = map[app.Language]catalogue{app.English: english, app.German: german}

// Write puts a draft into words.
func (w Writer) Write(d app.Draft) (app.Mail, error) {
	said, known := catalogues[d.Language]
	if !known {
		return app.Mail{}, fmt.Errorf("write a letter: there is no language %q", d.Language)
	}
	letter, known := said.letters[d.Letter]
	if !known {
		return app.Mail{}, fmt.Errorf("write a letter: there is no letter %q in language %q", d.Letter, d.Language)
	}
	s := w.sheet(d, said, letter)
	html, err := s.html()
	return app.Mail{To: d.To, Language: d.Language, Subject: s.Subject, Text: s.text(), HTML: html}, err
}

// sheet is a letter with everything filled in.
type sheet struct {
	Language app.Language
	Subject  string
	Preview  string
	Parts    []part
	LeftOut  string
	Missed   []string
	Copied   string
	Footer   string
	Site     string
	Domain   string
}

type part struct {
	Text string
	URL  string
	Link string
	// Step marks the link that the mail is about.
	Step bool
}

func (w Writer) sheet(d app.Draft, said catalogue, letter words) sheet {
	named := func(text string) string { return strings.ReplaceAll(text, "{site}", w.Domain) }
	s := sheet{
		Language: d.Language, Subject: named(letter.subject), Preview: named(letter.preview), Missed: missed(d.LeftOut, said.titles),
		LeftOut: said.leftOut, Copied: said.copied, Footer: named(said.footer), Site: w.Site, Domain: w.Domain,
	}
	for _, p := range letter.paragraphs {
		filled := part{Text: named(p.text), Link: p.link, Step: p.page.hasToken()}
		if p.page != "" {
			filled.URL = w.Site + "/" + string(p.page)
		}
		if filled.Step {
			// What stands behind # is sent to no server.
			filled.URL += "#token=" + string(d.Token)
		}
		s.Parts = append(s.Parts, filled)
	}
	return s
}

// missed lists the letters that were left out, with how often.
func missed(counts map[app.Letter]int, titles map[app.Letter]string) []string {
	var lines []string
	for _, letter := range slices.Sorted(maps.Keys(counts)) {
		title := titles[letter]
		if title == "" {
			title = string(letter) // of a release that knows more letters
		}
		lines = append(lines, fmt.Sprintf("%s (%d)", title, counts[letter]))
	}
	return lines
}

func (s sheet) text() string {
	var b strings.Builder
	for i, p := range s.Parts {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(p.Text)
		switch {
		case p.Step:
			b.WriteString("\n\n" + p.URL)
		case p.URL != "":
			b.WriteString(" " + p.URL)
		}
		b.WriteString("\n")
	}
	if len(s.Missed) > 0 {
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		b.WriteString(s.LeftOut + "\n\n- " + strings.Join(s.Missed, "\n- ") + "\n")
	}
	return b.String()
}

//go:embed letter.html
var layout string

var laidOut = template.Must(template.New("letter").Parse(layout))

func (s sheet) html() (string, error) {
	var b bytes.Buffer
	if err := laidOut.Execute(&b, s); err != nil {
		return "", fmt.Errorf("lay out a letter: %w", err)
	}
	return b.String(), nil
}
