package compose

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/traefik"
)

var (
	secretName = regexp.MustCompile(`(?i)(pass(word|wd|phrase)?$|pass(word|wd|phrase)?_|passwd|password|secret|token|credential|api_?key|private_?key|access_?key|encryption_?key|signing_?key|(^|_)(pw|pwd|dsn|salt|pepper)$|_key$|^key$|jwt)`)
	// plainName ends names that only speak of a secret.
	plainName = regexp.MustCompile(`(?i)(_file|_path|_dir|_ttl|_url|_uri|_length|_len|_min|_max|_size|_header|_name|_enabled|_timeout|_expiry|_expires|_expiration|_lifetime|_age|_prefix|_cookie|_id|_type|_alg|_algorithm|_policy|_rounds|_cost|_count|_limit|_rate|_issuer|_audience|_user|_email|_host|_port|_method|_required)$`)
	hashName  = regexp.MustCompile(`(?i)(commit|revision|release|digest|sha|version|build|checksum|image|etag|fingerprint)`)
	tokenForm = regexp.MustCompile(`(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{40,}|glpat-[A-Za-z0-9_-]{20}|xox[abprs]-[A-Za-z0-9-]{10,}|sk_live_[A-Za-z0-9]{16,}|AIza[0-9A-Za-z_-]{35}|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.|-----BEGIN [A-Z ]*PRIVATE KEY-----|AGE-SECRET-KEY-1`)
	textToken = regexp.MustCompile(`[A-Za-z0-9+/_=-]{24,}`)
)

// ruleEnvironment finds secrets in the environment: by name, by form, and by
// being one of the release's known values. No value is ever shown.
func ruleEnvironment(j *judge) {
	names := make([]string, 0, len(j.svc.Environment))
	for k := range j.svc.Environment {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, name := range names {
		value := j.svc.Environment[name]
		if why := secretIn(name, value, j.s.Release.Known); why != "" {
			j.add(secretInEnvironmentRule, "a secret is in the environment variable "+name, "the name of a file: "+name+"_FILE: /run/secrets/…", fmt.Sprintf("%s (%d characters)", why, len(value)),
				"make it a file under secrets: and pass its path")
		}
	}
	if strings.EqualFold(j.svc.Environment["POSTGRES_HOST_AUTH_METHOD"], "trust") {
		j.add(storePasswordRule, "the database lets everybody in", "scram-sha-256", "POSTGRES_HOST_AUTH_METHOD: trust", "remove it")
	}
	for _, name := range []string{"ALLOW_EMPTY_PASSWORD", "MYSQL_ALLOW_EMPTY_PASSWORD", "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD"} {
		if on, _ := strconv.ParseBool(strings.Replace(strings.ToLower(j.svc.Environment[name]), "yes", "true", 1)); on {
			j.add(storePasswordRule, "the database lets everybody in", "a password", name, "remove it")
		}
	}
}

// secretIn says why a variable holds a secret, or "".
func secretIn(name, value string, known map[string]string) string {
	trimmed := strings.TrimSpace(value)
	if trimmed == "" {
		return ""
	}
	if k := knownIn(trimmed, known); k != "" {
		return "it holds the value of the secret " + k
	}
	if tokenForm.MatchString(trimmed) {
		return "it has the form of a key or token"
	}
	if urlPassword(trimmed) {
		return "it is a URL with a password"
	}
	if strings.HasPrefix(trimmed, "/") && !strings.ContainsAny(trimmed, " \n") {
		return "" // a path
	}
	if secretName.MatchString(name) && !plainName.MatchString(name) && !plainValue(trimmed) {
		return "its name says that it is one"
	}
	if !hashName.MatchString(name) && !strings.Contains(trimmed, "://") && randomLooking(trimmed) {
		return "it looks random"
	}
	return ""
}

// knownIn names the known secret that a text holds, or "". Known values that
// are also plain words, such as the short ones, are left to other rules.
func knownIn(text string, known map[string]string) string {
	names := make([]string, 0, len(known))
	for k := range known {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		v := strings.TrimSpace(known[k])
		if len(v) < 8 {
			continue
		}
		for _, form := range []string{v, base64.StdEncoding.EncodeToString([]byte(v)), base64.RawURLEncoding.EncodeToString([]byte(v)), hex.EncodeToString([]byte(v)), url.QueryEscape(v)} {
			if strings.Contains(text, form) {
				return k
			}
		}
	}
	return ""
}

var userinfo = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s:@]*:([^/\s@]+)@`)

func urlPassword(value string) bool {
	m := userinfo.FindStringSubmatch(value)
	if m == nil {
		// key=value strings of database drivers
		lower := strings.ToLower(value)
		i := strings.Index(lower, "password=")
		return i >= 0 && strings.Contains(lower, "host=") && len(strings.TrimLeft(value[i+9:], " '\"")) > 0 && !strings.HasPrefix(value[i+9:], "$")
	}
	return !strings.HasPrefix(m[1], "$")
}

// plainValue tells values that are settings, not secrets.
func plainValue(v string) bool {
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
	case "none", "yes", "no", "on", "off", "auto", "disabled", "enabled", "required", "optional":
		return true
	}
	return false
}

// randomLooking tells long words of high entropy (bits per character).
func randomLooking(v string) bool {
	for _, w := range textToken.FindAllString(v, 16) {
		if strings.Count(w, "-") > 2 || strings.Count(w, "/") > 1 || strings.Count(w, "_") > 2 {
			continue
		}
		bits := entropy(w)
		isHex := regexpHex.MatchString(w)
		if isHex && len(w) >= 32 && bits > 3 || !isHex && bits > 4.2 && probe.HasDigit.MatchString(w) && strings.ToLower(w) != w {
			return true
		}
	}
	return false
}

var regexpHex = regexp.MustCompile(`^[0-9a-fA-F]+$`)

// entropy is Shannon's, in bits per character.
func entropy(s string) float64 {
	counts := map[rune]float64{}
	for _, r := range s {
		counts[r]++
	}
	sum, n := 0.0, float64(len([]rune(s)))
	for _, c := range counts {
		sum -= c / n * math.Log2(c/n)
	}
	return sum
}

var secretFlag = regexp.MustCompile(`(?i)^--?(?:[a-z-]*(?:password|passwd|requirepass|secret|token|api-key|private-key|masterauth))(?:[= ]+(.+))?$`)

// ruleCommand finds secrets in what ps would show and inspect would print:
// command, entry point, health check, labels.
func ruleCommand(j *judge) {
	var test []string
	if j.svc.Healthcheck != nil {
		test = j.svc.Healthcheck.Test
	}
	for place, words := range map[string][]string{"command": j.svc.Command, "entrypoint": j.svc.Entrypoint, "healthcheck": test} {
		text := strings.Join(words, " ")
		k := knownIn(text, j.s.Release.Known)
		switch {
		case k != "":
			j.add(secretInCommandRule, "a secret is in the "+place, "a file", "the value of the secret "+k, "read it from /run/secrets in the program")
		case tokenForm.MatchString(text) || urlPassword(text):
			j.add(secretInCommandRule, "a secret is in the "+place, "a file", "a key, a token or a URL with a password", "read it from /run/secrets in the program")
		case flaggedSecret(words) || writtenSecret(text):
			j.add(secretInCommandRule, "a secret is in the "+place, "a file", "a password flag with a value", "read it from /run/secrets in the program")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(j.svc.BuildArgs)) {
		if why := secretIn(key, j.svc.BuildArgs[key], j.s.Release.Known); why != "" {
			j.add(secretInCommandRule, "a secret is in the build argument "+key, "a build secret", why, "pass it by --secret: arguments stay in the image")
		}
	}
	for key, value := range j.svc.Labels {
		if why := secretIn(strings.NewReplacer(".", "_", "-", "_").Replace(key), value, j.s.Release.Known); why != "" {
			j.add(secretInCommandRule, "a secret is in the label "+key, "no secrets in labels", why, "remove it")
		}
	}
}

// flaggedSecret finds --password value; a value that the shell or a file
// provides is none.
func flaggedSecret(words []string) bool {
	words = traefik.ShellWords(words)
	for i, w := range words {
		m := secretFlag.FindStringSubmatch(w)
		if m == nil {
			continue
		}
		value := m[1]
		if value == "" && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
			value = words[i+1]
		}
		if value != "" && !strings.HasPrefix(value, "$") && !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "`") {
			return true
		}
	}
	return false
}
