package httpapi

import (
	"context"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"stackctl/pkg/contract"
	"stackctl/pkg/server/app"
)

// ForgotPassword asks for a mail; the answer says nothing about the address.
func (a *api) ForgotPassword(ctx context.Context, request contract.ForgotPasswordRequestObject) (contract.ForgotPasswordResponseObject, error) {
	if err := a.Accounts.Forgot(ctx.(*gin.Context).Request.Context(), request.Body.Email); err != nil {
		return nil, err
	}
	return contract.ForgotPassword202JSONResponse{
		Body: contract.Accepted{Status: contract.AcceptedStatusAccepted}, Headers: contract.ForgotPassword202ResponseHeaders{CacheControl: noStore},
	}, nil
}

// ResetPassword sets a password with the token of a mail. The mail proves who
// has this device: whatever others have guessed, the owner can log in on it now.
func (a *api) ResetPassword(ctx context.Context, request contract.ResetPasswordRequestObject) (contract.ResetPasswordResponseObject, error) {
	c := ctx.(*gin.Context)
	user, err := a.Accounts.Reset(c.Request.Context(), app.Token(request.Body.Token), request.Body.Password)
	if err != nil {
		return nil, err
	}
	a.familiar(c, user)
	return contract.ResetPassword204Response{Headers: contract.ResetPassword204ResponseHeaders{CacheControl: noStore}}, nil
}

// AskVerification asks for a mail that proves the address.
func (a *api) AskVerification(ctx context.Context, _ contract.AskVerificationRequestObject) (contract.AskVerificationResponseObject, error) {
	c := ctx.(*gin.Context)
	if err := a.Accounts.AskVerification(c.Request.Context(), callerOf(c).user); err != nil {
		return nil, err
	}
	return contract.AskVerification202JSONResponse{
		Body: contract.Accepted{Status: contract.AcceptedStatusAccepted}, Headers: contract.AskVerification202ResponseHeaders{CacheControl: noStore},
	}, nil
}

// VerifyEmail takes the token of that mail.
func (a *api) VerifyEmail(ctx context.Context, request contract.VerifyEmailRequestObject) (contract.VerifyEmailResponseObject, error) {
	c := ctx.(*gin.Context)
	user, err := a.Accounts.Verify(c.Request.Context(), callerOf(c).user.ID, app.Token(request.Body.Token))
	if err != nil {
		return nil, err
	}
	body, err := userBody(user)
	return contract.VerifyEmail200JSONResponse{Body: body, Headers: contract.VerifyEmail200ResponseHeaders{CacheControl: noStore}}, err
}

// ChangePassword sets a new password and gives this session a new token.
func (a *api) ChangePassword(ctx context.Context, request contract.ChangePasswordRequestObject) (contract.ChangePasswordResponseObject, error) {
	c := ctx.(*gin.Context)
	who := callerOf(c)
	token, err := a.Accounts.ChangePassword(c.Request.Context(), who.user, who.session, text(request.Body.CurrentPassword), request.Body.NewPassword)
	if err != nil {
		return nil, err
	}
	sessionCookie.Set(c.Writer, token, app.SessionSite.Lifetime().Absolute)
	return contract.ChangePassword204Response{Headers: contract.ChangePassword204ResponseHeaders{CacheControl: noStore}}, nil
}

// DeleteMe deletes the account.
func (a *api) DeleteMe(ctx context.Context, request contract.DeleteMeRequestObject) (contract.DeleteMeResponseObject, error) {
	c := ctx.(*gin.Context)
	who := callerOf(c)
	if err := a.Accounts.DeleteSelf(c.Request.Context(), who.user, who.session, text(request.Body.Password)); err != nil {
		return nil, err
	}
	sessionCookie.Clear(c.Writer)
	return contract.DeleteMe204Response{Headers: contract.DeleteMe204ResponseHeaders{CacheControl: noStore}}, nil
}

// ListSessions lists the user's sessions.
func (a *api) ListSessions(ctx context.Context, _ contract.ListSessionsRequestObject) (contract.ListSessionsResponseObject, error) {
	c := ctx.(*gin.Context)
	who := callerOf(c)
	sessions, err := a.Accounts.Sessions(c.Request.Context(), who.user.ID)
	if err != nil {
		return nil, err
	}
	list := make([]contract.Session, 0, len(sessions))
	for _, s := range sessions {
		id, err := uuid.Parse(s.ID)
		if err != nil {
			return nil, err
		}
		list = append(list, contract.Session{
			Id: id, Current: s.ID == who.session.ID, CreatedAt: s.CreatedAt.UTC(), SeenAt: s.SeenAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(),
			Ip: s.IP, UserAgent: s.UserAgent,
		})
	}
	return contract.ListSessions200JSONResponse{Body: contract.SessionList{Sessions: list}, Headers: contract.ListSessions200ResponseHeaders{CacheControl: noStore}}, nil
}

// EndSession ends one session of the user.
func (a *api) EndSession(ctx context.Context, request contract.EndSessionRequestObject) (contract.EndSessionResponseObject, error) {
	c := ctx.(*gin.Context)
	who := callerOf(c)
	if err := a.Accounts.EndSession(c.Request.Context(), who.user.ID, request.Id.String()); err != nil {
		return nil, err
	}
	if request.Id.String() == who.session.ID {
		sessionCookie.Clear(c.Writer)
	}
	return contract.EndSession204Response{Headers: contract.EndSession204ResponseHeaders{CacheControl: noStore}}, nil
}

// EndOtherSessions ends all sessions of the user but this one.
func (a *api) EndOtherSessions(ctx context.Context, _ contract.EndOtherSessionsRequestObject) (contract.EndOtherSessionsResponseObject, error) {
	c := ctx.(*gin.Context)
	who := callerOf(c)
	if err := a.Accounts.EndOtherSessions(c.Request.Context(), who.user.ID, who.session.ID); err != nil {
		return nil, err
	}
	return contract.EndOtherSessions204Response{Headers: contract.EndOtherSessions204ResponseHeaders{CacheControl: noStore}}, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
