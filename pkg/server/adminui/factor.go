package adminui

import (
	"net/http"
	"slices"
	"time"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/qr"
)

// proofLife is how long a code is good for changes.
const proofLife = 10 * time.Minute

// hidden is a value that a form carries along.
type hidden struct{ Name, Value string }

type proofData struct {
	Action string
	Fields []hidden
	Error  string
}

// proven reports whether a member of staff has proven the second factor not long
// ago; if not, it has asked for a code, in a form that carries the refused one
// along, so that nothing must be filled in anew.
func (p *pages) proven(w http.ResponseWriter, r *http.Request, who caller) bool {
	if time.Since(who.session.ProvenAt) <= proofLife {
		return true
	}
	data := proofData{Action: r.URL.Path}
	if code := r.PostFormValue("code"); code != "" {
		err := p.Accounts.Prove(r.Context(), who.User, who.session, "", code)
		if err == nil {
			return true
		}
		if app.CodeOf(err) != app.CodeInvalid {
			p.fail(w, r, who, err)
			return false
		}
		data.Error = "The code is wrong, or was used already."
	}
	for name, values := range r.PostForm {
		for _, value := range values {
			if name != "csrf" && name != "code" {
				data.Fields = append(data.Fields, hidden{name, value})
			}
		}
	}
	slices.SortFunc(data.Fields, func(a, b hidden) int { return slices.Compare([]string{a.Name}, []string{b.Name}) })
	p.show(w, r, http.StatusForbidden, "prove", page{Title: "Prove that it is you", caller: who, Data: data})
	return false
}

// showCode asks for the code of a login.
func (p *pages) showCode(w http.ResponseWriter, r *http.Request, status int, problem string) {
	p.show(w, r, status, "code", page{Title: "Second factor", CSRF: p.CSRF.Token(useVisitor, string(visitorCookie.Read(r))), Data: problem})
}

func (p *pages) loginCode(w http.ResponseWriter, r *http.Request) {
	if !p.formRead(w, r, caller{}, r.ParseForm()) {
		return
	}
	if !p.CSRF.Valid(useVisitor, string(visitorCookie.Read(r)), r.PostFormValue("csrf")) {
		p.showLogin(w, r, http.StatusForbidden, loginData{Error: "The form was too old. Try again."})
		return
	}
	ctx := app.WithDevice(r.Context(), deviceCookie.Device(r))
	token, user, err := p.Accounts.EnterCode(ctx, codeCookie.Read(r), r.PostFormValue("code"), app.SessionStaff, sessionCookie.Read(r))
	switch app.CodeOf(err) {
	case app.CodeInvalid:
		p.showCode(w, r, http.StatusUnauthorized, "The code is wrong, or was used already.")
		return
	case app.CodeUnauthorized:
		p.showLogin(w, r, http.StatusUnauthorized, loginData{Error: message(err)})
		return
	}
	if err != nil {
		p.fail(w, r, caller{}, err)
		return
	}
	codeCookie.Clear(w)
	p.entered(w, r.WithContext(ctx), token, user)
}

// factorData is one step of setting a second factor up: nothing yet, the secret,
// or the recovery codes.
type factorData struct {
	On    bool
	Setup app.FactorSetup
	QR    qr.Image
	Codes []string
	Error string
}

func (p *pages) factor(w http.ResponseWriter, r *http.Request, who caller) {
	p.showFactor(w, r, who, http.StatusOK, factorData{On: who.User.TOTP})
}

func (p *pages) showFactor(w http.ResponseWriter, r *http.Request, who caller, status int, data factorData) {
	p.show(w, r, status, "factor", page{Title: "Second factor", Current: "factor", caller: who, Data: data})
}

func (p *pages) beginFactor(w http.ResponseWriter, r *http.Request, who caller) {
	setup, err := p.Accounts.BeginFactor(r.Context(), who.User, who.session)
	if code := app.CodeOf(err); err != nil && (code == app.CodeStepUp || code == app.CodeConflict) {
		text := message(err)
		if code == app.CodeStepUp {
			text = "Your login was a while ago. Log out and in again, then set the factor up."
		}
		p.showFactor(w, r, who, http.StatusConflict, factorData{On: who.User.TOTP, Error: text})
		return
	}
	if err != nil {
		p.fail(w, r, who, err)
		return
	}
	image, err := qr.Draw(setup.URI)
	if err != nil {
		p.fail(w, r, who, err)
		return
	}
	p.showFactor(w, r, who, http.StatusOK, factorData{Setup: setup, QR: image})
}

func (p *pages) confirmFactor(w http.ResponseWriter, r *http.Request, who caller) {
	codes, token, err := p.Accounts.ConfirmFactor(r.Context(), who.User, who.session, r.PostFormValue("code"))
	switch app.CodeOf(err) {
	case app.CodeInvalid, app.CodeConflict, app.CodeStepUp:
		if err != nil {
			p.showFactor(w, r, who, http.StatusConflict, factorData{On: who.User.TOTP, Error: "The code does not fit. Begin anew, and add the new secret to your app."})
			return
		}
	}
	if err != nil {
		p.fail(w, r, who, err)
		return
	}
	sessionCookie.Set(w, token, app.SessionStaff.Lifetime().Absolute)
	who.token = token
	p.showFactor(w, r, who, http.StatusOK, factorData{Codes: codes})
}
