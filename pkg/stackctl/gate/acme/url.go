package acme

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"

	"golang.org/x/net/idna"

	"stackctl/pkg/stackctl/gate/probe"
)

// stagingURL is Let's Encrypt's staging directory.
const stagingURL = "https://acme-staging-v02.api.letsencrypt.org/directory"

// publicHosts are directories that issue certificates which browsers
// trust. The list serves messages and the judgement of the target's own
// directory; any directory but the target's fails, listed or not.
var publicHosts = map[string]string{
	"acme-v01.api.letsencrypt.org":    "Let's Encrypt production",
	"acme-v02.api.letsencrypt.org":    "Let's Encrypt production",
	"acme.zerossl.com":                "ZeroSSL",
	"acme.sectigo.com":                "Sectigo",
	"api.buypass.com":                 "Buypass",
	"acme.buypass.com":                "Buypass",
	"dv.acme-v02.api.pki.goog":        "Google Trust Services",
	"acme.ssl.com":                    "SSL.com",
	"acme.digicert.com":               "DigiCert",
	"one.digicert.com":                "DigiCert",
	"acme.entrust.net":                "Entrust",
	"acme-api.actalis.com":            "Actalis",
	"emea.acme.atlas.globalsign.com":  "GlobalSign",
	"acme-v02.harica.gr":              "HARICA",
	"acme.networking4all.com":         "Networking4all",
	"acme-v02.api.trust-provider.com": "Trust Provider",
}

// canonical brings a directory URL into one form, so that two spellings
// of one resource are equal and two that only look alike are not
// (RFC 3986, section 6.2).
func canonical(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("not a URL")
	}
	scheme := strings.ToLower(u.Scheme)
	if scheme != "https" && scheme != "http" || u.Hostname() == "" || u.Opaque != "" {
		return "", fmt.Errorf("not an https URL")
	}
	if u.User != nil {
		return "", fmt.Errorf("carries a user name before the host %s", u.Hostname())
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if host == "" {
		return "", fmt.Errorf("the host is no valid name")
	}
	if ip := net.ParseIP(host); ip != nil {
		host = ip.String()
	} else if host, err = idna.Lookup.ToASCII(host); err != nil {
		return "", fmt.Errorf("the host is no valid name")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[scheme]
	}
	clean := path.Clean("/" + u.Path)
	out := scheme + "://" + net.JoinHostPort(host, port) + clean
	if u.RawQuery != "" {
		out += "?" + u.RawQuery
	}
	return out, nil
}

// same reports whether two URLs name one directory.
func same(a, b string) bool {
	x, err := canonical(a)
	if err != nil {
		return false
	}
	y, err := canonical(b)
	return err == nil && x == y
}

// host is the host and port of a URL in one form, or "".
func host(raw string) string {
	canonical, err := canonical(raw)
	if err != nil {
		return ""
	}
	u, err := url.Parse(canonical)
	if err != nil {
		return ""
	}
	return u.Host
}

// public names the certificate authority behind a URL that browsers trust.
func public(raw string) (string, bool) {
	host, _, err := net.SplitHostPort(host(raw))
	if err != nil {
		return "", false
	}
	name, ok := publicHosts[host]
	return name, ok
}

// speak describes a directory for a message.
func speak(raw string) string {
	if raw == "" {
		return "empty, which means Let's Encrypt production"
	}
	if name, ok := public(raw); ok {
		return probe.Shown(raw) + " (" + name + ")"
	}
	if _, err := canonical(raw); err != nil {
		return probe.Shown(raw) + " (" + err.Error() + ")"
	}
	return probe.Shown(raw)
}
