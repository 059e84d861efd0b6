package redact

import (
	"math"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	// secretName are names that promise a secret.
	secretName = regexp.MustCompile(`(?i)(pass(word|wd|phrase)?$|pass(word|wd|phrase)?_|passwd|password|secret|token|credential|api_?key|private_?key|access_?key|auth_?key|master_?key|license_?key|encryption_?key|signing_?key|(^|_)(pw|pwd|dsn|salt|pepper)$|jwt)`)
	// keyName are names that promise a secret where the value is no plain word.
	keyName = regexp.MustCompile(`(?i)(_key(_?v?\d+)?$|^key$|_keys$|_base$|webhook)`)
	// cookieName are names of what Erlang's nodes know each other by: who has it runs
	// what they like in them.
	cookieName = regexp.MustCompile(`(?i)(erlang|release|node|vm)_+cookie$`)
	// plainName ends or marks names that only speak of a secret.
	plainName = regexp.MustCompile(`(?i)(_file|_path|_dir|_ttl|_url|_uri|_length|_len|_min|_max|_size|_header|_name|_enabled|_timeout|_expiry|_expires|_expires_in|_expiration|_lifetime|_age|_prefix|_cookie|_id|_type|_alg|_algorithm|_policy|_rounds|_cost|_count|_limit|_rate|_issuer|_audience|_user|_username|_email|_host|_port|_method|_required|_seconds|_minutes|_hours|_days|_schemes?|_roles?|_scopes?|_users|_groups?|_modes?|_providers?|_strategy|_backend|_driver|_module|_class|_hashers?|_validators?|_issuers|_audiences|_aud|_claims?|_servers?|_keyservers?|_endpoint|_domains?|_format|_version|_bits|_iterations|_validity|_exp|_field|_attribute)$|public|publishable`)
	// browserName are names of what builds put into the pages that everybody gets, and
	// of keys that are made for that.
	browserName = regexp.MustCompile(`(?i)^(vite|react_app|vue_app|gatsby|ng_app|next_public|nuxt_public|expo_public|public)_|(^|_)anon_key$|(captcha|turnstile)\w*_site_?key$`)
	// browserForm are keys that pages have: signed ones of a role, Google's for maps.
	browserForm = regexp.MustCompile(`^(?:eyJ|AIza)`)
	// passesTo are names of where nginx passes requests on, and address what stands there.
	passesTo = regexp.MustCompile(`(?i)(^|_)(fastcgi|proxy|uwsgi|scgi|grpc)_pass$`)
	address  = regexp.MustCompile(`^(?:unix:/\S+|[A-Za-z0-9._-]+:\d{1,5})$`)
	// hashName are names of values that look random and are no secret.
	hashName  = regexp.MustCompile(`(?i)(commit|revision|release|digest|sha|version|build|checksum|image|etag|fingerprint|public|publishable)`)
	tokenForm = regexp.MustCompile(`(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{40,}|glpat-[A-Za-z0-9_-]{20}|xox[abprs]-[A-Za-z0-9-]{10,}|(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{20,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|dop_v1_[a-f0-9]{32,}|npm_[A-Za-z0-9]{30,}|AIza[0-9A-Za-z_-]{35}|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.|-----BEGIN [A-Z ]*PRIVATE KEY-----|AGE-SECRET-KEY-1`)
	// webhook are addresses that whoever knows them may post to.
	webhook   = regexp.MustCompile(`(?i)^https?://(?:hooks\.slack\.com/services/|(?:[a-z]+\.)?discord(?:app)?\.com/api/webhooks/|[a-z0-9.-]*webhook\.office\.com/|api\.telegram\.org/bot[0-9]+:|hooks\.zapier\.com/hooks/|maker\.ifttt\.com/|chat\.googleapis\.com/v1/spaces/.*key=).`)
	inQuery   = regexp.MustCompile(`(?i)[?&](?:token|key|api_?key|access_token|secret|sig|signature|password)=[^&$]{6,}`)
	userinfo  = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s:@]*:([^/\s]+)@`)
	inFields  = regexp.MustCompile(`(?i)(?:^|[;\s])(?:password|pwd)\s*=\s*["']?([^;\s"'$][^;\s"']*)`)
	inLogin   = regexp.MustCompile(`(?i)[?&](?:u|user|username)=[^&]+&(?:[^&]+&)*(?:p|pw|pass|password)=([^&]+)`)
	textToken = regexp.MustCompile(`[A-Za-z0-9+/_=-]{24,}`)
	onlyHex   = regexp.MustCompile(`^[0-9a-fA-F]+$`)
	onlyWord  = regexp.MustCompile(`^[a-z]+(?:[_-][a-z]+)*$`)
)

// SecretReason is why a variable of that name and value holds a secret, or "":
// it judges the value where that shows what it is, and else the name. It is the
// one answer to the question; no value is in what it returns.
func SecretReason(name, value string) string {
	v := strings.TrimSpace(value)
	if v == "" {
		return ""
	}
	inBrowser := browserName.MatchString(name)
	if why := FormReason(v); why != "" && !(inBrowser && browserForm.MatchString(v)) {
		return why
	}
	switch {
	case inBrowser, passesTo.MatchString(name) && address.MatchString(v):
		return ""
	case isPath(v), IsSetting(v), strings.HasPrefix(v, "${"):
		return ""
	case cookieName.MatchString(name):
		return "its name says that it is one"
	case secretName.MatchString(name) && !plainName.MatchString(name):
		return "its name says that it is one"
	case keyName.MatchString(name) && !plainName.MatchString(name) && len(v) >= 12 && !onlyWord.MatchString(v):
		return "its name says that it is one"
	case !hashName.MatchString(name) && !strings.Contains(v, "://") && looksRandom(v):
		return "it looks random"
	}
	return ""
}

// FormReason is why a text holds a secret whatever it is called, by its form
// alone, or "": a key, a token, an address that opens something.
func FormReason(text string) string {
	switch {
	case tokenForm.MatchString(text):
		return "it has the form of a key or token"
	case hasPassword(text):
		return "it is an address with a password"
	case webhook.MatchString(text), strings.Contains(text, "://") && inQuery.MatchString(text):
		return "it is an address that only its owner may know"
	}
	return ""
}

// isPath tells paths of files, also inside a container.
func isPath(v string) bool {
	return !strings.ContainsAny(v, " \n") && (strings.HasPrefix(v, "/") || strings.HasPrefix(v, "./")) && strings.Count(v, "=") == 0
}

// hasPassword tells addresses and connection strings that hold a password.
func hasPassword(v string) bool {
	if m := userinfo.FindStringSubmatch(v); m != nil {
		return !strings.HasPrefix(m[1], "$")
	}
	if m := inLogin.FindStringSubmatch(v); m != nil && strings.Contains(v, "://") {
		return !strings.HasPrefix(m[1], "$")
	}
	if m := inFields.FindStringSubmatch(v); m != nil {
		return strings.Count(v, "=") > 1
	}
	return false
}

// IsSetting reports whether a value is a setting, such as a number or a
// duration, and no secret whatever it is called.
func IsSetting(v string) bool {
	if _, err := strconv.ParseBool(v); err == nil {
		return true
	}
	if _, err := strconv.ParseFloat(v, 64); err == nil && len(v) < 6 {
		return true
	}
	if _, err := time.ParseDuration(v); err == nil {
		return true
	}
	if _, _, err := net.ParseCIDR(v); err == nil {
		return true
	}
	if u, err := url.Parse(v); err == nil && u.Scheme != "" && u.Host != "" && u.User == nil {
		return true
	}
	switch strings.ToLower(v) {
	case "none", "null", "yes", "no", "on", "off", "auto", "disabled", "enabled", "required", "optional":
		return true
	}
	return false
}

// looksRandom tells long words of high entropy.
func looksRandom(v string) bool {
	for _, w := range textToken.FindAllString(v, 16) {
		if strings.Count(w, "-") > 2 || strings.Count(w, "/") > 1 || strings.Count(w, "_") > 2 {
			continue
		}
		bits := bitsPerCharacter(w)
		isHex := onlyHex.MatchString(w)
		if isHex && len(w) >= 32 && bits > 3 || !isHex && bits > 4.2 && strings.ContainsAny(w, "0123456789") && strings.ToLower(w) != w {
			return true
		}
	}
	return false
}

// bitsPerCharacter is Shannon's entropy.
func bitsPerCharacter(s string) float64 {
	counts := map[rune]float64{}
	n := 0.0
	for _, r := range s {
		counts[r]++
		n++
	}
	sum := 0.0
	for _, c := range counts {
		sum -= c / n * math.Log2(c/n)
	}
	return sum
}
