package httpapi

import (
	"context"
	"encoding/json"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"stackctl/pkg/contract"
	"stackctl/pkg/server/app"
)

// Passkeys is what users do with passkeys; *app.Passkeys is one.
type Passkeys interface {
	BeginLogIn(ctx context.Context, browser app.Token) ([]byte, error)
	LogIn(ctx context.Context, answer app.Assertion, browser, before app.Token) (app.Token, app.User, error)
	BeginEnter(ctx context.Context, pending app.Token, kind app.SessionKind) ([]byte, error)
	Enter(ctx context.Context, pending app.Token, answer app.Assertion, kind app.SessionKind, before app.Token) (app.Token, app.User, error)
	BeginProof(ctx context.Context, session app.Session) ([]byte, error)
	Prove(ctx context.Context, user app.User, session app.Session, answer app.Assertion) error
	List(ctx context.Context, userID string) ([]app.Passkey, error)
	BeginAdd(ctx context.Context, user app.User, session app.Session) ([]byte, error)
	Add(ctx context.Context, user app.User, session app.Session, name string, answer app.Attestation) (app.AddedPasskey, error)
	Rename(ctx context.Context, userID, id, name string) error
	Remove(ctx context.Context, session app.Session, id string) error
}

// browserOf is what a question of a login is bound to: the session that the CSRF
// token fits, or the visitor's cookie.
func browserOf(c *gin.Context) app.Token {
	if who := callerOf(c); who.token != "" {
		return who.token
	}
	return visitorCookie.Read(c.Request)
}

func assertionOf(b contract.PasskeyAnswer) app.Assertion {
	return app.Assertion{ID: b.Id, ClientData: b.ClientData, AuthenticatorData: b.AuthenticatorData, Signature: b.Signature, UserHandle: text(b.UserHandle)}
}

func optionsBody(options []byte, err error) (contract.PasskeyOptions, error) {
	if err != nil {
		return nil, err
	}
	var body contract.PasskeyOptions
	return body, json.Unmarshal(options, &body)
}

// BeginPasskeyLogin asks for any passkey of the site.
func (a *api) BeginPasskeyLogin(ctx context.Context, _ contract.BeginPasskeyLoginRequestObject) (contract.BeginPasskeyLoginResponseObject, error) {
	c := ctx.(*gin.Context)
	body, err := optionsBody(a.Passkeys.BeginLogIn(c.Request.Context(), browserOf(c)))
	if err != nil {
		return nil, err
	}
	return contract.BeginPasskeyLogin200JSONResponse{Body: body, Headers: contract.BeginPasskeyLogin200ResponseHeaders{CacheControl: noStore}}, nil
}

// LogInWithPasskey starts a session with a token of its own, as LogIn does.
func (a *api) LogInWithPasskey(ctx context.Context, request contract.LogInWithPasskeyRequestObject) (contract.LogInWithPasskeyResponseObject, error) {
	c := ctx.(*gin.Context)
	token, user, err := a.Passkeys.LogIn(c.Request.Context(), assertionOf(*request.Body), browserOf(c), sessionCookie.Read(c.Request))
	if err != nil {
		return nil, err
	}
	a.entered(c, token, user)
	body, err := userBody(user)
	return contract.LogInWithPasskey200JSONResponse{Body: body, Headers: contract.LogInWithPasskey200ResponseHeaders{CacheControl: noStore}}, err
}

// entered sets the cookies of a login.
func (a *api) entered(c *gin.Context, token app.Token, user app.User) {
	sessionCookie.Set(c.Writer, token, app.SessionSite.Lifetime().Absolute)
	visitorCookie.Clear(c.Writer)
	a.familiar(c, user)
}

// BeginPasskeyCode asks for a passkey of the user whose login waits.
func (a *api) BeginPasskeyCode(ctx context.Context, _ contract.BeginPasskeyCodeRequestObject) (contract.BeginPasskeyCodeResponseObject, error) {
	c := ctx.(*gin.Context)
	body, err := optionsBody(a.Passkeys.BeginEnter(c.Request.Context(), codeCookie.Read(c.Request), app.SessionSite))
	if err != nil {
		return nil, err
	}
	return contract.BeginPasskeyCode200JSONResponse{Body: body, Headers: contract.BeginPasskeyCode200ResponseHeaders{CacheControl: noStore}}, nil
}

// EnterPasskey finishes a login that waits for its second step.
func (a *api) EnterPasskey(ctx context.Context, request contract.EnterPasskeyRequestObject) (contract.EnterPasskeyResponseObject, error) {
	c := ctx.(*gin.Context)
	token, user, err := a.Passkeys.Enter(c.Request.Context(), codeCookie.Read(c.Request), assertionOf(*request.Body), app.SessionSite, sessionCookie.Read(c.Request))
	if err != nil {
		return nil, err
	}
	codeCookie.Clear(c.Writer)
	a.entered(c, token, user)
	body, err := userBody(user)
	return contract.EnterPasskey200JSONResponse{Body: body, Headers: contract.EnterPasskey200ResponseHeaders{CacheControl: noStore}}, err
}

// BeginPasskeyProof asks for a passkey of the user of the session.
func (a *api) BeginPasskeyProof(ctx context.Context, _ contract.BeginPasskeyProofRequestObject) (contract.BeginPasskeyProofResponseObject, error) {
	c := ctx.(*gin.Context)
	body, err := optionsBody(a.Passkeys.BeginProof(c.Request.Context(), callerOf(c).session))
	if err != nil {
		return nil, err
	}
	return contract.BeginPasskeyProof200JSONResponse{Body: body, Headers: contract.BeginPasskeyProof200ResponseHeaders{CacheControl: noStore}}, nil
}

// ProveByPasskey proves within a session who its user is.
func (a *api) ProveByPasskey(ctx context.Context, request contract.ProveByPasskeyRequestObject) (contract.ProveByPasskeyResponseObject, error) {
	c := ctx.(*gin.Context)
	who := callerOf(c)
	if err := a.Passkeys.Prove(c.Request.Context(), who.user, who.session, assertionOf(*request.Body)); err != nil {
		return nil, err
	}
	return contract.ProveByPasskey204Response{Headers: contract.ProveByPasskey204ResponseHeaders{CacheControl: noStore}}, nil
}

// ListPasskeys lists the user's passkeys.
func (a *api) ListPasskeys(ctx context.Context, _ contract.ListPasskeysRequestObject) (contract.ListPasskeysResponseObject, error) {
	c := ctx.(*gin.Context)
	have, err := a.Passkeys.List(c.Request.Context(), callerOf(c).user.ID)
	if err != nil {
		return nil, err
	}
	list := make([]contract.Passkey, 0, len(have))
	for _, p := range have {
		body, err := passkeyBody(p)
		if err != nil {
			return nil, err
		}
		list = append(list, body)
	}
	return contract.ListPasskeys200JSONResponse{Body: contract.PasskeyList{Passkeys: list}, Headers: contract.ListPasskeys200ResponseHeaders{CacheControl: noStore}}, nil
}

func passkeyBody(p app.Passkey) (contract.Passkey, error) {
	id, err := uuid.Parse(p.ID)
	body := contract.Passkey{Id: id, Name: p.Name, CreatedAt: p.CreatedAt.UTC(), Synced: p.Synced(), Suspect: !p.SuspectAt.IsZero()}
	if !p.UsedAt.IsZero() {
		at := p.UsedAt.UTC()
		body.UsedAt = &at
	}
	return body, err
}

// BeginPasskey asks for a new passkey.
func (a *api) BeginPasskey(ctx context.Context, _ contract.BeginPasskeyRequestObject) (contract.BeginPasskeyResponseObject, error) {
	c := ctx.(*gin.Context)
	who := callerOf(c)
	body, err := optionsBody(a.Passkeys.BeginAdd(c.Request.Context(), who.user, who.session))
	if err != nil {
		return nil, err
	}
	return contract.BeginPasskey200JSONResponse{Body: body, Headers: contract.BeginPasskey200ResponseHeaders{CacheControl: noStore}}, nil
}

// AddPasskey adds a passkey; where it is the first second factor, this session gets
// a new token.
func (a *api) AddPasskey(ctx context.Context, request contract.AddPasskeyRequestObject) (contract.AddPasskeyResponseObject, error) {
	c := ctx.(*gin.Context)
	who := callerOf(c)
	answer := app.Attestation{ID: request.Body.Id, ClientData: request.Body.ClientData, Object: request.Body.Attestation}
	if request.Body.Transports != nil {
		answer.Transports = *request.Body.Transports
	}
	added, err := a.Passkeys.Add(c.Request.Context(), who.user, who.session, request.Body.Name, answer)
	if err != nil {
		return nil, err
	}
	if added.Session != "" {
		sessionCookie.Set(c.Writer, added.Session, app.SessionSite.Lifetime().Absolute)
	}
	passkey, err := passkeyBody(added.Passkey)
	body := contract.PasskeyAdded{Passkey: passkey, Codes: append([]string{}, added.Codes...)}
	return contract.AddPasskey200JSONResponse{Body: body, Headers: contract.AddPasskey200ResponseHeaders{CacheControl: noStore}}, err
}

// RenamePasskey names a passkey of the user.
func (a *api) RenamePasskey(ctx context.Context, request contract.RenamePasskeyRequestObject) (contract.RenamePasskeyResponseObject, error) {
	c := ctx.(*gin.Context)
	if err := a.Passkeys.Rename(c.Request.Context(), callerOf(c).user.ID, request.Id.String(), request.Body.Name); err != nil {
		return nil, err
	}
	return contract.RenamePasskey204Response{Headers: contract.RenamePasskey204ResponseHeaders{CacheControl: noStore}}, nil
}

// DropPasskey removes a passkey of the user.
func (a *api) DropPasskey(ctx context.Context, request contract.DropPasskeyRequestObject) (contract.DropPasskeyResponseObject, error) {
	c := ctx.(*gin.Context)
	if err := a.Passkeys.Remove(c.Request.Context(), callerOf(c).session, request.Id.String()); err != nil {
		return nil, err
	}
	return contract.DropPasskey204Response{Headers: contract.DropPasskey204ResponseHeaders{CacheControl: noStore}}, nil
}
