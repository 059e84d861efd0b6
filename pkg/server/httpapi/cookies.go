package httpapi

import (
	"net/http"
	"time"

	"stackctl/pkg/server/cookie"
)

var (
	sessionCookie = cookie.Cookie{Name: "__Host-session", Site: http.SameSiteLaxMode}
	visitorCookie = cookie.Cookie{Name: "__Host-visitor", Site: http.SameSiteLaxMode}
	deviceCookie  = cookie.Cookie{Name: "__Host-device", Site: http.SameSiteLaxMode}
	codeCookie    = cookie.Cookie{Name: "__Host-code", Site: http.SameSiteLaxMode}
	oauthCookie   = cookie.Cookie{Name: "__Host-oauth", Site: http.SameSiteLaxMode}
)

// codeLifetime is how long a login waits for its code.
const codeLifetime = 10 * time.Minute

// visitorLifetime is how long a visitor may take to fill in a login form.
const visitorLifetime = 12 * time.Hour
