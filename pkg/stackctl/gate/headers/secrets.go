package headers

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"

	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

// reader reads what strangers are sent with the eyes of the redactor: a secret
// of the release in any of its encodings.
type reader struct {
	known  map[string]string
	secret *redact.Redactor

	mu   sync.Mutex
	read map[[sha256.Size]byte]bool
	told map[string]ask // the first ask that brought each secret, by its name
}

func newReader(known map[string]string) *reader {
	return &reader{known: known, secret: redact.New(known), read: map[[sha256.Size]byte]bool{}, told: map[string]ask{}}
}

// look reads one answer to somebody who showed nothing; the same bytes once.
func (r *reader) look(a ask, got reply) {
	if r == nil || len(r.known) == 0 || got.err != nil || a.inside || slices.ContainsFunc(a.lines, func(l string) bool { return strings.HasPrefix(l, "Authorization:") }) {
		return
	}
	var text bytes.Buffer
	_ = got.header.Write(&text) // a buffer takes everything
	text.Write(got.body)
	sum := sha256.Sum256(text.Bytes())
	r.mu.Lock()
	known := r.read[sum]
	r.read[sum] = true
	r.mu.Unlock()
	if known {
		return
	}
	for _, hit := range r.secret.Find(text.Bytes()) {
		if _, ours := r.known[hit.Name]; !ours {
			continue // a pattern: scripts are full of what looks like a secret
		}
		r.mu.Lock()
		if first, seen := r.told[hit.Name]; !seen || a.label < first.label {
			r.told[hit.Name] = a
		}
		r.mu.Unlock()
	}
}

// findings tell each secret once, without a byte of it.
func (r *reader) findings() []stack.Finding {
	var out []stack.Finding
	for name, first := range r.told {
		out = append(out, stack.Finding{Subject: first.host, Rule: secretToldRule.ID, Problem: "an answer holds the secret " + name, Expected: "no secret of the release, in any encoding",
			Observed: probe.Shown(first.label), Fix: secretToldRule.Fix, Evidence: "headers.json"})
	}
	return out
}
