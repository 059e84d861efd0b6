package httpapi

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"stackctl/pkg/contract"
	"stackctl/pkg/server/app"
	"stackctl/pkg/server/serve"
)

// problem is one error as clients see it (RFC 9457).
type problem struct {
	status     int
	kind       string
	detail     string
	refusal    app.Refusal
	fields     []app.Field
	retryAfter time.Duration
}

// statuses maps the app's codes to status and problem type.
var statuses = map[app.Code]struct {
	status int
	kind   string
}{
	app.CodeInvalid:      {http.StatusBadRequest, "invalid-request"},
	app.CodeCredentials:  {http.StatusUnauthorized, "invalid-credentials"},
	app.CodeSecondFactor: {http.StatusUnauthorized, "second-factor"},
	app.CodeStepUp:       {http.StatusConflict, "step-up"},
	app.CodeUnauthorized: {http.StatusUnauthorized, "unauthorized"},
	app.CodeForbidden:    {http.StatusForbidden, "forbidden"},
	app.CodeNotFound:     {http.StatusNotFound, "not-found"},
	app.CodeConflict:     {http.StatusConflict, "conflict"},
	app.CodeLimited:      {http.StatusTooManyRequests, "too-many-requests"},
	app.CodeUnavailable:  {http.StatusServiceUnavailable, "unavailable"},
}

// problemOf makes the plain problem of a status.
func problemOf(status int) problem {
	kind := strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "-")
	switch status {
	case http.StatusBadRequest:
		kind = "invalid-request"
	case http.StatusInternalServerError:
		kind = "internal"
	case http.StatusRequestEntityTooLarge:
		kind = "too-large"
	}
	return problem{status: status, kind: kind}
}

// problemFrom maps an error. What has no code is nobody's business: it is
// logged, and told as an internal error.
func problemFrom(err error) problem {
	var known *app.Error
	if !errors.As(err, &known) {
		return problemOf(http.StatusInternalServerError)
	}
	s, ok := statuses[known.Code]
	if !ok {
		return problemOf(http.StatusInternalServerError)
	}
	return problem{status: s.status, kind: s.kind, detail: known.Message, refusal: known.Refusal, fields: known.Fields, retryAfter: known.RetryAfter}
}

// writeError answers with an error of a handler.
func writeError(c *gin.Context, err error) {
	p := problemFrom(err)
	if p.status >= http.StatusInternalServerError {
		trace := serve.TraceOf(c.Request.Context())
		slog.ErrorContext(c.Request.Context(), "request failed", "request", trace.ID, "route", c.FullPath(), "error", err.Error())
	}
	writeProblem(c, p)
}

func writeProblem(c *gin.Context, p problem) {
	c.Abort()
	if visited(c) {
		reason := app.ReasonFailed
		if p.status >= http.StatusInternalServerError || p.status == http.StatusTooManyRequests || p.status == http.StatusNotFound {
			reason = app.ReasonUnavailable
		}
		c.Header("Location", back("/login", "error", reason))
		c.Status(http.StatusFound)
		c.Writer.WriteHeaderNow()
		return
	}
	sendProblem(c.Writer, c.Request, p)
}

// visited reports whether a browser shows the answer as a page: people do not
// read JSON. The contract has a redirect for such operations.
func visited(c *gin.Context) bool {
	return strings.HasPrefix(c.FullPath(), "/auth/google/") && c.Request.Method == http.MethodGet && c.GetHeader("Sec-Fetch-Mode") == "navigate"
}

func sendProblem(w http.ResponseWriter, r *http.Request, p problem) {
	body := contract.Problem{Type: "urn:problem:" + p.kind, Title: http.StatusText(p.status), Status: p.status}
	if p.detail != "" {
		body.Detail = &p.detail
	}
	if p.refusal != "" {
		body.Refusal = new(contract.Refusal(p.refusal))
	}
	if id := serve.TraceOf(r.Context()).ID; id != "" {
		body.RequestId = &id
	}
	if len(p.fields) > 0 {
		list := make([]contract.FieldError, 0, len(p.fields))
		for _, f := range p.fields {
			e := contract.FieldError{Field: f.Name, Message: f.Message}
			if f.Refusal != "" {
				e.Refusal = new(contract.Refusal(f.Refusal))
			}
			list = append(list, e)
		}
		body.Errors = &list
	}
	if p.status == http.StatusServiceUnavailable || p.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int((p.retryAfter+time.Second-1)/time.Second))))
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.status)
	_ = json.NewEncoder(w).Encode(body)
}
