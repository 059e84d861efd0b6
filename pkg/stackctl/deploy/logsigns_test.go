package deploy

import (
	"strings"
	"testing"
)

func TestALogTellsOfAPasswordAndOfAnotherVersion(t *testing.T) {
	for line, want := range map[string]string{
		`FATAL:  password authentication failed for user "app"`:                                                          "refuses the password",
		`pq: failed SASL auth (SQLSTATE 28P01)`:                                                                          "refuses the password",
		`ERROR 1045 (28000): Access denied for user 'root'@'172.18.0.4' (using password: YES)`:                           "refuses the password",
		`MongoServerError: Authentication failed.`:                                                                       "refuses the password",
		`(403) ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN`:                                  "refuses the password",
		"FATAL:  database files are incompatible with server\nDETAIL:  The data directory was initialized by version 13": "another version of the store",
		`[ERROR] [MY-014061] [Server] Invalid MySQL server downgrade: Cannot downgrade from 80400 to 80036`:              "another version of the store",
		`listening on :8080, authentication is on`:                                                                       "",
	} {
		got := strings.Join(readSigns("web", "first line\n"+line+"\nlast line"), "\n")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q", line, got)
		}
	}
}
