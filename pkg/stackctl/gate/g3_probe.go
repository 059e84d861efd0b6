package gate

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"stackctl/pkg/stackctl/stack"
	"strconv"
	"time"
)

// probeJSON writes v as an artifact, indented.
func probeJSON(s Subject, name string, v any) error {
	if s.Artifacts == nil {
		return nil
	}
	return s.Artifacts.Artifact(name, probeEncode(v))
}

// probeReason is an error without the URL that net/http puts around it, and
// without addresses that differ from try to try.
func probeReason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		err = e
	}
	return stack.Short(err.Error(), 200)
}

// probePause waits as long as Retry-After says, at most 5 seconds.
func probePause(ctx context.Context, h http.Header, otherwise time.Duration) bool {
	wait := otherwise
	if n, err := strconv.Atoi(h.Get("Retry-After")); err == nil && n >= 0 {
		wait = time.Duration(max(n, 1)) * time.Second
	}
	t := time.NewTimer(min(wait, 5*time.Second))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// probeEncode is v as indented JSON.
func probeEncode(v any) []byte {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return []byte("null\n") // only values that encode are given
	}
	return append(b, '\n')
}
