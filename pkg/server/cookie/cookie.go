// Package cookie owns the form of the cookies that hold a token: the prefix
// __Host-, which keeps subdomains and plain http from setting them, and the
// attributes that it asks for. It must not know what a token is good for.
package cookie

import (
	"net/http"
	"time"

	"stackctl/pkg/server/app"
)

// Cookie is one cookie that may hold a token.
type Cookie struct {
	Name string
	// Site says on which requests from other sites it comes along.
	Site http.SameSite
}

// Read returns the token in a request; empty where there is none. Two cookies of
// one name are as good as none: nobody can tell which is ours.
func (c Cookie) Read(r *http.Request) app.Token {
	found := r.CookiesNamed(c.Name)
	if len(found) != 1 || !app.Token(found[0].Value).WellFormed() {
		return ""
	}
	return app.Token(found[0].Value)
}

// Device returns what a device keeps; empty where there is none.
func (c Cookie) Device(r *http.Request) app.Device {
	found := r.CookiesNamed(c.Name)
	if len(found) != 1 {
		return ""
	}
	return app.Device(found[0].Value) // whether the site made it is found out by its marks
}

// SetDevice lets a device keep that it is a user's own.
func (c Cookie) SetDevice(w http.ResponseWriter, d app.Device) {
	c.write(w, string(d), int(app.DeviceLife.Seconds()))
}

// Given reports whether a request has a cookie of this name, whatever is in it.
func (c Cookie) Given(r *http.Request) bool { return len(r.CookiesNamed(c.Name)) > 0 }

// Set puts a token in the cookie for a time.
func (c Cookie) Set(w http.ResponseWriter, token app.Token, life time.Duration) {
	c.write(w, string(token), int(life.Seconds()))
}

// Clear removes the cookie.
func (c Cookie) Clear(w http.ResponseWriter) { c.write(w, "", -1) }

func (c Cookie) write(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, &http.Cookie{Name: c.Name, Value: value, Path: "/", MaxAge: age, Secure: true, HttpOnly: true, SameSite: c.Site}) //nolint:gosec // each cookie names its Site
}
