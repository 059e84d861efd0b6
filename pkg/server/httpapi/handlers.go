package httpapi

import (
	"context"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"stackctl/pkg/contract"
	"stackctl/pkg/server/app"
)

const noStore = "no-store"

// GetCsrfToken returns a token that is bound to the session, or to a visitor's
// cookie where there is none.
func (a *api) GetCsrfToken(ctx context.Context, _ contract.GetCsrfTokenRequestObject) (contract.GetCsrfTokenResponseObject, error) {
	c := ctx.(*gin.Context)
	token, err := a.csrfToken(c)
	if err != nil {
		return nil, err
	}
	return contract.GetCsrfToken200JSONResponse{
		Body: contract.CsrfToken{Token: token}, Headers: contract.GetCsrfToken200ResponseHeaders{CacheControl: noStore},
	}, nil
}

func (a *api) csrfToken(c *gin.Context) (string, error) {
	if session := sessionCookie.Read(c.Request); session != "" {
		_, _, err := a.Accounts.Authenticate(c.Request.Context(), session, app.SessionSite)
		if err == nil {
			return a.CSRF.Token(useSession, string(session)), nil
		}
		if app.CodeOf(err) != app.CodeUnauthorized {
			return "", err
		}
		sessionCookie.Clear(c.Writer)
	}
	visitor := visitorCookie.Read(c.Request)
	if visitor == "" {
		visitor = app.NewToken()
		visitorCookie.Set(c.Writer, visitor, visitorLifetime)
	}
	return a.CSRF.Token(useVisitor, string(visitor)), nil
}

// SignUp creates an account.
func (a *api) SignUp(ctx context.Context, request contract.SignUpRequestObject) (contract.SignUpResponseObject, error) {
	c := ctx.(*gin.Context)
	in := app.SignUp{Email: request.Body.Email, Password: request.Body.Password}
	if request.Body.DisplayName != nil {
		in.DisplayName = *request.Body.DisplayName
	}
	if err := a.Accounts.SignUp(c.Request.Context(), in); err != nil {
		return nil, err
	}
	return contract.SignUp202JSONResponse{
		Body: contract.Accepted{Status: contract.AcceptedStatusAccepted}, Headers: contract.SignUp202ResponseHeaders{CacheControl: noStore},
	}, nil
}

// LogIn starts a session with a token of its own, whatever cookie came along.
func (a *api) LogIn(ctx context.Context, request contract.LogInRequestObject) (contract.LogInResponseObject, error) {
	c := ctx.(*gin.Context)
	before := sessionCookie.Read(c.Request)
	token, user, err := a.Accounts.LogIn(c.Request.Context(), request.Body.Email, request.Body.Password, app.SessionSite, before)
	if app.CodeOf(err) == app.CodeSecondFactor && err != nil {
		codeCookie.Set(c.Writer, token, codeLifetime)
	}
	if err != nil {
		return nil, err
	}
	a.entered(c, token, user)
	body, err := userBody(user)
	return contract.LogIn200JSONResponse{Body: body, Headers: contract.LogIn200ResponseHeaders{CacheControl: noStore}}, err
}

// LogOut ends the session.
func (a *api) LogOut(ctx context.Context, _ contract.LogOutRequestObject) (contract.LogOutResponseObject, error) {
	c := ctx.(*gin.Context)
	who := callerOf(c)
	if err := a.Accounts.LogOut(c.Request.Context(), who.user, who.token); err != nil {
		return nil, err
	}
	sessionCookie.Clear(c.Writer)
	return contract.LogOut204Response{Headers: contract.LogOut204ResponseHeaders{CacheControl: noStore}}, nil
}

// GetMe returns the user who is logged in.
func (a *api) GetMe(ctx context.Context, _ contract.GetMeRequestObject) (contract.GetMeResponseObject, error) {
	body, err := userBody(callerOf(ctx.(*gin.Context)).user)
	return contract.GetMe200JSONResponse{Body: body, Headers: contract.GetMe200ResponseHeaders{CacheControl: noStore}}, err
}

// UpdateMe changes the profile.
func (a *api) UpdateMe(ctx context.Context, request contract.UpdateMeRequestObject) (contract.UpdateMeResponseObject, error) {
	c := ctx.(*gin.Context)
	update := app.ProfileUpdate{DisplayName: request.Body.DisplayName, AvatarURL: request.Body.AvatarUrl, Bio: request.Body.Bio}
	if l := request.Body.Language; l != nil {
		update.Language = new(app.Language(*l))
	}
	user, err := a.Accounts.UpdateProfile(c.Request.Context(), callerOf(c).user.ID, update)
	if err != nil {
		return nil, err
	}
	body, err := userBody(user)
	return contract.UpdateMe200JSONResponse{Body: body, Headers: contract.UpdateMe200ResponseHeaders{CacheControl: noStore}}, err
}

func userBody(u app.User) (contract.User, error) {
	id, err := uuid.Parse(u.ID)
	var language *contract.Language
	if u.Language != "" {
		language = new(contract.Language(u.Language))
	}
	return contract.User{
		Id: id, Email: u.Email, EmailVerified: !u.EmailVerifiedAt.IsZero(), HasPassword: u.PasswordHash != "", SecondFactor: u.SecondFactor, HasPasskey: u.Passkey, DisplayName: u.DisplayName,
		AvatarUrl: u.AvatarURL, Bio: u.Bio, Language: language, CreatedAt: u.CreatedAt.UTC(),
	}, err
}
