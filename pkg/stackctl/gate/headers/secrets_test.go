package headers

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/gate/gatetest"
)

func TestASecretInAnAnswerIsSeenInAnyEncoding(t *testing.T) {
	const secret = "zv9/Qk+2:mR7w&Lp4#xT1"
	fresh := gatetest.Copies(t, gatetest.NewRepo(t).Subject(t))
	for name, written := range map[string]string{
		"as it is": secret, "base64": base64.StdEncoding.EncodeToString([]byte("db: " + secret)), "hex": hex.EncodeToString([]byte(secret)), "percent": url.QueryEscape(secret),
	} {
		t.Run(name, func(t *testing.T) {
			s := fresh()
			s.Release.Known = map[string]string{"db_password": secret}
			e := newEdge(t, s)
			e.handle = func(w http.ResponseWriter, r *http.Request) bool {
				if r.TLS == nil || r.Host != "example.org" || r.URL.Path != "/" {
					return false
				}
				publicHeaders(w, true)
				w.WriteHeader(http.StatusOK)
				_, _ = w.Write([]byte("<!doctype html><!-- " + written + " -->"))
				return true
			}
			result := gatetest.Run(context.Background(), Served(), e.subject)
			gatetest.WantFinding(t, result, "example.org", "an answer holds the secret db_password")
			if strings.Contains(fmt.Sprint(result), secret) {
				t.Error("the finding holds it too")
			}
		})
	}
}
