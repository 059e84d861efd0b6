package app

import (
	"context"
	"time"
)

// AuditEvent says who did what, when, from where, and how it ended. Events
// are only ever added.
type AuditEvent struct {
	ID int64
	At time.Time
	// Actor is the user who did it; empty for nobody known.
	Actor string
	// Action is like "login", "user.disable".
	Action string
	// SubjectKind and SubjectID say what it was done to.
	SubjectKind string
	SubjectID   string
	Result      AuditResult
	Origin      Origin
	// Detail is what changed, before and after, as JSON members. Texts of a person
	// are no part of it: see changedText.
	Detail map[string]any
}

// changedText stands for a person's own text in the detail of an event: events are
// kept longer than accounts.
var changedText = map[string]string{"changed": "yes"}

// AuditResult is how an action ended.
type AuditResult string

// The results.
const (
	AuditOK      AuditResult = "ok"
	AuditRefused AuditResult = "refused"
)

// Origin is where a request came from.
type Origin struct {
	IP        string
	UserAgent string
	RequestID string
	// Language is the one that it asks answers in, if it is the site's.
	Language Language
}

type originKey struct{}

// WithOrigin adds the origin of a request to its context.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	if len(o.UserAgent) > 300 {
		o.UserAgent = o.UserAgent[:300]
	}
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf returns the origin of the request; empty outside one.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}
