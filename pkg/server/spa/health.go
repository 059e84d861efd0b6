package spa

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// health answers /healthz with the release that serves the web app.
type health struct{ release string }

func newHealth(release string) health { return health{release: release} }

func (h health) ok(w http.ResponseWriter, _ *http.Request) {
	h.answer(w, http.StatusOK, "ok")
}

func (h health) unavailable(w http.ResponseWriter, _ *http.Request) {
	h.answer(w, http.StatusServiceUnavailable, "unavailable")
}

func (h health) answer(w http.ResponseWriter, code int, status string) {
	body, err := json.Marshal(struct {
		Status  string `json:"status"`
		Release string `json:"release"`
	}{status, h.release})
	if err != nil {
		panic(err) // Two strings always encode.
	}
	write(w, code, "application/json", body)
}

const notBuiltPage = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Web app not built</title></head>
<body>
<h1>The web app is not in this binary</h1>
<p>It was built without the web app. Run <code>npm ci &amp;&amp; npm run build</code> in <code>web/</code>, then build the server again.</p>
</body>
</html>
`

func notBuilt() http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusServiceUnavailable, mimes[".html"], []byte(notBuiltPage))
	}
}

// write sends an answer that nobody may keep. For HEAD net/http leaves the body out.
func write(w http.ResponseWriter, code int, mime string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", mime)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(body) // The client is gone; nobody is left to tell.
}
