// Package redact owns the one choke point that text passes before it leaves:
// files, terminal, reports, errors. It knows the values that must stay secret
// and how they look in every common encoding. It must not know who writes the
// text, or where to.
package redact

import (
	"net/url"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
)

// MinLength is the shortest value that is masked. A shorter one would mask
// half of every text, so it is refused (see Refused).
const MinLength = 6

// common are words that stand in texts for themselves. A secret that equals
// one is refused: masking it would hide the report, and it protects nothing.
var common = map[string]bool{
	"access": true, "administrator": true, "artifacts": true, "changeme": true, "compose": true,
	"database": true, "default": true, "deploy": true, "development": true, "docker": true,
	"enabled": true, "disabled": true, "example": true, "example.com": true, "healthy": true,
	"localhost": true, "passed": true, "failed": true, "password": true, "pgadmin": true,
	"postgres": true, "postgresql": true, "production": true, "release": true, "running": true,
	"secret": true, "server": true, "service": true, "stackctl": true, "staging": true,
	"static": true, "traefik": true, "worker": true, "scheduler": true, "unknown": true,
	"123456": true, "000000": true, "127.0.0.1": true, "0.0.0.0": true,
}

// Hit is one place where a secret was found.
type Hit struct {
	// Name is the secret's name, or the rule of the pattern net.
	Name string
	// Start and End are byte offsets into the text.
	Start, End int
}

// Refused is a secret that is not masked, and why.
type Refused struct {
	Name string
	Why  string
}

// Redactor replaces known secrets by [redacted:NAME]. It is safe for
// concurrent use. A nil Redactor changes nothing.
type Redactor struct {
	mu      sync.Mutex
	known   map[string]string
	refused map[string]string
	current atomic.Pointer[index]
}

// New makes a Redactor for known secrets by name. Values that cannot be
// masked are left out; Refused names them.
func New(known map[string]string) *Redactor {
	r := &Redactor{known: map[string]string{}, refused: map[string]string{}}
	r.add(known)
	return r
}

// Add makes one more value known, such as a password that a gate made up.
// Text that left before is not taken back.
func (r *Redactor) Add(name, value string) { r.add(map[string]string{name: value}) }

func (r *Redactor) add(known map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, value := range known {
		if why := refuse(value); why != "" {
			r.refused[name] = why
			continue
		}
		r.known[name] = value
	}
	r.current.Store(newIndex(r.known))
}

// Refused lists the secrets that are not masked, sorted by name.
func (r *Redactor) Refused() []Refused {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Refused
	for name, why := range r.refused {
		out = append(out, Refused{Name: name, Why: why})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// TooShort lists the names of known secrets that would not be masked, sorted:
// shorter than MinLength, or a common word. A deploy should refuse them.
func TooShort(known map[string]string) []string {
	var out []string
	for name, value := range known {
		if value != "" && refuse(value) != "" {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}

func refuse(value string) string {
	v := strings.TrimSpace(value)
	switch {
	case len(v) < MinLength:
		return "shorter than 6 bytes: too short to tell from other text"
	case common[strings.ToLower(v)]:
		return "a common word: masking it would hide the text around it"
	}
	return ""
}

// Bytes is b with every known secret replaced. It returns b itself where
// there is none.
func (r *Redactor) Bytes(b []byte) []byte {
	ix := r.index()
	if ix == nil {
		return b
	}
	return mask(b, ix.all(b))
}

// String is s with every known secret replaced.
func (r *Redactor) String(s string) string {
	if r.index() == nil {
		return s
	}
	return string(r.Bytes([]byte(s)))
}

// Find returns where known secrets are in b, in any encoding.
func (r *Redactor) Find(b []byte) []Hit {
	ix := r.index()
	if ix == nil {
		return nil
	}
	spans := ix.all(b)
	hits := make([]Hit, len(spans))
	for i, s := range spans {
		hits[i] = Hit{Name: s.name, Start: s.start, End: s.end}
	}
	return hits
}

func (r *Redactor) index() *index {
	if r == nil {
		return nil
	}
	ix := r.current.Load()
	if ix == nil || ix.empty() {
		return nil
	}
	return ix
}

// Mark is what stands for a secret.
func Mark(name string) string { return "[redacted:" + safeName(name) + "]" }

// safeName keeps a name harmless in JSON, XML, YAML and shell.
func safeName(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.':
			return c
		}
		return '_'
	}, name)
}

// Parts returns the values to look for when value is secret: itself without the
// newline at its end, the password inside a URL, each long line of several.
func Parts(value string) []string {
	whole := strings.TrimSpace(value)
	out := []string{whole}
	if u, err := url.Parse(whole); err == nil && u.User != nil {
		if p, ok := u.User.Password(); ok && refuse(p) == "" {
			out = append(out, p)
		}
	}
	lines := strings.Split(whole, "\n")
	if len(lines) == 1 {
		return out
	}
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if len(line) >= minLine && !strings.HasPrefix(line, "-----") && refuse(line) == "" {
			out = append(out, line)
		}
	}
	return out
}

// minLine is the shortest line of a value of several lines that is looked
// for on its own.
const minLine = 10

func mask(b []byte, spans []span) []byte {
	if len(spans) == 0 {
		return b
	}
	out := make([]byte, 0, len(b))
	at := 0
	for _, s := range spans {
		out = append(out, b[at:s.start]...)
		out = append(out, Mark(s.name)...)
		at = s.end
	}
	return append(out, b[at:]...)
}
