package apptest

import (
	"net/http"
	"net/url"
	"strings"
)

// PlainJar keeps cookies that are meant for HTTPS alone although the pages are asked over
// plain HTTP.
type PlainJar struct{ http.CookieJar }

// SetCookies keeps cookies under their names without the prefix that asks for HTTPS.
func (j PlainJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		c.Secure, c.Name = false, strings.TrimPrefix(c.Name, hostPrefix)
	}
	j.CookieJar.SetCookies(u, cookies)
}

// Cookies returns the cookies of an address under the names that they were set by.
func (j PlainJar) Cookies(u *url.URL) []*http.Cookie {
	cookies := j.CookieJar.Cookies(u)
	for _, c := range cookies {
		c.Name = hostPrefix + c.Name
	}
	return cookies
}

// hostPrefix is what a cookie's name begins with that is of one host alone (RFC 6265bis, 4.1.3.2).
const hostPrefix = "__Host-"
