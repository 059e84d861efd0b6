package compose

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

var (
	// signs are names of what a program signs its sessions with: who knows the value is
	// whoever they like.
	signs = regexp.MustCompile(`(?i)(?:^|_)(?:SECRET_KEY(?:_BASE)?|APP_(?:SECRET|KEY)|JWT_(?:SECRET(?:_KEY)?|KEY|TOKEN)|(?:SESSION|COOKIE|NEXTAUTH|AUTH|TOKEN|APP)_SECRET|SIGNING_KEY)$`)
	// others are those of keys for services of others.
	others = regexp.MustCompile(`(?i)MINIO|S3_|AWS|STRIPE|PAYPAL|CAPTCHA|TURNSTILE|ACCESS|STORAGE|SEARCH|OAUTH|CLIENT`)
	// parts are the words, runs of capitals and numbers of a value.
	parts = regexp.MustCompile(`[A-Z]?[a-z]+|[A-Z]+|[0-9]+`)
)

// telling are words by which examples say that a value is none.
var telling = []string{"change", "changeit", "changeme", "changethis", "replace", "replaceme", "your", "insert", "placeholder", "insecure", "unsafe", "example", "dummy", "sample", "todo", "please", "secret", "mysecret", "supersecret",
	"random", "must", "default", "test", "password", "demo"}

// placeholder is why a value is one that an example has, or "". It never shows it.
func placeholder(name, value string) string {
	value = strings.Trim(value, `"' `)
	letters, inWords, tells := 0, 0, false
	for _, part := range parts.FindAllString(value, -1) {
		if part[0] <= '9' {
			continue
		}
		letters += len(part)
		if len(part) > 2 || slices.Contains([]string{"a", "at", "be", "in", "is", "it", "me", "my", "of", "so", "to"}, strings.ToLower(part)) {
			inWords += len(part)
		}
		tells = tells || slices.Contains(telling, strings.ToLower(part))
	}
	switch {
	case value == "":
		return ""
	case strings.EqualFold(value, name):
		return "its own name"
	case tells && inWords*10 >= letters*9 && inWords*2 >= len(value):
		return "words of an example"
	}
	return guessable(value)
}

// rulePlaceholder finds secrets that everybody knows, since an example has them.
func rulePlaceholder(j *judge) {
	for _, name := range slices.Sorted(maps.Keys(j.svc.Environment)) {
		value := j.svc.Environment[name]
		if redact.SecretReason(name, value) == "" || redact.FormReason(value) != "" {
			continue
		}
		why := placeholder(name, value)
		switch {
		case why == "":
		case signs.MatchString(name) && !others.MatchString(name) && j.svc.Layer == stack.LayerApp:
			j.add(signingKeyRule, "sessions are signed with a value that everybody knows, in "+name, "a random value: whoever knows it signs in as anybody", why, "give "+name+" a random value, such as that of `openssl rand -hex 32`")
		default:
			j.add(placeholderRule, "the secret in "+name+" is soon guessed", "a random value", why, "give "+name+" a random value, such as that of `openssl rand -hex 24`; what a database has already is changed there as well")
		}
	}
}

// development are variables that make a program show its insides to visitors, and the
// values that do; none: what is true.
var development = []struct {
	name   *regexp.Regexp
	values []string
}{
	{regexp.MustCompile(`^(?:\w+_)?(?:APP|FLASK|DJANGO|WP|SYMFONY|LARAVEL)_DEBUG$|^DEBUG$`), []string{"1", "true", "yes", "on"}},
	{regexp.MustCompile(`^(?:RAILS|RACK|NODE|FLASK|ASPNETCORE|DOTNET)_ENV(?:IRONMENT)?$`), []string{"dev", "development"}},
}

// ruleDevelopment finds programs that are told to run as on a developer's machine.
func ruleDevelopment(j *judge) {
	if j.svc.Layer != stack.LayerApp {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(j.svc.Environment)) {
		value := strings.ToLower(strings.Trim(j.svc.Environment[name], `"' `))
		for _, d := range development {
			if d.name.MatchString(name) && slices.Contains(d.values, value) {
				j.add(developmentRule, "the program runs in development: its errors show its settings to visitors", "production", name+"="+value, "write what the program calls production")
			}
		}
	}
}
