package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"stackctl/pkg/contract"
	"stackctl/pkg/server/app"
	"stackctl/pkg/server/serve"
)

// flowLife is how long a browser may take at the provider.
const flowLife = 10 * time.Minute

// ListProviders says through which providers users may come in.
func (a *api) ListProviders(context.Context, contract.ListProvidersRequestObject) (contract.ListProvidersResponseObject, error) {
	return contract.ListProviders200JSONResponse{
		Body: contract.Providers{Google: a.SignIn != nil}, Headers: contract.ListProviders200ResponseHeaders{CacheControl: noStore},
	}, nil
}

// StartGoogle sends the browser to the provider.
func (a *api) StartGoogle(ctx context.Context, request contract.StartGoogleRequestObject) (contract.StartGoogleResponseObject, error) {
	if a.SignIn == nil {
		return nil, errHidden
	}
	c := ctx.(*gin.Context)
	if !ownVisit(c.Request.Header) {
		// Another site must not log somebody in here, nor use up their tries with an
		// image: whoever comes from there chooses on the login page.
		to := "/login?" + url.Values{"next": {app.LocalPath(text(request.Params.ReturnTo))}}.Encode()
		return contract.StartGoogle302Response{Headers: contract.StartGoogle302ResponseHeaders{CacheControl: noStore, Location: to}}, nil
	}
	to, browser, err := a.SignIn.Start(c.Request.Context(), text(request.Params.ReturnTo), "", oauthCookie.Read(c.Request))
	if err != nil {
		a.told(c, err)
		to = back("/login", "error", app.ReasonUnavailable)
	} else {
		oauthCookie.Set(c.Writer, browser, flowLife)
	}
	return contract.StartGoogle302Response{Headers: contract.StartGoogle302ResponseHeaders{CacheControl: noStore, Location: to}}, nil
}

// ownVisit reports whether a browser goes to a page because somebody on this site
// chose to (W3C, Fetch Metadata). Clients that do not tell are no browsers, or
// old ones.
func ownVisit(h http.Header) bool {
	for name, fits := range map[string][]string{"Sec-Fetch-Site": {"same-origin", "none"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}} {
		if told := h.Values(name); len(told) > 0 && (len(told) > 1 || !slices.Contains(fits, told[0])) {
			return false
		}
	}
	return true
}

// told logs an error that the browser is told by a redirect only.
func (a *api) told(c *gin.Context, err error) {
	slog.WarnContext(c.Request.Context(), "sign-in through a provider failed", "request", serve.TraceOf(c.Request.Context()).ID, "error", err.Error())
}

func back(page, name, value string) string {
	if name == "error" {
		value = "google_" + value
	}
	return page + "?" + url.Values{name: {value}}.Encode()
}

// FinishGoogle takes the browser back.
func (a *api) FinishGoogle(ctx context.Context, request contract.FinishGoogleRequestObject) (contract.FinishGoogleResponseObject, error) {
	if a.SignIn == nil {
		return nil, errHidden
	}
	c := ctx.(*gin.Context)
	in := app.Callback{
		State: text(request.Params.State), Code: text(request.Params.Code), Error: text(request.Params.Error), Issuer: text(request.Params.Iss),
		Browser: oauthCookie.Read(c.Request),
	}
	if session := sessionCookie.Read(c.Request); session != "" {
		_, user, err := a.Accounts.Authenticate(c.Request.Context(), session, app.SessionSite)
		if err != nil && app.CodeOf(err) != app.CodeUnauthorized {
			return a.stranded(c, err, false), nil
		}
		in.User, in.Before = user.ID, session
	}
	out, err := a.SignIn.Finish(c.Request.Context(), in)
	if err != nil {
		return a.stranded(c, err, out.Link), nil
	}
	return contract.FinishGoogle302Response{Headers: contract.FinishGoogle302ResponseHeaders{CacheControl: noStore, Location: a.arrived(c, out)}}, nil
}

// stranded leads a browser that came back to a page that people can read.
func (a *api) stranded(c *gin.Context, err error, link bool) contract.FinishGoogleResponseObject {
	a.told(c, err)
	reason := app.ReasonFailed
	if app.CodeOf(err) == app.CodeUnavailable {
		reason = app.ReasonUnavailable
	}
	return contract.FinishGoogle302Response{Headers: contract.FinishGoogle302ResponseHeaders{CacheControl: noStore, Location: a.arrived(c, app.Outcome{Reason: reason, Link: link})}}
}

// arrived sets the cookies of an outcome and gives the page to go on with.
func (a *api) arrived(c *gin.Context, out app.Outcome) string {
	switch {
	case out.Reason != "" && out.Link:
		return back("/account", "error", out.Reason)
	case out.Reason != "":
		return back("/login", "error", out.Reason)
	case out.Linked:
		return back("/account", "linked", "google")
	case out.Pending != "":
		codeCookie.Set(c.Writer, out.Pending, codeLifetime)
		return "/login?" + url.Values{"code": {"1"}, "next": {out.ReturnTo}}.Encode()
	}
	sessionCookie.Set(c.Writer, out.Session, app.SessionSite.Lifetime().Absolute)
	visitorCookie.Clear(c.Writer)
	a.familiar(c, out.User)
	return out.ReturnTo
}

// LinkGoogle begins to link a Google account to the user.
func (a *api) LinkGoogle(ctx context.Context, _ contract.LinkGoogleRequestObject) (contract.LinkGoogleResponseObject, error) {
	if a.SignIn == nil {
		return nil, errHidden
	}
	c := ctx.(*gin.Context)
	to, browser, err := a.SignIn.StartLink(c.Request.Context(), callerOf(c).session, oauthCookie.Read(c.Request))
	if err != nil {
		return nil, err
	}
	oauthCookie.Set(c.Writer, browser, flowLife)
	return contract.LinkGoogle200JSONResponse{Body: contract.Redirect{Url: to}, Headers: contract.LinkGoogle200ResponseHeaders{CacheControl: noStore}}, nil
}

// ListIdentities lists who the user is at providers.
func (a *api) ListIdentities(ctx context.Context, _ contract.ListIdentitiesRequestObject) (contract.ListIdentitiesResponseObject, error) {
	c := ctx.(*gin.Context)
	found, err := a.Accounts.Identities(c.Request.Context(), callerOf(c).user.ID)
	if err != nil {
		return nil, err
	}
	list := make([]contract.Identity, 0, len(found))
	for _, i := range found {
		id, err := uuid.Parse(i.ID)
		if err != nil {
			return nil, err
		}
		one := contract.Identity{Id: id, Provider: "google", Email: i.Email, CreatedAt: i.CreatedAt.UTC()}
		if !i.LastLoginAt.IsZero() {
			at := i.LastLoginAt.UTC()
			one.LastLoginAt = &at
		}
		list = append(list, one)
	}
	return contract.ListIdentities200JSONResponse{Body: contract.IdentityList{Identities: list}, Headers: contract.ListIdentities200ResponseHeaders{CacheControl: noStore}}, nil
}

// UnlinkIdentity unlinks an identity of the user.
func (a *api) UnlinkIdentity(ctx context.Context, request contract.UnlinkIdentityRequestObject) (contract.UnlinkIdentityResponseObject, error) {
	c := ctx.(*gin.Context)
	if err := a.Accounts.Unlink(c.Request.Context(), callerOf(c).session, request.Id.String()); err != nil {
		return nil, err
	}
	return contract.UnlinkIdentity204Response{Headers: contract.UnlinkIdentity204ResponseHeaders{CacheControl: noStore}}, nil
}
