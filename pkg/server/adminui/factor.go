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
	Ask    *question
}

// proven reports whether a member of staff has proven the second factor not long
// ago; if not, it has asked for a code, in a form that carries the refused one
// along, so that nothing must be filled in anew.
func (p *pages) proven(w http.ResponseWriter, r *http.Request, who caller) bool {
	if time.Since(who.session.ProvenAt) <= proofLife {
		return true
	}
	data := proofData{Action: r.URL.Path}
	code, passkey := r.PostFormValue("code"), r.PostFormValue("passkey")
	if code != "" || passkey != "" {
		err := p.prove(r, who, code, passkey != "")
		if err == nil {
			return true
		}
		if app.CodeOf(err) != app.CodeInvalid {
			p.fail(w, r, who, err)
			return false
		}
		data.Error = "The code is wrong, or was used already."
		if passkey != "" {
			data.Error = "The passkey was not accepted."
		}
	}
	for name, values := range r.PostForm {
		for _, value := range values {
			if name != "csrf" && name != "code" && name != "passkey" {
				data.Fields = append(data.Fields, hidden{name, value})
			}
		}
	}
	slices.SortFunc(data.Fields, func(a, b hidden) int { return slices.Compare([]string{a.Name}, []string{b.Name}) })
	if who.User.Passkey {
		data.Ask = asked(p.Passkeys.BeginProof(r.Context(), who.session))
	}
	p.show(w, r, http.StatusForbidden, "prove", page{Title: "Prove that it is you", caller: who, Script: data.Ask != nil, Data: data})
	return false
}

func (p *pages) prove(r *http.Request, who caller, code string, passkey bool) error {
	if passkey {
		return p.Passkeys.Prove(r.Context(), who.User, who.session, readAnswer(r).assertion())
	}
	return p.Accounts.Prove(r.Context(), who.User, who.session, "", code)
}

type codeData struct {
	Error string
	Ask   *question
}

// showCode asks for the second step of a login that waits.
func (p *pages) showCode(w http.ResponseWriter, r *http.Request, status int, pending app.Token, problem string) {
	data := codeData{Error: problem, Ask: asked(p.Passkeys.BeginEnter(r.Context(), pending, app.SessionStaff))}
	p.show(w, r, status, "code", page{Title: "Second factor", Script: data.Ask != nil, CSRF: p.CSRF.Token(useVisitor, string(visitorCookie.Read(r))), Data: data})
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
	pending := codeCookie.Read(r)
	token, user, err := p.Accounts.EnterCode(ctx, pending, r.PostFormValue("code"), app.SessionStaff, sessionCookie.Read(r))
	p.secondStep(w, r.WithContext(ctx), pending, token, user, err, "The code is wrong, or was used already.")
}

// secondStep ends a login by its second step, or asks for that again.
func (p *pages) secondStep(w http.ResponseWriter, r *http.Request, pending, token app.Token, user app.User, err error, wrong string) {
	switch app.CodeOf(err) {
	case app.CodeInvalid:
		p.showCode(w, r, http.StatusUnauthorized, pending, wrong)
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
	p.entered(w, r, token, user)
}

// factorData is one step of setting a second factor up: nothing yet, the secret,
// or the recovery codes. Name and Ask are of a passkey that is being made.
type factorData struct {
	On bool
	// Passkeys are those of the caller; Any reports that there is a factor of some kind.
	Passkeys []app.Passkey
	Any      bool
	Name     string
	Ask      *question
	Setup    app.FactorSetup
	QR       qr.Image
	Codes    []string
	Error    string
}

func (p *pages) factor(w http.ResponseWriter, r *http.Request, who caller) {
	p.showFactors(w, r, who, http.StatusOK, "")
}

// showFactors shows which factors the caller has.
func (p *pages) showFactors(w http.ResponseWriter, r *http.Request, who caller, status int, problem string) {
	have, err := p.Passkeys.List(r.Context(), who.User.ID)
	if err != nil {
		p.fail(w, r, who, err)
		return
	}
	p.showFactor(w, r, who, status, factorData{On: who.User.TOTP, Passkeys: have, Any: who.User.TOTP || len(have) > 0, Error: problem})
}

func (p *pages) showFactor(w http.ResponseWriter, r *http.Request, who caller, status int, data factorData) {
	p.show(w, r, status, "factor", page{Title: "Second factor", Current: "factor", caller: who, Script: data.Ask != nil, Data: data})
}

func (p *pages) beginFactor(w http.ResponseWriter, r *http.Request, who caller) {
	if !p.fresh(w, r, &who) {
		return
	}
	setup, err := p.Accounts.BeginFactor(r.Context(), who.User, who.session)
	if err != nil {
		p.factorRefused(w, r, who, err)
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
			p.showFactors(w, r, who, http.StatusConflict, "The code does not fit. Begin anew, and add the new secret to your app.")
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
