package httpapi

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// headed answers HEAD as GET, without the body, which net/http leaves out (RFC
// 9110, 9.3.2). Where GET begins or ends something, HEAD does nothing: whoever
// looks at a link before it is followed must not use it up.
func headed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead && !hasEffect(r.URL.Path) {
			asked := *r
			asked.Method = http.MethodGet
			r = &asked
		}
		next.ServeHTTP(w, r)
	})
}

// hasEffect reports whether GET of a path is a step of a sign-in with a provider.
func hasEffect(path string) bool {
	return strings.HasPrefix(path, "/auth/google/")
}

// notAllowed answers a method that a path does not have, and names those that it
// has.
func notAllowed(c *gin.Context) {
	if allow := c.Writer.Header().Get("Allow"); strings.Contains(allow, http.MethodGet) && !hasEffect(c.Request.URL.Path) {
		c.Writer.Header().Set("Allow", allow+", "+http.MethodHead)
	}
	writeProblem(c, problemOf(http.StatusMethodNotAllowed))
}
