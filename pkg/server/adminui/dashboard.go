package adminui

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/serve"
)

// maxDashboardBody bounds what the dashboard may be sent, maxAuditedBody how
// much of it an audit event keeps.
const (
	maxDashboardBody = 64 << 10
	maxAuditedBody   = 4 << 10
)

// Auditor writes audit events; an app.Store is one.
type Auditor interface {
	InTx(ctx context.Context, do func(app.Tx) error) error
}

// Dashboard audits what is changed through the job dashboard, which knows
// nobody by name. The event comes first: what cannot be audited does not happen.
func Dashboard(auditor Auditor, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxDashboardBody))
		if err != nil {
			http.Error(w, "The request cannot be read, or is larger than 64 KiB.", http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		event := dashboardEvent(r.Method, r.URL.Path, body)
		if err := auditor.InTx(r.Context(), func(tx app.Tx) error { return tx.Audit(r.Context(), event) }); err != nil {
			slog.ErrorContext(r.Context(), "a change through the job dashboard cannot be audited", "request", serve.TraceOf(r.Context()).ID, "error", err.Error())
			http.Error(w, "The change cannot be audited now, so it was not made. Try again in a moment.", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// dashboardEvent tells of a request like POST /api/jobs/cancel or
// PUT /api/queues/NAME/pause.
func dashboardEvent(method, path string, body []byte) app.AuditEvent {
	event := app.AuditEvent{Action: "jobs-ui.change", Result: app.AuditOK, Detail: map[string]any{
		"method": method, "path": clipped(path, 200), "request": clipped(string(body), maxAuditedBody),
	}}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) < 3 || parts[0] != "api" {
		return event
	}
	switch verb := parts[len(parts)-1]; parts[1] {
	case "jobs":
		event.SubjectKind = "job"
		event.Action = "jobs-ui." + known(verb, "cancel", "delete", "retry")
	case "queues":
		event.SubjectKind, event.SubjectID = "queue", clipped(parts[2], 100)
		event.Action = "jobs-ui." + known(verb, "pause", "resume")
	}
	return event
}

// known returns a verb that is one of those, or "change".
func known(verb string, verbs ...string) string {
	for _, v := range verbs {
		if v == verb {
			return v
		}
	}
	return "change"
}

// clipped returns at most n bytes of a text that a database can hold.
func clipped(text string, n int) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text[:min(len(text), n)], "\x00", ""), "")
}
