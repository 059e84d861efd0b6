// Package spa owns how the web app's files reach a browser: paths, caching and
// compression. It must not know what the pages do, nor the API that they call.
package spa

import (
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	"stackctl/web"
)

const (
	cacheForever = "public, max-age=31536000, immutable"
	cacheAsk     = "no-cache"
	assetPrefix  = "/assets/"
	indexPath    = "/index.html"
)

// Options say for which site the web app is served.
type Options struct {
	Release string
	// Site is the address that users see, without a trailing slash.
	Site string
	// SecurityContact is where weaknesses are told, as an address (mailto: or
	// https:); empty: the site has no security.txt.
	SecurityContact string
	pages           []string
}

// Handler serves the web app that is embedded in this binary. Files under
// /assets/ carry a hash of their content in their name and are cached for ever;
// everything else is asked for anew. The paths of the app's pages answer with the
// page, whose router knows them; any other path does so with status 404. Without
// a build in the binary every path answers 503.
func Handler(o Options) (http.Handler, error) {
	return newHandler(web.Dist(), o)
}

func newHandler(dist fs.FS, o Options) (http.Handler, error) {
	o.pages = web.Pages()
	files, err := load(dist)
	if err != nil {
		return nil, err
	}
	health := newHealth(o.Release)
	if files == nil {
		return readOnly(route(notBuilt(), health.unavailable)), nil
	}
	return readOnly(route(o.site(files), health.ok)), nil
}

// route puts the health answer beside the site.
func route(site http.HandlerFunc, health http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			health(w, r)
			return
		}
		site(w, r)
	}
}

// readOnly refuses every method but GET and HEAD.
func readOnly(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "Only GET and HEAD are allowed here.", http.StatusMethodNotAllowed)
			return
		}
		next(w, r)
	}
}

func (o Options) site(files map[string]file) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, found := files[r.URL.Path]
		switch {
		case found:
		case isAPI(r.URL.Path):
			// A client of the API that got lost must not take a page for an answer.
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "The API is not here.", http.StatusNotFound)
			return
		case strings.HasPrefix(r.URL.Path, assetPrefix):
			w.Header().Set("Cache-Control", "no-store") // A newer release may bring this file.
			http.Error(w, "No such file in this release. Load the page again.", http.StatusNotFound)
			return
		case o.known(w, r):
			return
		case !o.isPage(r.URL.Path):
			// The app shows that there is no such page; programs read the status.
			serveAs(w, r, files[indexPath], http.StatusNotFound)
			return
		default:
			f = files[indexPath]
		}
		serveAs(w, r, f, http.StatusOK)
	}
}

// isAPI reports whether a path is meant for the API, however it is written.
func isAPI(path string) bool {
	first, _, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	first, _, _ = strings.Cut(first, ";")
	return strings.EqualFold(first, "api")
}

// serveAs sends a file with a status. Only an answer of status 200 can be asked
// for by its tag.
func serveAs(w http.ResponseWriter, r *http.Request, f file, status int) {
	v := f.choose(r.Header.Get("Accept-Encoding"))
	h := w.Header()
	h.Set("Cache-Control", f.cache)
	if len(f.variants) > 1 {
		h.Set("Vary", "Accept-Encoding")
	}
	if status == http.StatusOK {
		h.Set("ETag", v.etag)
		if matches(r.Header.Get("If-None-Match"), v.etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Type", f.mime)
	if v.encoding != identity {
		h.Set("Content-Encoding", v.encoding)
	}
	h.Set("Content-Length", strconv.Itoa(len(v.body)))
	w.WriteHeader(status)
	_, _ = w.Write(v.body) // For HEAD net/http leaves the body out. On an error the client is gone: nobody is left to tell.
}

// matches reports whether an If-None-Match header names the tag (RFC 9110, 13.1.2: weak comparison).
func matches(header, etag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == etag {
			return true
		}
	}
	return false
}
