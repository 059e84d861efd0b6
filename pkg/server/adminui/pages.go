package adminui

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/csrf"
	"stackctl/pkg/server/serve"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// Accounts is what staff do to get in and out; *app.Accounts is one.
type Accounts interface {
	LogIn(ctx context.Context, email, password string, kind app.SessionKind, before app.Token) (app.Token, app.User, error)
	Familiar(ctx context.Context, user app.User) app.Device
	LogOut(ctx context.Context, user app.User, token app.Token) error
	Authenticate(ctx context.Context, token app.Token, kind app.SessionKind) (app.Session, app.User, error)
	EnterCode(ctx context.Context, pending app.Token, code string, kind app.SessionKind, before app.Token) (app.Token, app.User, error)
	Prove(ctx context.Context, user app.User, session app.Session, password, code string) error
	BeginFactor(ctx context.Context, user app.User, session app.Session) (app.FactorSetup, error)
	ConfirmFactor(ctx context.Context, user app.User, session app.Session, code string) (codes []string, token app.Token, err error)
}

// Records reads what the models declare.
type Records interface {
	List(ctx context.Context, m app.Model, q app.RecordQuery) (app.RecordPage, error)
	Each(ctx context.Context, m app.Model, q app.RecordQuery, do func(app.Record) error) (int, error)
	One(ctx context.Context, m app.Model, id string) (app.Record, error)
	// People names users by their IDs; PersonAt finds one by a clean address.
	People(ctx context.Context, ids []string) (map[string]app.Person, error)
	PersonAt(ctx context.Context, email string) (app.Person, error)
}

// Staff changes what the models declare; *app.Staff is one.
type Staff interface {
	Create(ctx context.Context, actor app.User, m app.Model, given map[string]string) (id string, err error)
	Edit(ctx context.Context, actor app.User, m app.Model, id, version string, given map[string]string) error
	Delete(ctx context.Context, actor app.User, m app.Model, id string) error
	Do(ctx context.Context, actor app.User, m app.Model, id, action string) error
	Exporting(ctx context.Context, actor app.User, m app.Model, q app.RecordQuery) error
	Exported(ctx context.Context, actor app.User, m app.Model, records int, failed error) error
	Refuse(ctx context.Context, actor app.User, o app.Operation, kind, id string) error
}

// Options are what the staff pages need.
type Options struct {
	Accounts Accounts
	Passkeys Passkeys
	Records  Records
	Staff    Staff
	CSRF     csrf.Key
	Models   []app.Model
	// FactorRequired lets members of staff without a second factor set one up, and
	// do nothing else.
	FactorRequired bool
	Healthy        func(context.Context) error
}

// pages are the staff pages.
type pages struct {
	Options
	templates *template.Template
	origin    *http.CrossOriginProtection
}

// New makes the staff pages' handler. Wrap it in a serve.Tracer.
func New(o Options) (http.Handler, error) {
	t, err := template.ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("read the templates: %w", err)
	}
	p := &pages{Options: o, templates: t, origin: http.NewCrossOriginProtection()}
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", serve.Healthz(o.Healthy))
	mux.HandleFunc("GET /login", p.loginForm)
	mux.HandleFunc("POST /login", p.login)
	mux.HandleFunc("POST /login/code", p.loginCode)
	mux.HandleFunc("POST /login/passkey", p.loginPasskey)
	for _, r := range p.routes() {
		if app.Access()[r.Operation] == app.RoleNone {
			return nil, fmt.Errorf("staff page %s: app.Access does not say which role may do %s", r.Pattern, r.Operation)
		}
		mux.Handle(r.Pattern, p.allowed(r))
	}
	return p.guarded(mux), nil
}

// Assets serves what the pages load, under /static/.
func Assets(healthy func(context.Context) error) (http.Handler, error) {
	files, err := fs.Sub(assetFiles, "assets")
	if err != nil {
		return nil, err
	}
	server := http.FileServerFS(files)
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", serve.Healthz(healthy))
	one := func(w http.ResponseWriter, r *http.Request) {
		serve.TraceOf(r.Context()).Route = r.Pattern
		w.Header().Set("Cache-Control", "public, max-age=300")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		server.ServeHTTP(w, r)
	}
	for _, name := range []string{"admin.css", "favicon.svg", "passkey.js"} {
		mux.Handle("GET /static/"+name, http.StripPrefix("/static", http.HandlerFunc(one)))
	}
	return mux, nil
}

// policy is the Content-Security-Policy of a page. Those that ask for a passkey have
// the one script besides.
const policy = "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// guarded sets the headers of every page and refuses what comes from another
// site.
func (p *pages) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Content-Security-Policy", policy)
		if err := p.origin.Check(r); err != nil {
			p.show(w, r, http.StatusForbidden, "message", page{Title: "Refused", Data: "The request comes from another site."})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		next.ServeHTTP(w, r)
	})
}

// caller is the member of staff who makes a request.
type caller struct {
	User    app.User
	session app.Session
	token   app.Token
}

// page is what every template gets.
type page struct {
	caller
	Title   string
	Current string
	Models  []app.Model
	CSRF    string
	// Script reports that the page asks for a passkey.
	Script bool
	// Notice means that a change was made.
	Notice string
	// People are the users whom the page names, by ID.
	People map[string]app.Person
	Data   any
}

func (p *pages) show(w http.ResponseWriter, r *http.Request, status int, name string, data page) {
	serve.TraceOf(r.Context()).Route = r.Pattern
	data.Models = p.Models
	if data.token != "" {
		data.CSRF = p.CSRF.Token(useSession, string(data.token))
	}
	var b bytes.Buffer
	if err := p.templates.ExecuteTemplate(&b, name, data); err != nil {
		slog.ErrorContext(r.Context(), "render a page", "template", name, "error", err.Error())
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	if data.Script {
		w.Header().Set("Content-Security-Policy", policy+"; script-src 'self'")
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// fail shows an error: its message where it has a code, nothing else.
func (p *pages) fail(w http.ResponseWriter, r *http.Request, who caller, err error) {
	status, text := http.StatusInternalServerError, "Something went wrong. The log has the details under "+serve.TraceOf(r.Context()).ID+"."
	switch app.CodeOf(err) {
	case app.CodeUnavailable:
		status, text = http.StatusServiceUnavailable, "The database does not answer. Try again in a moment."
	case app.CodeNotFound:
		status, text = http.StatusNotFound, "There is no such record."
	case app.CodeConflict, app.CodeInvalid:
		status, text = http.StatusConflict, message(err)
	case app.CodeForbidden:
		status, text = http.StatusForbidden, message(err)
	case app.CodeLimited:
		status, text = http.StatusTooManyRequests, message(err)
	}
	if status >= http.StatusInternalServerError {
		slog.ErrorContext(r.Context(), "staff page failed", "request", serve.TraceOf(r.Context()).ID, "error", err.Error())
	}
	p.show(w, r, status, "message", page{Title: http.StatusText(status), caller: who, Data: text})
}

// message is the text of an error that users may read.
func message(err error) string {
	var known *app.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return "Something went wrong."
}

// Failed answers a request whose handler panicked.
func Failed(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "Something went wrong.", http.StatusInternalServerError)
}
