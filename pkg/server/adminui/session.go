package adminui

import (
	"errors"
	"net/http"
	"time"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/serve"
)

const (
	sessionCookie = "__Host-staff"
	visitorCookie = "__Host-staff-visitor"

	useSession = "staff session"
	useVisitor = "staff visitor"
)

// staff lets a handler run for members of staff alone. A request that changes
// something must carry the CSRF token of its session.
func (p *pages) staff(next func(http.ResponseWriter, *http.Request, caller)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := cookieToken(r, sessionCookie)
		_, user, err := p.Accounts.Authenticate(r.Context(), token, app.SessionStaff)
		if app.CodeOf(err) == app.CodeUnauthorized && err != nil {
			serve.TraceOf(r.Context()).Route = r.Pattern
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		if err != nil {
			p.fail(w, r, caller{}, err)
			return
		}
		who := caller{User: user, token: token}
		serve.TraceOf(r.Context()).User = user.ID
		if !p.formRead(w, r, who) {
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !p.CSRF.Valid(useSession, string(token), r.PostFormValue("csrf")) {
			p.show(w, r, http.StatusForbidden, "message", page{Title: "Refused", caller: who, Data: "The form is too old. Go back, load the page anew and try again."})
			return
		}
		next(w, r, who)
	})
}

// formRead reads the form of a request; false: it cannot be read, and that was
// answered.
func (p *pages) formRead(w http.ResponseWriter, r *http.Request, who caller) bool {
	err := r.ParseForm()
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
	visitor := cookieToken(r, visitorCookie)
	if visitor == "" {
		visitor = app.NewToken()
		setCookie(w, visitorCookie, string(visitor), time.Hour)
	}
	p.show(w, r, status, "login", page{Title: "Log in", CSRF: p.CSRF.Token(useVisitor, string(visitor)), Data: data})
}

func (p *pages) login(w http.ResponseWriter, r *http.Request) {
	if !p.formRead(w, r, caller{}) {
		return
	}
	data := loginData{Email: r.PostFormValue("email")}
	if !p.CSRF.Valid(useVisitor, string(cookieToken(r, visitorCookie)), r.PostFormValue("csrf")) {
		data.Error = "The form was too old. Try again."
		p.showLogin(w, r, http.StatusForbidden, data)
		return
	}
	token, _, err := p.Accounts.LogIn(r.Context(), data.Email, r.PostFormValue("password"), app.SessionStaff, cookieToken(r, sessionCookie))
	switch app.CodeOf(err) {
	case app.CodeCredentials, app.CodeInvalid:
		data.Error = "The e-mail address or the password is wrong."
		p.showLogin(w, r, http.StatusUnauthorized, data)
		return
	}
	if err != nil {
		p.fail(w, r, caller{}, err)
		return
	}
	setCookie(w, sessionCookie, string(token), app.SessionStaff.Lifetime().Absolute)
	setCookie(w, visitorCookie, "", -1)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (p *pages) logout(w http.ResponseWriter, r *http.Request, who caller) {
	if err := p.Accounts.LogOut(r.Context(), who.User, who.token); err != nil {
		p.fail(w, r, who, err)
		return
	}
	setCookie(w, sessionCookie, "", -1)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// cookieToken reads a cookie that holds a token; two of one name are none.
func cookieToken(r *http.Request, name string) app.Token {
	found := r.CookiesNamed(name)
	if len(found) != 1 || !app.Token(found[0].Value).WellFormed() {
		return ""
	}
	return app.Token(found[0].Value)
}

// setCookie sets a cookie; a negative life removes it.
func setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	age := int(life.Seconds())
	if life < 0 {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: age, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}
