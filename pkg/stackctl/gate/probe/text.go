package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
)

// Few joins the first of a list.
func Few(list []string) string {
	if n := len(list); n > 4 {
		list = append(slices.Clone(list[:4]), fmt.Sprintf("and %d more", n-4))
	}
	return strings.Join(list, "; ")
}

// Wait waits for d, or until ctx ends.
func Wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// Shown keeps a text from a file or the wire at a readable length, without
// the password of a URL.
func Shown(s string) string {
	if at := strings.LastIndex(s, "@"); at > 0 {
		if start := strings.Index(s, "://"); start >= 0 && start+3 < at {
			if colon := strings.Index(s[start+3:at], ":"); colon >= 0 {
				s = s[:start+3+colon] + ":…" + s[at:]
			}
		}
	}
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "…"
	}
	return s
}

// Host is the whole host name of a prefix of the site's domain.
func Host(s gate.Subject, e stack.HealthEndpoint) string {
	switch {
	case e.Host == "":
		return Domain(s)
	case strings.Contains(e.Host, "."):
		return e.Host
	}
	return e.Host + "." + Domain(s)
}

// Rank is the nearest rank of the 95th percentile among n, from 1.
func Rank(n int) int { return int(math.Ceil(0.95 * float64(n))) }

// JSON writes v as an artifact, indented.
func JSON(s gate.Subject, name string, v any) error {
	if s.Artifacts == nil {
		return nil
	}
	return s.Artifacts.Artifact(name, Encode(v))
}

// Reason is an error without the URL that net/http puts around it, and
// without addresses that differ from try to try.
func Reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		err = e
	}
	return stack.Short(err.Error(), 200)
}

// Pause waits as long as Retry-After says, at most 5 seconds.
func Pause(ctx context.Context, h http.Header, otherwise time.Duration) bool {
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

// Encode is v as indented JSON.
func Encode(v any) []byte {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return []byte("null\n") // only values that encode are given
	}
	return append(b, '\n')
}

// HasDigit matches text with a digit.
var HasDigit = regexp.MustCompile(`\d`)
