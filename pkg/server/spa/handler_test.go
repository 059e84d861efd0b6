package spa

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"stackctl/web"
)

const page = `<!doctype html><link rel="icon" href="/assets/icon-1a.svg"><script src="/assets/app-2b.js"></script>`

func build() fstest.MapFS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return fstest.MapFS{
		".keep":               file("placeholder"),
		"index.html":          file(page),
		"index.html.br":       file("br page"),
		"robots.txt":          file("User-agent: *"),
		"assets/icon-1a.svg":  file("<svg/>"),
		"assets/app-2b.js":    file("plain script"),
		"assets/app-2b.js.br": file("br script"),
		"assets/app-2b.js.gz": file("gz script"),
	}
}

func serverFor(t *testing.T, dist fstest.MapFS) *httptest.Server {
	t.Helper()
	h, err := newHandler(dist, Options{Release: "0123456789ab", Site: "https://site.example.com", SecurityContact: "mailto:security@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

// ask sends one request as it stands: no transparent compression, no redirect.
func ask(t *testing.T, server *httptest.Server, method, path string, header map[string]string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	client := http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("%s %s: X-Content-Type-Options is %q", method, path, got)
	}
	return response, string(body)
}

func TestPathsAndCache(t *testing.T) {
	server := serverFor(t, build())
	for _, c := range []struct {
		path, mime, cache, body string
		status                  int
	}{
		{"/", "text/html; charset=utf-8", "no-cache", page, 200},
		{"/index.html", "text/html; charset=utf-8", "no-cache", page, 200},
		{"/account", "text/html; charset=utf-8", "no-cache", page, 200},
		{"/account/", "text/html; charset=utf-8", "no-cache", page, 200},
		{"/reset?x=1", "text/html; charset=utf-8", "no-cache", page, 200},
		{"/a/deep/path.txt?x=1", "text/html; charset=utf-8", "no-cache", page, 404},
		{"/wp-login.php", "text/html; charset=utf-8", "no-cache", page, 404},
		{"/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200", "text/html; charset=utf-8", "no-cache", page, 404},
		{"/robots.txt", "text/plain; charset=utf-8", "no-cache", "User-agent: *", 200},
		{"/assets/app-2b.js", "text/javascript; charset=utf-8", cacheForever, "plain script", 200},
		{"/assets/icon-1a.svg", "image/svg+xml", cacheForever, "<svg/>", 200},
		{"/assets/app-2b.js.br", "text/plain; charset=utf-8", "no-store", "No such file in this release. Load the page again.\n", 404},
		{"/assets/old-9f.js", "text/plain; charset=utf-8", "no-store", "No such file in this release. Load the page again.\n", 404},
		{"/assets/", "text/plain; charset=utf-8", "no-store", "No such file in this release. Load the page again.\n", 404},
		{"/.keep", "text/html; charset=utf-8", "no-cache", page, 404},
	} {
		response, body := ask(t, server, "GET", c.path, nil)
		if response.StatusCode != c.status || body != c.body {
			t.Errorf("GET %s: %d %q, want %d %q", c.path, response.StatusCode, body, c.status, c.body)
		}
		if got := response.Header.Get("Content-Type"); got != c.mime {
			t.Errorf("GET %s: Content-Type %q, want %q", c.path, got, c.mime)
		}
		if got := response.Header.Get("Cache-Control"); got != c.cache {
			t.Errorf("GET %s: Cache-Control %q, want %q", c.path, got, c.cache)
		}
	}
}

func TestCompression(t *testing.T) {
	server := serverFor(t, build())
	for _, c := range []struct{ accept, encoding, body string }{
		{"", "", "plain script"},
		{"identity", "", "plain script"},
		{"gzip, deflate, br, zstd", "br", "br script"},
		{"gzip", "gzip", "gz script"},
		{"GZIP;q=0.5", "gzip", "gz script"},
		{"br;q=0, gzip", "gzip", "gz script"},
		{"br; q=0.0, gzip;q=0", "", "plain script"},
		{"*", "br", "br script"},
		{"*;q=0", "", "plain script"},
		{"br;q=none", "", "plain script"},
	} {
		response, body := ask(t, server, "GET", "/assets/app-2b.js", map[string]string{"Accept-Encoding": c.accept})
		if got := response.Header.Get("Content-Encoding"); got != c.encoding || body != c.body {
			t.Errorf("Accept-Encoding %q: %q %q, want %q %q", c.accept, got, body, c.encoding, c.body)
		}
		if response.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: no Vary", c.accept)
		}
	}
	response, _ := ask(t, server, "GET", "/robots.txt", map[string]string{"Accept-Encoding": "br"})
	if response.Header.Get("Vary") != "" || response.Header.Get("Content-Encoding") != "" {
		t.Errorf("a file with one form alone: Vary %q, Content-Encoding %q", response.Header.Get("Vary"), response.Header.Get("Content-Encoding"))
	}
}

func TestRevalidation(t *testing.T) {
	server := serverFor(t, build())
	plain, _ := ask(t, server, "GET", "/", nil)
	br, _ := ask(t, server, "GET", "/", map[string]string{"Accept-Encoding": "br"})
	tag := plain.Header.Get("ETag")
	if tag == "" || tag == br.Header.Get("ETag") {
		t.Fatalf("tags %q and %q: two forms need a tag each", tag, br.Header.Get("ETag"))
	}
	for header, status := range map[string]int{
		tag:                   304,
		"W/" + tag:            304,
		`"other", ` + tag:     304,
		"*":                   304,
		`"other"`:             200,
		br.Header.Get("ETag"): 200,
		"":                    200,
	} {
		response, body := ask(t, server, "GET", "/account", map[string]string{"If-None-Match": header})
		if response.StatusCode != status {
			t.Errorf("If-None-Match %s: %d, want %d", header, response.StatusCode, status)
		}
		if status == 304 && (body != "" || response.Header.Get("ETag") != tag || response.Header.Get("Cache-Control") != "no-cache") {
			t.Errorf("If-None-Match %s: body %q, headers %v", header, body, response.Header)
		}
	}
}

func TestMethods(t *testing.T) {
	server := serverFor(t, build())
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		for _, path := range []string{"/", "/healthz", "/assets/app-2b.js"} {
			response, _ := ask(t, server, method, path, nil)
			if response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, Allow %q", method, path, response.StatusCode, response.Header.Get("Allow"))
			}
		}
	}
	get, _ := ask(t, server, "GET", "/assets/app-2b.js", nil)
	head, body := ask(t, server, "HEAD", "/assets/app-2b.js", nil)
	if body != "" || head.StatusCode != 200 {
		t.Errorf("HEAD: %d %q", head.StatusCode, body)
	}
	for _, name := range []string{"Content-Type", "Content-Length", "ETag", "Cache-Control", "Vary"} {
		if head.Header.Get(name) != get.Header.Get(name) {
			t.Errorf("HEAD %s is %q, GET's is %q", name, head.Header.Get(name), get.Header.Get(name))
		}
	}
}

func TestHealthNamesTheRelease(t *testing.T) {
	response, body := ask(t, serverFor(t, build()), "GET", "/healthz", nil)
	if response.StatusCode != 200 || body != `{"status":"ok","release":"0123456789ab"}` || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s, Cache-Control %q", response.StatusCode, body, response.Header.Get("Cache-Control"))
	}
}

func TestWithoutABuildEveryPathSaysSo(t *testing.T) {
	server := serverFor(t, fstest.MapFS{".keep": {Data: []byte("placeholder")}})
	for _, path := range []string{"/", "/account", "/assets/app-2b.js"} {
		response, body := ask(t, server, "GET", path, nil)
		if response.StatusCode != 503 || !strings.Contains(body, "The web app is not in this binary") || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("GET %s: %d %q", path, response.StatusCode, body)
		}
	}
	response, body := ask(t, server, "GET", "/healthz", nil)
	if response.StatusCode != 503 || body != `{"status":"unavailable","release":"0123456789ab"}` {
		t.Errorf("GET /healthz: %d %s", response.StatusCode, body)
	}
}

func TestAnIncompleteBuildIsRefused(t *testing.T) {
	dist := build()
	delete(dist, "assets/app-2b.js")
	_, err := newHandler(dist, Options{Release: "0123456789ab"})
	if err == nil || !strings.Contains(err.Error(), "/assets/app-2b.js") {
		t.Fatalf("error is %v", err)
	}
}

// The embedded build must load whether or not the web app was built before this test.
func TestEmbeddedBuildLoads(t *testing.T) {
	handler, err := Handler(Options{Release: "dev"})
	if err != nil {
		t.Fatal(err)
	}
	files, err := load(web.Dist())
	if err != nil {
		t.Fatal(err)
	}
	want := http.StatusOK
	if files == nil {
		want = http.StatusServiceUnavailable
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
	if recorder.Code != want {
		t.Errorf("GET /: %d, want %d", recorder.Code, want)
	}
}

func TestPathsThatProgramsAskFor(t *testing.T) {
	dist := build()
	delete(dist, "robots.txt")
	server := serverFor(t, dist)
	response, body := ask(t, server, "GET", "/robots.txt", nil)
	if response.StatusCode != 200 || !strings.HasPrefix(body, "User-agent: *\n") || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("robots.txt: %d %s", response.StatusCode, body)
	}
	r := httptest.NewRecorder()
	server.Config.Handler.ServeHTTP(r, httptest.NewRequest("GET", "/.well-known/change-password", nil))
	if r.Code != http.StatusFound || r.Header().Get("Location") != "/account/security" {
		t.Errorf("change-password: %d to %q", r.Code, r.Header().Get("Location"))
	}
	response, body = ask(t, server, "GET", "/.well-known/security.txt", nil)
	if response.StatusCode != 200 || !strings.Contains(body, "Contact: mailto:security@example.com\n") {
		t.Errorf("security.txt: %d %s", response.StatusCode, body)
	}
	_, expires, _ := strings.Cut(body, "Expires: ")
	expires, _, _ = strings.Cut(expires, "\n")
	if at, err := time.Parse(time.RFC3339, expires); err != nil || time.Until(at) < 24*time.Hour || time.Until(at) > 365*24*time.Hour {
		t.Errorf("security.txt expires %q: %v", expires, err)
	}
	silent, err := newHandler(build(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	r = httptest.NewRecorder()
	silent.ServeHTTP(r, httptest.NewRequest("GET", "/.well-known/security.txt", nil))
	if r.Code != http.StatusNotFound {
		t.Errorf("security.txt without a contact: %d", r.Code)
	}
}
