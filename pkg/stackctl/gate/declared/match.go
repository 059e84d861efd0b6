package declared

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/theory/jsonpath"

	"stackctl/pkg/stackctl/stack"
)

// decode reads one JSON document; numbers keep their digits.
func decode(raw []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, errors.New("not JSON: " + stack.Short(string(bytes.TrimSpace(raw)), 80))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON document")
	}
	return v, nil
}

// jsonAll judges every JSONPath expectation on one document.
func (l *look) jsonAll(where string, raw []byte, list []stack.JSONMatch) error {
	if len(list) == 0 {
		return nil
	}
	v, bad := decode(raw)
	if bad != nil {
		l.expect(where+" body", "one JSON document", bad.Error(), false)
		return nil
	}
	return l.jsonIn(where, v, list)
}

func (l *look) jsonIn(where string, v any, list []stack.JSONMatch) error {
	for _, m := range list {
		path, err := jsonpath.Parse(m.Path)
		if err != nil {
			return fmt.Errorf("read the path %s: %w", m.Path, err)
		}
		nodes := path.Select(v)
		if err := l.some(where+" "+m.Path, m.Match, nodes); err != nil {
			return err
		}
	}
	return nil
}

// some judges what was selected: there is something, and all of it fits.
func (l *look) some(subject string, m stack.Match, values []any) error {
	want, err := l.matcher(m)
	if err != nil {
		return err
	}
	if m.Exists != nil && !*m.Exists {
		l.expect(subject, "nothing there", show(values), len(values) == 0)
		return nil
	}
	if len(values) == 0 {
		l.expect(subject, want.String(), "nothing there", false)
		return nil
	}
	for _, v := range values {
		if !want.fits(v) {
			l.expect(subject, want.String(), text(v), false)
			return nil
		}
	}
	l.expect(subject, want.String(), show(values), true)
	return nil
}

// matcher is a stack.Match, ready to compare.
type matcher struct {
	stack.Match
	equals any
	re     *regexp.Regexp
}

func (l *look) matcher(m stack.Match) (matcher, error) {
	out := matcher{Match: m, equals: m.Equals}
	if text, ok := m.Equals.(string); ok {
		out.equals = l.words.Replace(text)
	}
	out.Contains = l.words.Replace(m.Contains)
	if m.Matches != "" {
		var err error
		if out.re, err = regexp.Compile(m.Matches); err != nil {
			return out, fmt.Errorf("read the expression %s: %w", m.Matches, err)
		}
	}
	return out, nil
}

// String returns what is expected, for people.
func (m matcher) String() string {
	var parts []string
	say := func(format string, v any) { parts = append(parts, fmt.Sprintf(format, v)) }
	if m.equals != nil {
		say("%s", text(m.equals))
	}
	if m.Contains != "" {
		say("text with %q", m.Contains)
	}
	if m.re != nil {
		say("text that matches %s", m.Matches)
	}
	if m.AtLeast != nil {
		say("at least %v", *m.AtLeast)
	}
	if m.AtMost != nil {
		say("at most %v", *m.AtMost)
	}
	if len(parts) == 0 {
		return "something there"
	}
	return strings.Join(parts, ", ")
}

func (m matcher) fits(v any) bool {
	text := plain(v)
	if m.equals != nil && !equal(m.equals, v) {
		return false
	}
	if m.Contains != "" && !strings.Contains(text, m.Contains) {
		return false
	}
	if m.re != nil && !m.re.MatchString(text) {
		return false
	}
	if m.AtLeast == nil && m.AtMost == nil {
		return true
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return err == nil && (m.AtLeast == nil || n >= *m.AtLeast) && (m.AtMost == nil || n <= *m.AtMost)
}

// equal compares by value and kind: 1 is 1.0, but not "1" and not true.
func equal(want, got any) bool {
	switch w := want.(type) {
	case string:
		s, ok := got.(string)
		return ok && s == w
	case bool:
		b, ok := got.(bool)
		return ok && b == w
	}
	number, ok := got.(json.Number)
	if !ok {
		return false
	}
	wanted := plain(want)
	if number.String() == wanted {
		return true
	}
	// Digits beyond a float's would be lost: whole numbers compare as text.
	if !strings.ContainsAny(number.String()+wanted, ".eE") {
		return false
	}
	a, errA := number.Float64()
	b, errB := strconv.ParseFloat(wanted, 64)
	return errA == nil && errB == nil && a == b
}

// plain is a value as text: a string itself, anything else as JSON.
func plain(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return text(v)
}

// text is a value as JSON, on one line.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return stack.Short(string(b), 200)
}

func show(values []any) string {
	if len(values) == 1 {
		return text(values[0])
	}
	return text(values)
}
