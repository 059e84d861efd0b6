package spa

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// robots keeps crawlers out of what is nobody's page. It hides nothing: whoever
// may not see a page is refused there.
const robots = "User-agent: *\nDisallow: /api/\nDisallow: /account\nDisallow: /reset\nDisallow: /verify\n"

// passwordPage is where a user changes the password (W3C, A Well-Known URL for
// Changing Passwords).
const passwordPage = "/account/security"

// securityLife is how long security.txt asks to be believed: well below the year
// that RFC 9116 (2.5.5) recommends as the most.
const securityLife = 90 * 24 * time.Hour

// known answers the paths that programs ask every site for; false: it is none of
// them, or the site has nothing to say there.
func (o Options) known(w http.ResponseWriter, r *http.Request) bool {
	switch r.URL.Path {
	case "/robots.txt":
		text(w, robots)
	case "/.well-known/change-password":
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, passwordPage, http.StatusFound)
	case "/.well-known/security.txt":
		if o.SecurityContact == "" {
			return false
		}
		text(w, o.securityTxt(time.Now()))
	default:
		return false
	}
	return true
}

// securityTxt returns whom to tell of a weakness (RFC 9116).
func (o Options) securityTxt(now time.Time) string {
	expires := now.UTC().Truncate(24 * time.Hour).Add(securityLife)
	return fmt.Sprintf("Contact: %s\nExpires: %s\nPreferred-Languages: en\nCanonical: %s/.well-known/security.txt\n",
		o.SecurityContact, expires.Format(time.RFC3339), o.Site)
}

// text sends a text that is asked for anew once a day.
func text(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", mimes[".txt"])
	w.Header().Set("Cache-Control", "public, max-age=86400")
	_, _ = w.Write([]byte(body)) // The client is gone; nobody is left to tell.
}

// isPage reports whether the web app has a page at a path; the list is the app's
// own (web/pages.json).
func (o Options) isPage(path string) bool {
	path = strings.TrimSuffix(path, "/")
	if path == "" {
		path = "/"
	}
	for _, page := range o.pages {
		if page == path {
			return true
		}
	}
	return false
}
