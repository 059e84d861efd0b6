package serve

import (
	"net/http"
	"strings"
)

// MostInFlight is how many requests a role answers at a time. It outlasts a
// stall of five seconds at 200 requests a second, and fits into a role's memory:
// one costs some 30 KB.
const MostInFlight = 1000

// Bound answers requests beyond so many in flight with 503 and Retry-After: a
// process without the CPU for all of them stays within its memory and says so
// at once, instead of letting everybody wait for ever. Health is always told:
// one who is busy is not ill. The body is busy's.
func Bound(most int, next http.Handler, busy http.HandlerFunc) http.Handler {
	room := make(chan struct{}, most)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/health") {
			next.ServeHTTP(w, r)
			return
		}
		select {
		case room <- struct{}{}:
			defer func() { <-room }()
			next.ServeHTTP(w, r)
		default:
			TraceOf(r.Context()).Route = "busy"
			w.Header().Set("Retry-After", "2")
			busy(w, r)
		}
	})
}

// Busy is the body of a busy role that serves pages.
func Busy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "The site is busy. Try again in a moment.", http.StatusServiceUnavailable)
}
