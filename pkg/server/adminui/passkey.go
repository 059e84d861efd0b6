package adminui

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"stackctl/pkg/server/app"
)

// Passkeys is what staff do with passkeys; *app.Passkeys is one.
type Passkeys interface {
	BeginEnter(ctx context.Context, pending app.Token, kind app.SessionKind) ([]byte, error)
	Enter(ctx context.Context, pending app.Token, answer app.Assertion, kind app.SessionKind, before app.Token) (app.Token, app.User, error)
	BeginProof(ctx context.Context, session app.Session) ([]byte, error)
	Prove(ctx context.Context, user app.User, session app.Session, answer app.Assertion) error
	List(ctx context.Context, userID string) ([]app.Passkey, error)
	BeginAdd(ctx context.Context, user app.User, session app.Session) ([]byte, error)
	Add(ctx context.Context, user app.User, session app.Session, name string, answer app.Attestation) (app.AddedPasskey, error)
	Remove(ctx context.Context, session app.Session, id string) error
}

// question is what a page's script asks an authenticator.
type question struct {
	// Kind is get or create, Options the JSON of WebAuthn.
	Kind, Options string
	Label         string
}

// asked is the question of a page, or none where there is nothing to ask: the user has
// no passkey, or questions cannot be kept now. Codes do without.
func asked(options []byte, err error) *question {
	if err != nil {
		return nil
	}
	return &question{Kind: "get", Options: string(options), Label: "Use a passkey"}
}

// answer is what the script puts into a form.
type answer struct {
	ID                string   `json:"id"`
	ClientData        string   `json:"client_data"`
	AuthenticatorData string   `json:"authenticator_data"`
	Signature         string   `json:"signature"`
	UserHandle        string   `json:"user_handle"`
	Attestation       string   `json:"attestation"`
	Transports        []string `json:"transports"`
}

// readAnswer reads the answer in a form; one that cannot be read is none that holds.
func readAnswer(r *http.Request) (a answer) {
	if json.Unmarshal([]byte(r.PostFormValue("passkey")), &a) != nil {
		return answer{}
	}
	return a
}

func (a answer) assertion() app.Assertion {
	return app.Assertion{ID: a.ID, ClientData: a.ClientData, AuthenticatorData: a.AuthenticatorData, Signature: a.Signature, UserHandle: a.UserHandle}
}

// fresh is proven for what asks the session itself for a proof.
func (p *pages) fresh(w http.ResponseWriter, r *http.Request, who *caller) bool {
	if !who.User.SecondFactor {
		return true // what is asked for judges by the login
	}
	if !p.proven(w, r, *who) {
		return false
	}
	if time.Since(who.session.ProvenAt) > proofLife {
		who.session.ProvenAt = time.Now()
	}
	return true
}

// beginPasskey asks for a new passkey.
func (p *pages) beginPasskey(w http.ResponseWriter, r *http.Request, who caller) {
	if !p.fresh(w, r, &who) {
		return
	}
	options, err := p.Passkeys.BeginAdd(r.Context(), who.User, who.session)
	if err != nil {
		p.factorRefused(w, r, who, err)
		return
	}
	data := factorData{Name: r.PostFormValue("name"), Ask: &question{Kind: "create", Options: string(options), Label: "Make the passkey"}}
	p.showFactor(w, r, who, http.StatusOK, data)
}

func (p *pages) addPasskey(w http.ResponseWriter, r *http.Request, who caller) {
	a := readAnswer(r)
	added, err := p.Passkeys.Add(r.Context(), who.User, who.session, r.PostFormValue("name"), app.Attestation{ID: a.ID, ClientData: a.ClientData, Object: a.Attestation, Transports: a.Transports})
	if err != nil {
		p.factorRefused(w, r, who, err)
		return
	}
	if added.Session == "" {
		http.Redirect(w, r, "/factor", http.StatusSeeOther)
		return
	}
	sessionCookie.Set(w, added.Session, app.SessionStaff.Lifetime().Absolute)
	who.token = added.Session
	p.showFactor(w, r, who, http.StatusOK, factorData{Codes: added.Codes})
}

func (p *pages) removePasskey(w http.ResponseWriter, r *http.Request, who caller) {
	if !p.fresh(w, r, &who) {
		return
	}
	if err := p.Passkeys.Remove(r.Context(), who.session, r.PathValue("id")); err != nil {
		p.factorRefused(w, r, who, err)
		return
	}
	http.Redirect(w, r, "/factor", http.StatusSeeOther)
}

// factorRefused shows the factors with what stands in the way.
func (p *pages) factorRefused(w http.ResponseWriter, r *http.Request, who caller, err error) {
	text := message(err)
	switch app.CodeOf(err) {
	case app.CodeStepUp:
		text = "Your login was a while ago. Log out and in again, then try once more."
	case app.CodeInvalid:
		for name, problem := range fieldProblems(err) {
			text = "The " + name + " " + problem + "."
		}
	case app.CodeConflict:
	default:
		p.fail(w, r, who, err)
		return
	}
	p.showFactors(w, r, who, http.StatusConflict, text)
}

// loginPasskey finishes a login that waits for its second step.
func (p *pages) loginPasskey(w http.ResponseWriter, r *http.Request) {
	if !p.formRead(w, r, caller{}, r.ParseForm()) {
		return
	}
	if !p.CSRF.Valid(useVisitor, string(visitorCookie.Read(r)), r.PostFormValue("csrf")) {
		p.showLogin(w, r, http.StatusForbidden, loginData{Error: "The form was too old. Try again."})
		return
	}
	ctx := app.WithDevice(r.Context(), deviceCookie.Device(r))
	pending := codeCookie.Read(r)
	token, user, err := p.Passkeys.Enter(ctx, pending, readAnswer(r).assertion(), app.SessionStaff, sessionCookie.Read(r))
	p.secondStep(w, r.WithContext(ctx), pending, token, user, err, "The passkey was not accepted.")
}
