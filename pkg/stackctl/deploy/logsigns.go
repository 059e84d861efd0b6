package deploy

import (
	"regexp"
	"strings"
)

// logSigns are lines by which programs tell of what a deploy cannot mend, and what
// a person can do.
var logSigns = []struct {
	line *regexp.Regexp
	says string
}{
	{
		// PostgreSQL (28P01), MySQL and MariaDB (1045), MongoDB (18), RabbitMQ (403).
		regexp.MustCompile(`password authentication failed for user|\b28P01\b|Access denied for user|(?i:mongo\w*error).*Authentication failed|SCRAM\S* authentication failed|ACCESS_REFUSED.*Login was refused`),
		"a store refuses the password. A store keeps the one that its volume was made with: another value of POSTGRES_PASSWORD, MYSQL_PASSWORD and the like changes nothing there. " +
			"Put the value of before back, or change it in the store first (`stackctl exec`, `ALTER ROLE … PASSWORD`)",
	},
	{
		regexp.MustCompile(`database files are incompatible with server|Cannot upgrade from \d+ to \d+|Invalid MySQL server (?:up|down)grade|featureCompatibilityVersion`),
		"the volume holds data of another version of the store. Go back to the image of before; then dump the data, and load them into the new version",
	},
}

// readSigns returns what the lines of a service's log say, once each.
func readSigns(service, text string) []string {
	var out []string
	for _, sign := range logSigns {
		if line := sign.line.FindString(text); line != "" {
			out = append(out, service+"'s log says \""+strings.TrimSpace(line)+"\": "+sign.says)
		}
	}
	return out
}
