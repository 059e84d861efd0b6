package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/gin-gonic/gin"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/csrf"
	"stackctl/pkg/server/serve"
)

// guard lets a request through to its operation. What an operation demands is
// read from the contract: `session` and `csrf` in its security, and the form
// of its parameters and body.
type guard struct {
	doc      *openapi3.T
	accounts Accounts
	csrf     csrf.Key
	origin   *http.CrossOriginProtection
	routes   map[string]demands
}

// demands is what one operation asks of a request.
type demands struct {
	route         *routers.Route
	session, csrf bool
}

// caller is who makes a request; it is kept in gin's context.
type caller struct {
	session app.Session
	user    app.User
	token   app.Token // empty: nobody is logged in
}

const callerKey = "caller"

func callerOf(c *gin.Context) caller {
	v, _ := c.Get(callerKey)
	who, _ := v.(caller)
	return who
}

func newGuard(doc *openapi3.T, accounts Accounts, key csrf.Key) (*guard, error) {
	g := &guard{doc: doc, accounts: accounts, csrf: key, origin: http.NewCrossOriginProtection(), routes: map[string]demands{}}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			d := demands{route: &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: op}}
			if op.Security == nil {
				return nil, fmt.Errorf("contract: %s %s says nothing about security", method, path)
			}
			for _, need := range *op.Security {
				_, session := need["session"]
				_, token := need["csrf"]
				d.session, d.csrf = d.session || session, d.csrf || token
			}
			if unsafe(method) != d.csrf {
				return nil, fmt.Errorf("contract: %s %s must carry a CSRF token exactly if it changes something", method, path)
			}
			g.routes[method+" "+ginPath(path)] = d
		}
	}
	return g, nil
}

func unsafe(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// ginPath writes a contract path the way the router does.
func ginPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// check is the middleware: origin, session, CSRF token, form, in this order,
// so that nothing about an operation is told to who may not call it.
func (g *guard) check(c *gin.Context) {
	d, ok := g.routes[c.Request.Method+" "+c.FullPath()]
	if !ok {
		writeProblem(c, problemOf(http.StatusNotFound))
		return
	}
	if err := g.origin.Check(c.Request); err != nil {
		writeProblem(c, problem{status: http.StatusForbidden, kind: "cross-origin", detail: "The request comes from another site."})
		return
	}
	// A session that ends while the body is on the way has ended, so the body
	// comes first; what is wrong with it is told last.
	refused, readable := readBody(c, d.route.Operation)
	if refused.status == http.StatusRequestTimeout {
		writeProblem(c, refused) // nothing more can be found out for it
		return
	}
	who, err := g.identify(c, d)
	if err != nil {
		if app.CodeOf(err) == app.CodeUnauthorized && sessionCookie.Given(c.Request) {
			sessionCookie.Clear(c.Writer)
		}
		writeError(c, err)
		return
	}
	c.Set(callerKey, who)
	serve.TraceOf(c.Request.Context()).User = who.user.ID
	if d.csrf && !g.tokenFits(c, who) {
		writeProblem(c, problem{status: http.StatusForbidden, kind: "csrf-token", detail: "The header X-CSRF-Token is missing or does not fit; fetch a new token."})
		return
	}
	if !readable {
		writeProblem(c, refused)
		return
	}
	if p, ok := g.formFits(c, d); !ok {
		writeProblem(c, p)
		return
	}
	c.Request = c.Request.WithContext(app.WithDevice(c.Request.Context(), deviceCookie.Device(c.Request)))
	c.Next()
}

// familiar lets the device of a request keep that it is a user's own.
func (a *api) familiar(c *gin.Context, user app.User) {
	deviceCookie.SetDevice(c.Writer, a.Accounts.Familiar(c.Request.Context(), user))
}

// identify finds out who makes the request, where the operation asks for it
// or is bound to it. A session that is over counts as none.
func (g *guard) identify(c *gin.Context, d demands) (caller, error) {
	token := sessionCookie.Read(c.Request)
	if token == "" || !d.session && !d.csrf {
		if d.session {
			return caller{}, errNoSession
		}
		return caller{}, nil
	}
	session, user, err := g.accounts.Authenticate(c.Request.Context(), token, app.SessionSite)
	if app.CodeOf(err) == app.CodeUnauthorized && err != nil && !d.session {
		return caller{}, nil
	}
	if err != nil {
		return caller{}, err
	}
	return caller{session: session, user: user, token: token}, nil
}

var (
	errNoSession = &app.Error{Code: app.CodeUnauthorized, Message: "You are not logged in."}
	errHidden    = &app.Error{Code: app.CodeNotFound, Message: "There is no such page."}
)

// The uses of a CSRF token: with a session, and before one.
const (
	useSession = "session"
	useVisitor = "visitor"
)

func (g *guard) tokenFits(c *gin.Context, who caller) bool {
	given := c.Request.Header.Values("X-CSRF-Token")
	if len(given) != 1 {
		return false
	}
	if who.token != "" {
		return g.csrf.Valid(useSession, string(who.token), given[0])
	}
	return g.csrf.Valid(useVisitor, string(visitorCookie.Read(c.Request)), given[0])
}

// formFits validates the request against the contract.
func (g *guard) formFits(c *gin.Context, d demands) (problem, bool) {
	for name, values := range c.Request.URL.Query() {
		if !utf8.ValidString(name + strings.Join(values, "")) {
			return problem{status: http.StatusBadRequest, kind: "invalid-request", detail: "The query is not UTF-8."}, false
		}
	}
	params := map[string]string{}
	for _, p := range c.Params {
		params[p.Key] = p.Value
	}
	err := openapi3filter.ValidateRequest(c.Request.Context(), &openapi3filter.RequestValidationInput{
		Request: c.Request, PathParams: params, Route: d.route,
		Options: &openapi3filter.Options{MultiError: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	})
	if err != nil {
		return problem{status: http.StatusBadRequest, kind: "invalid-request", detail: "The request was refused.", fields: fieldErrors(err, "")}, false
	}
	return problem{}, true
}

// unknownMember finds the member's name, which the library tells only in words.
var unknownMember = regexp.MustCompile(`^property "(.{1,100}?)" is unsupported`)

// fieldErrors lists the refused members. It never repeats a value: values can
// be passwords.
func fieldErrors(err error, at string) []app.Field {
	var many openapi3.MultiError
	var one *openapi3.SchemaError
	var request *openapi3filter.RequestError
	switch {
	case errors.As(err, &request) && request.Err != nil && !errors.Is(request.Err, err):
		if request.Parameter != nil {
			at = request.Parameter.Name
		}
		return fieldErrors(request.Err, at)
	case errors.As(err, &many):
		var out []app.Field
		for _, e := range many {
			out = append(out, fieldErrors(e, at)...)
		}
		return out
	case errors.As(err, &one):
		path := append(nonEmpty(at), one.JSONPointer()...)
		if m := unknownMember.FindStringSubmatch(one.Reason); m != nil {
			path = append(path, m[1])
		}
		field := strings.Join(path, "/")
		message, why := refusal(one)
		return []app.Field{{Name: field, Message: message, Refusal: why}}
	}
	return []app.Field{{Name: at, Message: "is not as the contract says", Refusal: app.RefusedForm}}
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// refusal returns which rule was broken, in plain words and for programs.
func refusal(e *openapi3.SchemaError) (string, app.Refusal) {
	s := e.Schema
	switch e.SchemaField {
	case "required":
		return "is missing", app.RefusedMissing
	case "minLength":
		return fmt.Sprintf("must have at least %d characters", s.MinLength), app.RefusedShort
	case "maxLength":
		return fmt.Sprintf("must have at most %d characters", *s.MaxLength), app.RefusedLong
	case "pattern", "format":
		return "has a form that is not accepted", app.RefusedForm
	case "properties", "additionalProperties":
		return "is not known here", app.RefusedForm
	case "minProperties":
		return fmt.Sprintf("must have at least %d members", s.MinProps), app.RefusedMissing
	case "type":
		return "has the wrong type", app.RefusedForm
	case "nullable":
		return "must not be null", app.RefusedForm
	case "enum":
		return "is not one of the values that are accepted", app.RefusedForm
	}
	return "is not as the contract says", app.RefusedForm
}
