package redact

import (
	"regexp"
	"strings"
)

// Given is a secret that a command holds in clear.
type Given struct {
	// Name is what it is given as, as the command writes it: --master-key,
	// PGPASSWORD, requirepass.
	Name  string
	Value string
}

// given are the ways in which a command holds a secret: the value of a flag, of a
// variable that a shell sets, of the short flags of MySQL's, MongoDB's and Redis's
// clients, sshpass and curl, and of Redis's own settings. What a shell or a file
// provides begins with another character.
var given = []*regexp.Regexp{
	regexp.MustCompile("(?i)(?:^|[\\s\"'])(--?(?:[a-z0-9._-]*(?:password|passwd|passphrase|requirepass|secret|token|masterauth|(?:api|private|master|secret|auth|admin|encryption|signing)[_-]?key)|(?:[a-z0-9._-]+[._-])?pass))(?:=|\\s+)[\"']?([^\\s\"'$`/-][^\\s\"']*)"),
	regexp.MustCompile("(?i)(?:^|[\\s;&|\"'])([A-Z_]*(?:PASSWORD|PASSWD|_SECRET|_TOKEN)|REDISCLI_AUTH|MYSQL_PWD)=[\"']?([^\\s\"'$`/][^\\s\"']*)"),
	regexp.MustCompile("\\b(?:mysql|mariadb)[a-z-]*\\b[^|;&]*?\\s(-p)[\"']?([^\\s\"'$`/-][^\\s\"']*)"),
	regexp.MustCompile("\\b(?:mongo[a-z]*|sshpass)\\b[^|;&]*?\\s(-p)\\s+[\"']?([^\\s\"'$`/-][^\\s\"']*)"),
	regexp.MustCompile("\\bcurl\\b[^|;&]*?\\s(-u|--user)\\s+[\"']?[^\\s\"':]+:([^\\s\"'$`][^\\s\"']*)"),
	regexp.MustCompile("(?i)(?:\\bredis-cli\\b[^|;&]*\\s(-a)|\\b(requirepass|masterauth))\\s+[\"']?([^\\s\"'$`/-][^\\s\"']*)"),
}

// InCommand finds the secrets that a command holds in clear, in their order, each
// once. text is its words with a space between.
func InCommand(text string) []Given {
	var out []Given
	seen := map[string]bool{}
	for _, form := range given {
		for _, m := range form.FindAllStringSubmatch(text, 16) {
			one := Given{Name: m[1], Value: m[len(m)-1]}
			if one.Name == "" {
				one.Name = m[2]
			}
			if !IsSetting(one.Value) && !seen[one.Value] {
				seen[one.Value] = true
				out = append(out, one)
			}
		}
	}
	return out
}

// setting is a secret among the settings of a program, as YAML, INI, Ruby and
// others write it: `password: x`, `api_key = "x"`, `opts['smtp_password'] => "x"`.
var setting = regexp.MustCompile(`(?im)(?:^|[\s,{\['"(.])([a-z][a-z0-9_-]*)['"\]]*[ \t]*(?:=>|[:=])[ \t]*["']?([^\s"'$#{}\[\](),;]{6,})`)

// InSettings finds the secrets in a text of several lines that holds the settings
// of a program, in their order, each once. A text of one line has none: what it is
// called tells what it is.
func InSettings(text string) []Given {
	if !strings.Contains(strings.TrimSpace(text), "\n") || FormReason(text) != "" {
		return nil
	}
	return settings(text)
}

func settings(text string) []Given {
	var out []Given
	seen := map[string]bool{}
	for _, m := range setting.FindAllStringSubmatch(text, 500) {
		name := strings.ReplaceAll(m[1], "-", "_")
		if secretName.MatchString(name) && SecretReason(name, m[2]) != "" && !seen[m[2]] {
			seen[m[2]] = true
			out = append(out, Given{Name: m[1], Value: m[2]})
		}
	}
	return out
}

var (
	// assigned is a line that gives a name a value.
	assigned = regexp.MustCompile(`^[\s"'-]*([A-Za-z_][\w.-]*)["'\]]*\s*(?:=>|[:=])\s*["']?(.*?)["',;]*\s*$`)
	// inStatement is a password in a database's own language.
	inStatement = regexp.MustCompile(`(?i)\b(PASSWORD|IDENTIFIED BY)\s+'([^'$]{4,})'`)
)

// InText finds the secrets in the text of a file, line by line: those among settings,
// those that are one by their form, and those of a database's users; each once.
func InText(text string) []Given {
	var out []Given
	seen := map[string]bool{}
	add := func(one Given) {
		if !seen[one.Value] {
			seen[one.Value] = true
			out = append(out, one)
		}
	}
	for line := range strings.Lines(text) {
		if m := assigned.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil && FormReason(m[2]) != "" {
			add(Given{Name: m[1], Value: m[2]})
			continue
		}
		for _, m := range inStatement.FindAllStringSubmatch(line, 16) {
			add(Given{Name: m[1], Value: m[2]})
		}
		for _, one := range settings(line) {
			add(one)
		}
	}
	return out
}
