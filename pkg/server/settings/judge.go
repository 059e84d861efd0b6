package settings

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Finding is one setting that is not fit for production.
type Finding struct {
	Setting string `json:"setting"`
	Problem string `json:"problem"`
	Fix     string `json:"fix"`
	// Advice does not keep a role from starting.
	Advice bool `json:"advice,omitempty"`
}

// rule judges one thing about a configuration; nil means it is fine.
type rule func(Settings) *Finding

// rules are what Judge asks, in the order in which it answers.
var rules = []rule{
	productionMode, publicDomain, siteAddress, quietLog, releaseNamed, secretStrength, secretsDiffer,
	databasePassword, rolePasswords, redisPassword, trustedProxies, insideMetrics, mailServer, mailToConfirm, mailProtection, oauthIssuer, staffFactor, telemetryProtection,
}

// Judge returns what keeps a configuration from being fit for production, and
// how many rules it asked.
func Judge(s Settings) (findings []Finding, asked int) {
	for _, r := range rules {
		if f := r(s); f != nil {
			findings = append(findings, *f)
		}
	}
	return findings, len(rules)
}

func productionMode(s Settings) *Finding {
	if s.Production {
		return nil
	}
	return &Finding{Setting: "APP_ENV", Problem: "is not production: the API page and the contract are served", Fix: "set APP_ENV=production"}
}

// publicDomain: session cookies carry the prefix __Host- and need https, links
// in mails are built from the domain.
func publicDomain(s Settings) *Finding {
	d := strings.ToLower(s.Domain)
	if d == "" || d == "localhost" || net.ParseIP(d) != nil || !strings.Contains(d, ".") || strings.ContainsAny(d, ":/ @") || d != s.Domain {
		return &Finding{Setting: "WEBSITE_DOMAIN", Problem: fmt.Sprintf("%q is not a lower-case host name that users can reach", s.Domain), Fix: "set the site's host name, without scheme, port or path"}
	}
	return nil
}

func siteAddress(s Settings) *Finding {
	u, err := url.Parse(s.Site)
	if err != nil || u.Scheme != "https" || u.Hostname() != s.Domain {
		return &Finding{Setting: "SITE_URL", Problem: "is not https on WEBSITE_DOMAIN: links in mails would lead elsewhere", Fix: "leave it out, or set https://WEBSITE_DOMAIN"}
	}
	return nil
}

func quietLog(s Settings) *Finding {
	if s.LogLevel == "debug" {
		return &Finding{Setting: "LOG_LEVEL", Problem: "is debug", Fix: "set LOG_LEVEL=info"}
	}
	return nil
}

func releaseNamed(s Settings) *Finding {
	if s.Release == "dev" || s.Release == "" {
		return &Finding{Setting: "RELEASE", Problem: "names no release", Fix: "deploy with stackctl, which sets it"}
	}
	return nil
}

func secretStrength(s Settings) *Finding {
	if !Keyed(s.Role) || strong(string(s.Secret), 32, s.Domain) {
		return nil
	}
	return &Finding{Setting: "APP_SECRET_FILE", Problem: "the secret is short or easy to guess", Fix: "write 32 random bytes in base64 or hex: openssl rand -hex 32"}
}

func secretsDiffer(s Settings) *Finding {
	if !Keyed(s.Role) {
		return nil
	}
	db, redis, secret := s.Database.Password, s.Redis.Password, string(s.Secret)
	if db == redis || db == secret || redis == secret {
		return &Finding{Setting: "DATABASE_PASSWORD_FILE, REDIS_PASSWORD_FILE, APP_SECRET_FILE", Problem: "two secrets are equal", Fix: "give each its own random value"}
	}
	return nil
}

func databasePassword(s Settings) *Finding {
	if !Stored(s.Role) || strong(s.Database.Password, 16, s.Domain) {
		return nil
	}
	return &Finding{Setting: "DATABASE_PASSWORD_FILE", Problem: "the password is short or easy to guess", Fix: "use at least 16 random characters"}
}

// rolePasswords: whoever takes one service over must not have the password of another.
func rolePasswords(s Settings) *Finding {
	seen := map[string]bool{s.Database.Password: true}
	for _, role := range slices.Sorted(maps.Keys(s.DatabaseRoles)) {
		password := s.DatabaseRoles[role]
		if !strong(password, 16, s.Domain) {
			return &Finding{Setting: "DATABASE_ROLES", Problem: "the password of " + role + " is short or easy to guess", Fix: "use at least 16 random characters"}
		}
		if seen[password] {
			return &Finding{Setting: "DATABASE_ROLES", Problem: "the password of " + role + " is also another's", Fix: "give each role its own random value"}
		}
		seen[password] = true
	}
	return nil
}

func redisPassword(s Settings) *Finding {
	if !Keyed(s.Role) || strong(s.Redis.Password, 16, s.Domain) {
		return nil
	}
	return &Finding{Setting: "REDIS_PASSWORD_FILE", Problem: "the password is short or easy to guess", Fix: "use at least 16 random characters"}
}

// trustedProxies: who may say for whom a request is made. Too wide, and every
// client chooses its own address.
func trustedProxies(s Settings) *Finding {
	if s.Role != "api" && s.Role != "admin" {
		return nil
	}
	if len(s.Proxies) == 0 {
		return &Finding{Setting: "TRUSTED_PROXIES", Problem: "is empty: every client has the edge's address, and one limit", Fix: "name the edge's network"}
	}
	for _, p := range s.Proxies {
		if wide(p) {
			return &Finding{Setting: "TRUSTED_PROXIES", Problem: fmt.Sprintf("%s is not a private network", p), Fix: "name the edge's network alone"}
		}
	}
	return nil
}

func wide(p netip.Prefix) bool {
	return p.Addr().Is4() && p.Bits() < 8 || p.Addr().Is6() && p.Bits() < 32 || !p.Addr().IsPrivate() && !p.Addr().IsLoopback()
}

func insideMetrics(s Settings) *Finding {
	if s.Listen != "" && s.Metrics == s.Listen {
		return &Finding{Setting: "METRICS_LISTEN", Problem: "is the address that the edge reaches", Fix: "give metrics a port of their own"}
	}
	return nil
}

// mailServer: without one nobody can confirm an address or reset a password;
// a site may choose to live without.
func mailServer(s Settings) *Finding {
	if s.Role != "worker" && s.Role != "api" || s.Mail.Host != "" {
		return nil
	}
	return &Finding{Setting: "SMTP_HOST", Problem: "is empty: no mail is sent, so no address is confirmed and no password reset", Fix: "name a mail server", Advice: true}
}

func mailToConfirm(s Settings) *Finding {
	if !s.ConfirmFirst || s.Mail.Host != "" {
		return nil
	}
	return &Finding{Setting: "CONFIRM_BEFORE_LOGIN", Problem: "is required, and SMTP_HOST is empty: nobody who signs up can ever log in", Fix: "name a mail server, or leave it out"}
}

func mailProtection(s Settings) *Finding {
	if s.Mail.Host == "" || s.Mail.TLS != "none" {
		return nil
	}
	if ip := net.ParseIP(s.Mail.Host); s.Mail.User == "" && (ip != nil && (ip.IsLoopback() || ip.IsPrivate()) || !strings.Contains(s.Mail.Host, ".")) {
		return nil // a relay inside, without a login
	}
	return &Finding{Setting: "SMTP_TLS", Problem: "is none: mails with reset links cross the network in the clear", Fix: "set SMTP_TLS to starttls or tls"}
}

func oauthIssuer(s Settings) *Finding {
	if s.OAuth.ClientID == "" || strings.HasPrefix(s.OAuth.Issuer, "https://") {
		return nil
	}
	return &Finding{Setting: "OAUTH_ISSUER", Problem: "is not https: anybody on the way could log in as anybody", Fix: "name the provider's https address"}
}

func staffFactor(s Settings) *Finding {
	if s.Role != "admin" && s.Role != "api" || s.StaffFactor {
		return nil
	}
	return &Finding{Setting: "STAFF_FACTOR", Problem: "is optional: a password alone opens the staff pages", Fix: "leave it out", Advice: true}
}

// strong reports whether a secret has at least n characters that do not repeat
// themselves, count up or down, or hold a word that everybody tries, such as the
// site's domain.
func strong(secret string, n int, domain string) bool {
	secret = secret[:period(secret)]
	if len(secret) < n {
		return false
	}
	folded := strings.ToLower(secret)
	for _, word := range []string{"changeme", "change-me", "change_me", "placeholder", "password", "secret", "example", "insecure", "default", "development", strings.ToLower(domain)} {
		if strings.Contains(folded, word) {
			return false
		}
	}
	seen, steps := map[byte]bool{secret[0]: true}, map[int]bool{}
	for i := 1; i < len(secret); i++ {
		seen[secret[i]] = true
		steps[int(secret[i])-int(secret[i-1])] = true
	}
	return len(seen) >= 8 && len(steps) >= 8
}

// period is the length of the shortest piece that a text is a repetition of.
func period(text string) int {
	for n := 1; n <= len(text)/2; n++ {
		if text[n:] == text[:len(text)-n] {
			return n
		}
	}
	return len(text)
}
