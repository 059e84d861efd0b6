package httpapi

import (
	"context"

	"github.com/gin-gonic/gin"

	"stackctl/pkg/contract"
	"stackctl/pkg/server/app"
	"stackctl/pkg/server/qr"
)

// EnterCode finishes a login that waits for a code.
func (a *api) EnterCode(ctx context.Context, request contract.EnterCodeRequestObject) (contract.EnterCodeResponseObject, error) {
	c := ctx.(*gin.Context)
	token, user, err := a.Accounts.EnterCode(c.Request.Context(), codeCookie.Read(c.Request), request.Body.Code, app.SessionSite, sessionCookie.Read(c.Request))
	if err != nil {
		return nil, err
	}
	codeCookie.Clear(c.Writer)
	a.entered(c, token, user)
	body, err := userBody(user)
	return contract.EnterCode200JSONResponse{Body: body, Headers: contract.EnterCode200ResponseHeaders{CacheControl: noStore}}, err
}

// Prove proves within a session who its user is.
func (a *api) Prove(ctx context.Context, request contract.ProveRequestObject) (contract.ProveResponseObject, error) {
	c := ctx.(*gin.Context)
	who := callerOf(c)
	if err := a.Accounts.Prove(c.Request.Context(), who.user, who.session, text(request.Body.Password), text(request.Body.Code)); err != nil {
		return nil, err
	}
	return contract.Prove204Response{Headers: contract.Prove204ResponseHeaders{CacheControl: noStore}}, nil
}

// GetFactor reports whether the user has a second factor.
func (a *api) GetFactor(ctx context.Context, _ contract.GetFactorRequestObject) (contract.GetFactorResponseObject, error) {
	c := ctx.(*gin.Context)
	state, err := a.Accounts.FactorState(c.Request.Context(), callerOf(c).user.ID)
	if err != nil {
		return nil, err
	}
	body := contract.Factor{Enabled: !state.EnabledAt.IsZero(), RecoveryCodes: state.RecoveryCodes}
	if body.Enabled {
		at := state.EnabledAt.UTC()
		body.EnabledAt = &at
	}
	return contract.GetFactor200JSONResponse{Body: body, Headers: contract.GetFactor200ResponseHeaders{CacheControl: noStore}}, nil
}

// BeginFactor shows the secret of a second factor that is to be.
func (a *api) BeginFactor(ctx context.Context, _ contract.BeginFactorRequestObject) (contract.BeginFactorResponseObject, error) {
	c := ctx.(*gin.Context)
	who := callerOf(c)
	setup, err := a.Accounts.BeginFactor(c.Request.Context(), who.user, who.session)
	if err != nil {
		return nil, err
	}
	image, err := qr.Draw(setup.URI)
	if err != nil {
		return nil, err
	}
	return contract.BeginFactor200JSONResponse{
		Body:    contract.FactorSetup{Secret: setup.Secret, Uri: setup.URI, Qr: contract.QR{Size: image.Size, Path: image.Path}},
		Headers: contract.BeginFactor200ResponseHeaders{CacheControl: noStore},
	}, nil
}

// ConfirmFactor turns the second factor on and gives this session a new token.
func (a *api) ConfirmFactor(ctx context.Context, request contract.ConfirmFactorRequestObject) (contract.ConfirmFactorResponseObject, error) {
	c := ctx.(*gin.Context)
	who := callerOf(c)
	codes, token, err := a.Accounts.ConfirmFactor(c.Request.Context(), who.user, who.session, request.Body.Code)
	if err != nil {
		return nil, err
	}
	sessionCookie.Set(c.Writer, token, app.SessionSite.Lifetime().Absolute)
	return contract.ConfirmFactor200JSONResponse{Body: contract.RecoveryCodes{Codes: codes}, Headers: contract.ConfirmFactor200ResponseHeaders{CacheControl: noStore}}, nil
}

// DropFactor turns the second factor off.
func (a *api) DropFactor(ctx context.Context, _ contract.DropFactorRequestObject) (contract.DropFactorResponseObject, error) {
	c := ctx.(*gin.Context)
	who := callerOf(c)
	if err := a.Accounts.DropFactor(c.Request.Context(), who.user, who.session); err != nil {
		return nil, err
	}
	return contract.DropFactor204Response{Headers: contract.DropFactor204ResponseHeaders{CacheControl: noStore}}, nil
}

// RenewRecoveryCodes replaces the recovery codes.
func (a *api) RenewRecoveryCodes(ctx context.Context, _ contract.RenewRecoveryCodesRequestObject) (contract.RenewRecoveryCodesResponseObject, error) {
	c := ctx.(*gin.Context)
	who := callerOf(c)
	codes, err := a.Accounts.RenewRecoveryCodes(c.Request.Context(), who.user, who.session)
	if err != nil {
		return nil, err
	}
	return contract.RenewRecoveryCodes200JSONResponse{Body: contract.RecoveryCodes{Codes: codes}, Headers: contract.RenewRecoveryCodes200ResponseHeaders{CacheControl: noStore}}, nil
}
