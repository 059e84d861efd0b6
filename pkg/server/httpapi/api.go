// Package httpapi owns the API over HTTP: the contract's operations, who may
// call them, and how errors are told. It must not know where accounts are
// stored or how passwords are hashed.
package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"stackctl/pkg/contract"
	"stackctl/pkg/server/app"
	"stackctl/pkg/server/csrf"
	"stackctl/pkg/server/serve"
)

// Accounts is what users do with their accounts; *app.Accounts is one.
type Accounts interface {
	SignUp(ctx context.Context, in app.SignUp) error
	LogIn(ctx context.Context, email, password string, kind app.SessionKind, before app.Token) (app.Token, app.User, error)
	LogOut(ctx context.Context, user app.User, token app.Token) error
	Authenticate(ctx context.Context, token app.Token, kind app.SessionKind) (app.Session, app.User, error)
	UpdateProfile(ctx context.Context, userID string, update app.ProfileUpdate) (app.User, error)
	Forgot(ctx context.Context, email string) error
	Reset(ctx context.Context, token app.Token, password string) (app.User, error)
	Familiar(ctx context.Context, user app.User) app.Device
	AskVerification(ctx context.Context, user app.User) error
	Verify(ctx context.Context, userID string, token app.Token) (app.User, error)
	ChangePassword(ctx context.Context, user app.User, session app.Session, current, next string) (app.Token, error)
	DeleteSelf(ctx context.Context, user app.User, session app.Session, password string) error
	Sessions(ctx context.Context, userID string) ([]app.Session, error)
	EndSession(ctx context.Context, userID, id string) error
	EndOtherSessions(ctx context.Context, userID, keep string) error
	Identities(ctx context.Context, userID string) ([]app.Identity, error)
	Unlink(ctx context.Context, session app.Session, id string) error
	EnterCode(ctx context.Context, pending app.Token, code string, kind app.SessionKind, before app.Token) (app.Token, app.User, error)
	Prove(ctx context.Context, user app.User, session app.Session, password, code string) error
	FactorState(ctx context.Context, userID string) (app.FactorState, error)
	BeginFactor(ctx context.Context, user app.User, session app.Session) (app.FactorSetup, error)
	ConfirmFactor(ctx context.Context, user app.User, session app.Session, code string) (codes []string, token app.Token, err error)
	DropFactor(ctx context.Context, user app.User, session app.Session) error
	RenewRecoveryCodes(ctx context.Context, user app.User, session app.Session) ([]string, error)
}

// SignIn lets users come in through a provider; *app.SignIn is one.
type SignIn interface {
	Start(ctx context.Context, returnTo, link string, had app.Token) (to string, browser app.Token, err error)
	StartLink(ctx context.Context, session app.Session, had app.Token) (to string, browser app.Token, err error)
	Finish(ctx context.Context, in app.Callback) (app.Outcome, error)
}

// Build is what runs.
type Build struct {
	Commit  string
	Built   string
	Release string
}

// Options are what the API needs.
type Options struct {
	Accounts Accounts
	Passkeys Passkeys
	// SignIn is nil where no provider is configured.
	SignIn SignIn
	CSRF   csrf.Key
	Build  Build
	Health Health
	// Production hides the contract and its page.
	Production bool
}

// api carries out the contract's operations.
type api struct {
	Options
	// contract and docs are nil where they are not served.
	contract map[string]any
	docs     []byte
}

// New makes the API's handler. Wrap it in a serve.Tracer.
func New(o Options) (http.Handler, error) {
	doc, err := contract.Load()
	if err != nil {
		return nil, err
	}
	a := &api{Options: o}
	if !o.Production {
		if a.contract, err = contract.Map(doc); err != nil {
			return nil, err
		}
		if a.docs, err = renderDocs(doc); err != nil {
			return nil, err
		}
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	// The tracer has found the client's address already.
	if err := engine.SetTrustedProxies(nil); err != nil {
		return nil, fmt.Errorf("set the trusted proxies: %w", err)
	}
	engine.Use(private)
	engine.NoRoute(func(c *gin.Context) { writeProblem(c, problemOf(http.StatusNotFound)) })
	engine.NoMethod(notAllowed)
	g, err := newGuard(doc, o.Accounts, o.CSRF)
	if err != nil {
		return nil, err
	}
	strict := contract.NewStrictHandlerWithOptions(a, nil, contract.StrictGinServerOptions{
		RequestErrorHandlerFunc:  func(c *gin.Context, _ error) { writeProblem(c, problemOf(http.StatusBadRequest)) },
		HandlerErrorFunc:         writeError,
		ResponseErrorHandlerFunc: writeError,
	})
	contract.RegisterHandlersWithOptions(engine.Group("", g.check), strict, contract.GinServerOptions{
		ErrorHandler: func(c *gin.Context, _ error, _ int) { writeProblem(c, problemOf(http.StatusBadRequest)) },
	})
	return headed(engine), nil
}

// private marks every answer of the API as nobody else's.
func private(c *gin.Context) {
	serve.TraceOf(c.Request.Context()).Route = c.FullPath()
	h := c.Writer.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Vary", "Cookie")
	c.Next()
}

// Failed answers a request whose handler panicked.
func Failed(w http.ResponseWriter, r *http.Request) {
	sendProblem(w, r, problemOf(http.StatusInternalServerError))
}

// Busy answers a request that there is no room for: see serve.Bound.
func Busy(w http.ResponseWriter, r *http.Request) {
	sendProblem(w, r, problem{status: http.StatusServiceUnavailable, kind: "unavailable", detail: "The site is busy. Try again in a moment.", retryAfter: 2 * time.Second})
}
