package redact

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Pattern is one thing that looks like a secret.
type Pattern struct {
	// Rule is gitleaks' name of what it looks like.
	Rule string
	Line int

	secret, match, line string
}

// Patterns finds what looks like a secret in a finished text: the second
// net, for values that nobody declared.
func Patterns(content []byte) ([]Pattern, error) {
	d, err := theDetector()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(d.find(string(content)), isMark), nil
}

// isMark tells a finding of what redaction left.
func isMark(p Pattern) bool {
	return strings.Contains(p.secret, "[redacted:") ||
		strings.Contains(p.match, "[redacted:") && strings.HasPrefix("[redacted:", strings.TrimSpace(p.secret))
}

// Document is a finished artifact without secrets: first the known values,
// then what looks like one. JSON stays JSON.
func (r *Redactor) Document(content []byte) ([]byte, error) {
	out, err := maskPatterns(r.Bytes(content))
	if err != nil {
		return nil, err
	}
	if bytes.Equal(out, content) || !json.Valid(content) || json.Valid(out) {
		return out, nil
	}
	return r.jsonDocument(content)
}

// rounds bounds how often a text is looked at again after masking.
const rounds = 4

func maskPatterns(b []byte) ([]byte, error) {
	for round := range rounds {
		found, err := Patterns(b)
		if err != nil || len(found) == 0 {
			return b, err
		}
		for _, p := range found {
			b = p.mask(b, round)
		}
	}
	found, err := Patterns(b)
	if err != nil || len(found) == 0 {
		return b, err
	}
	if json.Valid(b) {
		return withhold()
	}
	return []byte(withheld.Reason + "\n"), nil
}

// withheld stands for a document whose secrets could not be masked one by one.
var withheld = struct {
	Absent bool   `json:"absent"`
	Reason string `json:"reason"`
}{true, "withheld: it held what looks like a secret in a place where it could not be masked"}

func withhold() ([]byte, error) { return json.MarshalIndent(withheld, "", "  ") }

// mask replaces the secret itself; where that is not in the text (it was
// found inside an encoding), the match, and at last the line around it.
func (p Pattern) mask(b []byte, round int) []byte {
	mark := []byte(Mark(p.Rule))
	for _, s := range []string{p.secret, p.match} {
		if round < rounds-1 && s != "" && bytes.Contains(b, []byte(s)) {
			return bytes.ReplaceAll(b, []byte(s), mark)
		}
	}
	if blob := longestBlob(p.line); blob != "" && round < rounds-1 && bytes.Contains(b, []byte(blob)) {
		return bytes.ReplaceAll(b, []byte(blob), mark)
	}
	return bytes.ReplaceAll(b, []byte(p.line), mark)
}

// longestBlob is the longest run of characters of an encoded text in a line.
func longestBlob(line string) string {
	best := ""
	for _, f := range strings.FieldsFunc(line, func(c rune) bool {
		return !(c < 0x80 && isAlnum(byte(c)) || strings.ContainsRune("+/=-_%", c))
	}) {
		if len(f) > len(best) {
			best = f
		}
	}
	if len(best) < 16 {
		return ""
	}
	return best
}

// jsonDocument masks the strings and numbers of a JSON document one by one,
// for where masking its text would break it.
func (r *Redactor) jsonDocument(content []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(content))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r.jsonValue(v)); err != nil {
		return nil, err
	}
	out := r.Bytes(b.Bytes())
	found, err := Patterns(out)
	if err != nil {
		return nil, err
	}
	if !json.Valid(out) || len(found) > 0 {
		return withhold()
	}
	return out, nil
}

func (r *Redactor) jsonValue(v any) any {
	switch v := v.(type) {
	case string:
		return r.jsonText(v)
	case json.Number:
		if s := r.jsonText(v.String()); s != v.String() {
			return s
		}
		return v
	case []any:
		for i := range v {
			v[i] = r.jsonValue(v[i])
		}
		return v
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[r.jsonText(k)] = r.jsonValue(x)
		}
		return out
	}
	return v
}

func (r *Redactor) jsonText(s string) string {
	out, err := maskPatterns(r.Bytes([]byte(s)))
	if err != nil {
		return Mark("unmaskable")
	}
	return string(out)
}
