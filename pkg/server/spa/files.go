package spa

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

const identity = "identity"

// encodings names the compressed forms that the build leaves beside a file, best first.
var encodings = []struct{ name, suffix string }{{"br", ".br"}, {"gzip", ".gz"}}

// mimes is a table of our own: the system's would differ between machines, and a scratch image has none.
var mimes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".json": "application/json",
	".txt":  "text/plain; charset=utf-8",
	".png":  "image/png",
	".ico":  "image/x-icon",
}

// file is one resource with its forms, the best compressed first, the plain one last.
type file struct {
	mime     string
	cache    string
	variants []variant
}

type variant struct {
	encoding string
	body     []byte
	etag     string
}

// choose returns the best form that an Accept-Encoding header allows.
func (f file) choose(acceptEncoding string) variant {
	for _, v := range f.variants {
		if v.encoding != identity && accepts(acceptEncoding, v.encoding) {
			return v
		}
	}
	return f.variants[len(f.variants)-1]
}

// accepts reads an Accept-Encoding header (RFC 9110, 12.5.3): a name with weight 0 is a refusal, "*" stands for names not told.
func accepts(header, encoding string) bool {
	others := false
	for part := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(part, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		allowed := positive(weight)
		switch name {
		case encoding:
			return allowed
		case "*":
			others = allowed
		}
	}
	return others
}

func positive(weight string) bool {
	value, told := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
	if !told {
		return true
	}
	q, err := strconv.ParseFloat(value, 64)
	return err == nil && q > 0
}

// load reads a build once, by path as a browser asks for it. It returns nil
// where there is no build, and an error where a build is incomplete.
func load(dist fs.FS) (map[string]file, error) {
	if _, err := fs.Stat(dist, "index.html"); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	files := map[string]file{}
	err := fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() || strings.HasPrefix(path.Base(name), ".") || compressed(name) {
			return nil
		}
		f, err := read(dist, name)
		files["/"+name] = f
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the web app's build: %w", err)
	}
	return files, complete(files)
}

func compressed(name string) bool {
	for _, e := range encodings {
		if strings.HasSuffix(name, e.suffix) {
			return true
		}
	}
	return false
}

func read(dist fs.FS, name string) (file, error) {
	mime, known := mimes[path.Ext(name)]
	if !known {
		mime = "application/octet-stream"
	}
	f := file{mime: mime, cache: cacheAsk}
	if strings.HasPrefix("/"+name, assetPrefix) {
		f.cache = cacheForever
	}
	for _, e := range encodings {
		body, err := fs.ReadFile(dist, name+e.suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return f, err
		}
		f.variants = append(f.variants, newVariant(e.name, body))
	}
	body, err := fs.ReadFile(dist, name)
	f.variants = append(f.variants, newVariant(identity, body))
	return f, err
}

// newVariant tags the bytes that are sent: each form has its own tag, as a strong tag must.
func newVariant(encoding string, body []byte) variant {
	sum := sha256.Sum256(body)
	return variant{encoding: encoding, body: body, etag: `"` + hex.EncodeToString(sum[:12]) + `"`}
}

var assetReference = regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`)

// complete says whether every file that the page names is there.
func complete(files map[string]file) error {
	index := files[indexPath]
	page := index.variants[len(index.variants)-1].body
	for _, found := range assetReference.FindAllSubmatch(page, -1) {
		if _, ok := files[string(found[1])]; !ok {
			return fmt.Errorf("the web app's build is incomplete: index.html names %s, which is not there; run \"npm run build\" in web/ and build this binary again", found[1])
		}
	}
	return nil
}
