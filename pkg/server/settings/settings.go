// Package settings owns the server's configuration: environment variables and
// secret files, read once, and the judgement of them. It must not know what a
// role does with a setting.
package settings

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Settings are the server's configuration.
type Settings struct {
	Role       string
	Production bool
	// Domain is the site's host name, without port.
	Domain string
	// Site is the address that users see, without a trailing slash; links in
	// mails and the provider's way back are made of it.
	Site    string
	Release string
	// Listen is the address of the role; empty for a role that serves nothing.
	Listen   string
	Metrics  string
	LogLevel string

	Database Database
	// DatabaseRoles are the passwords of the services' database roles, by role; a
	// migration alone has them.
	DatabaseRoles map[string]string
	Redis         Redis
	// Secret is the key that other keys are derived from.
	Secret  []byte
	Proxies []netip.Prefix
	// SecurityContact is where weaknesses are told: a mailto: or https: address.
	SecurityContact string
	Mail            Mail
	OAuth           OAuth
	// StaffFactor reports whether members of staff must have a second factor.
	StaffFactor bool
	// ConfirmFirst reports whether an address must be confirmed before the first login.
	ConfirmFirst bool
	// JobsURL is where the job dashboard answers inside.
	JobsURL string
	// Telemetry is where a role that runs sends traces and figures.
	Telemetry Telemetry
}

// Database is where PostgreSQL is.
type Database struct {
	Host     string
	Port     uint16
	Name     string
	User     string
	Password string
	// TLS asks for a server whose certificate fits Host. CA is the PEM of the
	// authorities that are believed; empty: the system's.
	TLS bool
	CA  []byte
}

// Redis is where Redis is. TLS and CA are as those of Database.
type Redis struct {
	Addr     string
	User     string
	Password string
	TLS      bool
	CA       []byte
}

// Mail is where the mail server is; an empty Host means that there is none.
type Mail struct {
	Host     string
	Port     uint16
	User     string
	Password string
	From     string
	// TLS is starttls, tls or none.
	TLS string
}

// OAuth says through which provider users may come in; an empty ClientID means
// through none.
type OAuth struct {
	Issuer       string
	ClientID     string
	ClientSecret string
}

// Env looks a variable up; os.LookupEnv is one.
type Env func(name string) (string, bool)

// ports maps a role to its port (SPEC §2).
var ports = map[string]int{"web": 8080, "static": 8081, "api": 8000, "admin": 8001, "jobs-ui": 8082}

// Stored reports whether a role works with the stores.
func Stored(role string) bool { return !slices.Contains([]string{"web", "static"}, role) }

// Keyed reports whether a role also works with Redis and the application's
// secret: a migration needs the database alone.
func Keyed(role string) bool { return Stored(role) && role != "migrate" }

// Running reports whether a role runs until it is stopped; the others are tools.
func Running(role string) bool {
	_, serves := ports[role]
	return serves || role == "worker" || role == "scheduler"
}

// Load reads the configuration of a role. All that is wrong is told at once.
func Load(role string, env Env) (Settings, error) {
	r := reader{env: env, role: role}
	s := Settings{
		Role:     role,
		Domain:   r.text("WEBSITE_DOMAIN", "localhost"),
		Release:  r.text("RELEASE", "dev"),
		Metrics:  r.text("METRICS_LISTEN", ":9090"),
		LogLevel: r.text("LOG_LEVEL", "info"),
	}
	s.Site = r.site("SITE_URL", "https://"+s.Domain)
	s.Production = r.oneOf("APP_ENV", "development", "development", "production") == "production"
	if port, ok := ports[role]; ok {
		s.Listen = r.text("LISTEN", fmt.Sprintf(":%d", port))
		r.address("LISTEN", s.Listen)
	}
	r.address("METRICS_LISTEN", s.Metrics)
	r.oneOf("LOG_LEVEL", "info", "debug", "info", "warn", "error")
	if !releaseOK(s.Release) {
		r.fail("RELEASE", "must be letters, digits and dashes, at most 40")
	}
	s.Proxies = r.prefixes("TRUSTED_PROXIES")
	if role == "web" {
		s.SecurityContact = r.contact("SECURITY_CONTACT")
	}
	if Running(role) {
		s.Telemetry = r.telemetry()
	}
	if Stored(role) {
		s.Database = r.database()
	}
	if role == "migrate" {
		s.DatabaseRoles = r.roles("DATABASE_ROLES")
	}
	if Keyed(role) {
		s.Redis = r.redis()
		s.Secret = []byte(r.secret("APP_SECRET_FILE", "/run/secrets/app_secret"))
		s.JobsURL = r.text("JOBS_URL", jobsURL(s.Release))
	}
	if role == "worker" || role == "api" {
		s.Mail = r.mail(s.Domain)
		s.ConfirmFirst = r.oneOf("CONFIRM_BEFORE_LOGIN", "optional", "required", "optional") == "required"
	}
	if role == "admin" || role == "api" {
		s.StaffFactor = r.oneOf("STAFF_FACTOR", "required", "required", "optional") == "required"
	}
	if role == "api" {
		s.OAuth = r.oauth()
	}
	return s, errors.Join(r.errs...)
}

func (r *reader) oauth() OAuth {
	o := OAuth{Issuer: r.text("OAUTH_ISSUER", "https://accounts.google.com"), ClientID: r.text("OAUTH_CLIENT_ID", "")}
	if u, err := url.Parse(o.Issuer); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		r.fail("OAUTH_ISSUER", "is not the address of a provider")
	}
	if o.ClientID != "" {
		o.ClientSecret = r.secret("OAUTH_CLIENT_SECRET_FILE", "/run/secrets/oauth_client_secret")
	}
	return o
}

func (r *reader) mail(domain string) Mail {
	m := Mail{
		Host: r.text("SMTP_HOST", ""), Port: r.port("SMTP_PORT", 587), User: r.text("SMTP_USER", ""),
		From: r.text("SMTP_FROM", "no-reply@"+domain), TLS: r.oneOf("SMTP_TLS", "starttls", "starttls", "tls", "none"),
	}
	if _, err := mail.ParseAddress(m.From); m.Host != "" && err != nil {
		r.fail("SMTP_FROM", "is not an e-mail address")
	}
	// Only the worker sends, so only it must have the password.
	if m.User != "" && r.role == "worker" {
		m.Password = r.secret("SMTP_PASSWORD_FILE", "/run/secrets/smtp_password")
	}
	return m
}

// jobsURL is where the dashboard of a release has its alias.
func jobsURL(release string) string {
	if release == "dev" {
		return "http://jobs-ui:8082"
	}
	return "http://jobs-ui-" + release + ":8082"
}

func releaseOK(release string) bool {
	return len(release) <= 40 && strings.Trim(release, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
}

// reader collects what is wrong instead of stopping at the first.
type reader struct {
	env  Env
	role string
	errs []error
}

func (r *reader) fail(name, problem string) {
	r.errs = append(r.errs, fmt.Errorf("%s: %s", name, problem))
}

func (r *reader) text(name, fallback string) string {
	if v, ok := r.env(name); ok && v != "" {
		return v
	}
	return fallback
}

func (r *reader) oneOf(name, fallback string, allowed ...string) string {
	v := r.text(name, fallback)
	if !slices.Contains(allowed, v) {
		r.fail(name, fmt.Sprintf("is %q; it must be one of %s", v, strings.Join(allowed, ", ")))
	}
	return v
}

func (r *reader) port(name string, fallback uint16) uint16 {
	v := r.text(name, strconv.Itoa(int(fallback)))
	n, err := strconv.ParseUint(v, 10, 16)
	if err != nil || n == 0 {
		r.fail(name, fmt.Sprintf("is %q; it must be a port number", v))
	}
	return uint16(n)
}

// site reads the address of the site: a scheme and a host, nothing more.
func (r *reader) site(name, fallback string) string {
	v := strings.TrimSuffix(r.text(name, fallback), "/")
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || v != u.Scheme+"://"+u.Host {
		r.fail(name, fmt.Sprintf("is %q; it must be like https://example.org", v))
	}
	return v
}

// contact reads where weaknesses are told (RFC 9116, 2.5.3).
func (r *reader) contact(name string) string {
	v := r.text(name, "")
	u, err := url.Parse(v)
	if v != "" && (err != nil || u.Scheme != "mailto" && u.Scheme != "https" || strings.ContainsAny(v, " \r\n\t")) {
		r.fail(name, fmt.Sprintf("is %q; it must be like mailto:security@example.org or https://example.org/security", v))
	}
	return v
}

func (r *reader) address(name, v string) {
	if _, port, err := net.SplitHostPort(v); err != nil || port == "" {
		r.fail(name, fmt.Sprintf("is %q; it must be host:port or :port", v))
	}
}

func (r *reader) prefixes(name string) []netip.Prefix {
	var out []netip.Prefix
	for v := range strings.SplitSeq(r.text(name, ""), ",") {
		v = strings.TrimSpace(v)
		if v == "" {
			continue
		}
		p, err := netip.ParsePrefix(v)
		if err != nil {
			r.fail(name, fmt.Sprintf("has %q; each entry must be a network such as 172.16.0.0/12", v))
			continue
		}
		out = append(out, p.Masked())
	}
	return out
}

// secret reads a secret from the file that a variable names.
func (r *reader) secret(name, fallback string) string {
	return r.secretIn(name, r.text(name, fallback))
}

// secretIn reads a secret from a file. A trailing line break is not part of it.
func (r *reader) secretIn(name, path string) string {
	b, err := os.ReadFile(path)
	switch {
	case err != nil:
		r.fail(name, fmt.Sprintf("cannot read the secret: %v", err))
	case len(b) > 4096:
		r.fail(name, fmt.Sprintf("%s is larger than a secret can be", path))
	case strings.TrimRight(string(b), "\r\n") == "":
		r.fail(name, fmt.Sprintf("%s is empty", path))
	}
	return strings.TrimRight(string(b), "\r\n")
}

// Port is the port that a role serves by default; false: it serves nothing.
func Port(role string) (int, bool) {
	port, ok := ports[role]
	return port, ok
}
