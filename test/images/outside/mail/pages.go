package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"strconv"
)

//go:embed pages.html
var pagesText string

var linkPattern = regexp.MustCompile(`https?://[^\s<>"]+`)

// linked makes links of the addresses in a text.
func linked(text string) template.HTML {
	out, at := "", 0
	for _, m := range linkPattern.FindAllStringIndex(text, -1) {
		address := template.HTMLEscapeString(text[m[0]:m[1]])
		out += template.HTMLEscapeString(text[at:m[0]]) + `<a href="` + address + `" rel="noreferrer">` + address + `</a>`
		at = m[1]
	}
	return template.HTML(out + template.HTMLEscapeString(text[at:])) // every part is escaped above
}

var views = template.Must(template.New("").Funcs(template.FuncMap{"linked": linked}).Parse(pagesText))

// pages shows a box: /letters and /letters/ID are JSON, / and /ID are for people.
func pages(b *box) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /letters", func(w http.ResponseWriter, r *http.Request) { asJSON(w, b.to(r.FormValue("to"))) })
	mux.HandleFunc("GET /letters/{id}", func(w http.ResponseWriter, r *http.Request) {
		if l, ok := chosen(w, r, b); ok {
			asJSON(w, l)
		}
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { asPage(w, "list", b.to("")) })
	mux.HandleFunc("GET /{id}", func(w http.ResponseWriter, r *http.Request) {
		if l, ok := chosen(w, r, b); ok {
			asPage(w, "letter", l)
		}
	})
	return mux
}

func chosen(w http.ResponseWriter, r *http.Request, b *box) (letter, bool) {
	id, err := strconv.Atoi(r.PathValue("id"))
	l, ok := b.one(id)
	if err != nil || !ok {
		http.Error(w, fmt.Sprintf("there is no letter %q", r.PathValue("id")), http.StatusNotFound)
		return letter{}, false
	}
	return l, true
}

func asJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody to tell
}

func asPage(w http.ResponseWriter, name string, v any) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	_ = views.ExecuteTemplate(w, name, v) // the client is gone: nobody to tell
}
