package httpapi

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"stackctl/pkg/server/app"
)

// The names of the cookies. The prefix __Host- keeps subdomains and plain
// http from setting them.
const (
	sessionCookie = "__Host-session"
	visitorCookie = "__Host-visitor"
	oauthCookie   = "__Host-oauth"
)

// visitorLifetime is how long a visitor may take to fill in a login form.
const visitorLifetime = 12 * time.Hour

// cookieToken reads a cookie that holds a token. Two cookies of one name are
// as good as none: nobody can tell which is ours.
func cookieToken(r *http.Request, name string) app.Token {
	found := r.CookiesNamed(name)
	if len(found) != 1 || !app.Token(found[0].Value).WellFormed() {
		return ""
	}
	return app.Token(found[0].Value)
}

func setCookie(c *gin.Context, name string, value app.Token, life time.Duration) {
	http.SetCookie(c.Writer, &http.Cookie{
		Name: name, Value: string(value), Path: "/", MaxAge: int(life.Seconds()),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func clearCookie(c *gin.Context, name string) {
	http.SetCookie(c.Writer, &http.Cookie{
		Name: name, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
