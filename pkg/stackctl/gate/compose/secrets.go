package compose

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

// ruleEnvironment finds secrets in the environment: by name, by form, and by
// being one of the release's known values. No value is ever shown.
func ruleEnvironment(j *judge) {
	for _, name := range slices.Sorted(maps.Keys(j.svc.Environment)) {
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
		on, _ := strconv.ParseBool(strings.Replace(strings.ToLower(j.svc.Environment[name]), "yes", "true", 1))
		if on && j.svc.Layer == stack.LayerData { // a client is told of it as well
			j.add(storePasswordRule, "the database lets everybody in", "a password", name, "remove it")
		}
	}
}

// secretIn is why a variable holds a secret, or "". What redact does not take
// for one is not masked, so that the question is asked there.
func secretIn(name, value string, known map[string]string) string {
	if k := knownIn(strings.TrimSpace(value), known); k != "" {
		return "it holds the value of the secret " + k
	}
	return redact.SecretReason(name, value)
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

var regexpHex = regexp.MustCompile(`^[0-9a-fA-F]+$`)

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
		case redact.FormReason(text) != "":
			j.add(secretInCommandRule, "a secret is in the "+place, "a file", "a key, a token or a URL with a password", "read it from /run/secrets in the program")
		case len(redact.InCommand(text)) > 0:
			j.add(secretInCommandRule, "a secret is in the "+place, "a file", "a password or key with its value", "read it from /run/secrets in the program")
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
