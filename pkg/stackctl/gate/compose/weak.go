package compose

import (
	"cmp"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
)

// commonSecrets are words that nobody has to guess.
var commonSecrets = []string{"password", "passwort", "passwd", "changeme", "change-me", "changethis", "secret", "admin", "administrator", "letmein",
	"welcome", "qwerty", "default", "postgres", "redis", "root", "test", "example", "staff", "stack", "iloveyou", "supersecret", "mysecret", "mypassword"}

// guessable returns why a secret is soon guessed, or "". It never shows it.
func guessable(value string) string {
	distinct := map[rune]bool{}
	for _, r := range value {
		distinct[r] = true
	}
	word := strings.Trim(strings.ToLower(value), "0123456789!?.-_#$ ")
	switch {
	case len(distinct) < 6:
		return "a few characters again and again"
	case word == "":
		return "digits alone"
	case slices.Contains(commonSecrets, word):
		return "a common word"
	}
	return ""
}

// weakSecrets finds secrets that are soon guessed, and those that open two doors.
func weakSecrets(s gate.Subject) []stack.Finding {
	var out []stack.Finding
	first := map[string]string{}
	for _, k := range s.Release.Secrets {
		value := strings.TrimSpace(s.Release.Known[k.Name])
		if value == "" {
			continue
		}
		f := stack.Finding{Subject: "secret " + k.Name, File: k.File, Fix: "remove the file and run `stackctl init --secrets`"}
		if why := guessable(value); why != "" {
			f.Rule, f.Problem, f.Expected, f.Observed = weakSecretRule.ID, "the secret is soon guessed", "a random value", why
			out = append(out, f)
		}
		if other := first[value]; other != "" {
			f.Rule, f.Problem, f.Expected, f.Observed = weakSecretRule.ID, "two secrets are one", "a value of its own", "that of "+other
			out = append(out, f)
			continue
		}
		first[value] = k.Name
	}
	return out
}

// committedSecrets finds a secret's value in the files that are committed.
func committedSecrets(s gate.Subject) []stack.Finding {
	files := slices.Concat([]string{s.Config.File, s.Config.Compose.EnvExample, s.Config.Contract.File}, s.Config.Compose.Files, traefikFiles(s))
	known := map[string]string{}
	for _, k := range s.Release.Secrets {
		known[k.Name] = s.Release.Known[k.Name]
	}
	var out []stack.Finding
	for _, file := range files {
		if file == "" {
			continue
		}
		raw, err := given.Read(file, given.Most)
		if err != nil {
			continue // the gate of that file tells
		}
		for n, line := range strings.Split(string(raw), "\n") {
			if k := knownIn(line, known); k != "" {
				out = append(out, stack.Finding{Subject: "file " + filepath.Base(file), Rule: committedSecretRule.ID, Problem: "a real secret is in a committed file", Expected: "secrets in files of their own",
					Observed: "the value of the secret " + k, Fix: "remove it, and replace the secret: it is in the history", File: file, Line: n + 1})
			}
		}
	}
	return out
}

var (
	openAuth    = regexp.MustCompile(`(?i)(?:--auth|--auth-host|-A)[= ]?(?:trust|password)\b`)
	unsafeStore = regexp.MustCompile(`(?i)\b(?:fsync|full_page_writes)\s*=\s*(?:off|false|no|0)\b`)
	proxyNames  = regexp.MustCompile(`(?i)trusted_?prox|forwarded_allow_ips`)
)

// ruleStore judges what the files tell a database and an application of whom
// to believe.
func ruleStore(j *judge) {
	if args := j.svc.Environment["POSTGRES_INITDB_ARGS"]; openAuth.MatchString(args) || strings.EqualFold(j.svc.Environment["POSTGRES_HOST_AUTH_METHOD"], "password") {
		j.add(storePasswordRule, "the database lets everybody in, or takes passwords in clear", "scram-sha-256", cmp.Or(args, "POSTGRES_HOST_AUTH_METHOD: password"), "write --auth-host=scram-sha-256")
	}
	if host, mode := j.s.Release.Elsewhere(j.svc), j.svc.Environment["PGSSLMODE"]; host != "" && (mode != "verify-full" || j.svc.Environment["PGSSLROOTCERT"] == "") {
		j.add(storeTLSRule, "anybody on the way to "+host+" may answer for the database", "PGSSLMODE: verify-full with a PGSSLROOTCERT", cmp.Or(mode, "no PGSSLMODE"), storeTLSRule.Fix)
	}
	if text := strings.Join(j.svc.Command, " "); unsafeStore.MatchString(text) {
		j.add(storeDurableRule, "the database loses data when the server stops at once", "fsync and full_page_writes on", unsafeStore.FindString(text), "remove it")
	}
	if j.s.Config.Traefik.Own && len(j.svc.Ports) == 0 {
		return // nobody outside reaches it but through stackctl's own edge, which says who asks
	}
	for name, value := range j.svc.Environment {
		if !proxyNames.MatchString(name) {
			continue
		}
		list := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
		if wide := probe.TooWide(list); wide != "" || slices.Contains(list, "*") {
			j.add(proxyTrustRule, "the application believes everybody's X-Forwarded-For", "the edge's networks in "+name, cmp.Or(wide, "*"), "name the networks of the edge")
		}
	}
}
