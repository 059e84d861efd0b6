package adminui

import (
	"errors"
	"net/http"
	"time"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/cookie"
	"stackctl/pkg/server/serve"
)

var (
	sessionCookie = cookie.Cookie{Name: "__Host-staff", Site: http.SameSiteStrictMode}
	codeCookie    = cookie.Cookie{Name: "__Host-staff-code", Site: http.SameSiteStrictMode}
	deviceCookie  = cookie.Cookie{Name: "__Host-staff-device", Site: http.SameSiteStrictMode}
	visitorCookie = cookie.Cookie{Name: "__Host-staff-visitor", Site: http.SameSiteStrictMode}
)

const (
	useSession = "staff session"
	useVisitor = "staff visitor"
)

func changes(r *http.Request) bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// signedIn lets a handler run for members of staff alone. A request that changes
// something must carry the CSRF token of its session.
func (p *pages) signedIn(next func(http.ResponseWriter, *http.Request, caller)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A session that ends while the form is on the way has ended.
		unread := r.ParseForm()
		token := sessionCookie.Read(r)
		session, user, err := p.Accounts.Authenticate(r.Context(), token, app.SessionStaff)
		if app.CodeOf(err) == app.CodeUnauthorized && err != nil {
			serve.TraceOf(r.Context()).Route = r.Pattern
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		if err != nil {
			p.fail(w, r, caller{}, err)
			return
		}
		who := caller{User: user, session: session, token: token}
		serve.TraceOf(r.Context()).User = user.ID
		if !p.formRead(w, r, who, unread) {
			return
		}
		if changes(r) && !p.CSRF.Valid(useSession, string(token), r.PostFormValue("csrf")) {
			p.show(w, r, http.StatusForbidden, "message", page{Title: "Refused", caller: who, Data: "The form is too old. Go back, load the page anew and try again."})
			return
		}
		next(w, r, who)
	})
}

// formRead reports whether the form of a request could be read; if not, that was
// answered.
func (p *pages) formRead(w http.ResponseWriter, r *http.Request, who caller, err error) bool {
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return true
	case errors.As(err, &large):
		p.show(w, r, http.StatusRequestEntityTooLarge, "message", page{Title: "Too large", caller: who, Data: "The form is larger than 64 KiB."})
	default:
		p.show(w, r, http.StatusBadRequest, "message", page{Title: "Not understood", caller: who, Data: "The form or the address cannot be read."})
	}
	return false
}

type loginData struct {
	Email string
	Error string
}

func (p *pages) loginForm(w http.ResponseWriter, r *http.Request) {
	p.showLogin(w, r, http.StatusOK, loginData{})
}

func (p *pages) showLogin(w http.ResponseWriter, r *http.Request, status int, data loginData) {
	visitor := visitorCookie.Read(r)
	if visitor == "" {
		visitor = app.NewToken()
		visitorCookie.Set(w, visitor, time.Hour)
	}
	p.show(w, r, status, "login", page{Title: "Log in", CSRF: p.CSRF.Token(useVisitor, string(visitor)), Data: data})
}

func (p *pages) login(w http.ResponseWriter, r *http.Request) {
	if !p.formRead(w, r, caller{}, r.ParseForm()) {
		return
	}
	data := loginData{Email: r.PostFormValue("email")}
	if !p.CSRF.Valid(useVisitor, string(visitorCookie.Read(r)), r.PostFormValue("csrf")) {
		data.Error = "The form was too old. Try again."
		p.showLogin(w, r, http.StatusForbidden, data)
		return
	}
	ctx := app.WithDevice(r.Context(), deviceCookie.Device(r))
	token, user, err := p.Accounts.LogIn(ctx, data.Email, r.PostFormValue("password"), app.SessionStaff, sessionCookie.Read(r))
	switch app.CodeOf(err) {
	case app.CodeSecondFactor:
		codeCookie.Set(w, token, 10*time.Minute)
		p.showCode(w, r, http.StatusOK, token, "")
		return
	case app.CodeCredentials, app.CodeInvalid:
		data.Error = "The e-mail address or the password is wrong."
		p.showLogin(w, r, http.StatusUnauthorized, data)
		return
	}
	if err != nil {
		p.fail(w, r, caller{}, err)
		return
	}
	p.entered(w, r.WithContext(ctx), token, user)
}

// entered sets the cookies of a login and goes on to the first page.
func (p *pages) entered(w http.ResponseWriter, r *http.Request, token app.Token, user app.User) {
	ctx := r.Context()
	sessionCookie.Set(w, token, app.SessionStaff.Lifetime().Absolute)
	visitorCookie.Clear(w)
	deviceCookie.SetDevice(w, p.Accounts.Familiar(ctx, user))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (p *pages) logout(w http.ResponseWriter, r *http.Request, who caller) {
	if err := p.Accounts.LogOut(r.Context(), who.User, who.token); err != nil {
		p.fail(w, r, who, err)
		return
	}
	sessionCookie.Clear(w)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}
