package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"
)

// maxBody bounds a request's body, maxDepth how deep its values nest.
const (
	maxBody  = 64 << 10
	maxDepth = 32
)

// readBody reads a body that is JSON, all of it, in UTF-8, not too large, and
// with one meaning. An operation without a body gets none.
func readBody(c *gin.Context, op *openapi3.Operation) (problem, bool) {
	r := c.Request
	if op.RequestBody == nil {
		r.Body, r.ContentLength = http.NoBody, 0
		return problem{}, true
	}
	if !isJSON(r.Header) {
		return problem{status: http.StatusUnsupportedMediaType, kind: "unsupported-media-type", detail: "The body must be application/json."}, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return problem{status: http.StatusRequestEntityTooLarge, kind: "too-large", detail: "The body is larger than 64 KiB."}, false
	case errors.Is(err, os.ErrDeadlineExceeded):
		return problem{status: http.StatusRequestTimeout, kind: "request-timeout", detail: "The body came too slowly."}, false
	case err != nil || !utf8.Valid(body) || !json.Valid(body):
		return problem{status: http.StatusBadRequest, kind: "invalid-request", detail: "The body is not valid JSON in UTF-8."}, false
	}
	if err := oneMeaning(body); err != nil {
		return problem{status: http.StatusBadRequest, kind: "invalid-request", detail: "The body " + err.Error() + "."}, false
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return problem{}, true
}

// isJSON reports whether the headers tell of JSON in UTF-8, once and as it is.
func isJSON(h http.Header) bool {
	if len(h.Values("Content-Type")) != 1 || h.Get("Content-Encoding") != "" {
		return false
	}
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset := params["charset"]
	return err == nil && kind == "application/json" && (charset == "" || strings.EqualFold(charset, "utf-8"))
}

// oneMeaning refuses valid JSON that two readers could understand in two ways:
// a member that is given twice (RFC 8259, 4), in whatever spelling, and nesting
// that some readers give up on. Its errors end the sentence "The body …".
func oneMeaning(body []byte) error {
	type level struct {
		object bool
		name   bool // a member's name comes next
		seen   map[string]bool
	}
	var open []level
	for dec := json.NewDecoder(bytes.NewReader(body)); ; {
		token, err := dec.Token()
		if err != nil {
			return nil // its end: that it is valid has been seen
		}
		top := len(open) - 1
		if d, ok := token.(json.Delim); ok && (d == '}' || d == ']') {
			open = open[:top]
			continue
		}
		if top >= 0 && open[top].object {
			if name, ok := token.(string); ok && open[top].name {
				if folded := strings.ToLower(name); open[top].seen[folded] {
					return errors.New("names a member twice")
				} else {
					open[top].seen[folded] = true
				}
				open[top].name = false
				continue
			}
			open[top].name = true
		}
		if d, ok := token.(json.Delim); ok {
			if len(open) == maxDepth {
				return fmt.Errorf("nests deeper than %d values", maxDepth)
			}
			open = append(open, level{object: d == '{', name: d == '{', seen: map[string]bool{}})
		}
	}
}
