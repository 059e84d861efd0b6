package gate

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/checker"
	"github.com/oasdiff/oasdiff/diff"
	"github.com/oasdiff/oasdiff/flatten/allof"
	"github.com/oasdiff/oasdiff/load"
)

// g2Breaking finds what clients of the document before cannot live with in
// the document now: oasdiff's rules, and our own where those are too mild.
func g2Breaking(before, now *g2Doc, csrf string) ([]g2Difference, error) {
	same, err := g2Same(before, now)
	if err != nil {
		return nil, err
	}
	list := g2Weaker(before, now, csrf)
	theirs, err := g2Oasdiff(before, now)
	for _, d := range theirs {
		if !same[d.Subject] && !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	return list, err
}

// g2Same names the operations that are the same on the wire. oasdiff is not
// heard on them: it sees changes where only the spelling differs.
func g2Same(before, now *g2Doc) (map[string]bool, error) {
	same := map[string]bool{}
	known := map[string]g2Operation{}
	for _, o := range before.operations() {
		known[o.key()] = o
	}
	for _, o := range now.operations() {
		was, ok := known[o.key()]
		if !ok {
			continue
		}
		list, err := g2Guard(func(c *g2Comparer) { c.operation(was, o) }, before, now)
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			same[was.name()], same[o.name()] = true, true
		}
	}
	return same, nil
}

// g2Oasdiff hears oasdiff on three spellings of the same two documents: as
// they are, with compositions of one branch unwrapped, and with allOf merged.
// What breaks clients breaks them in each; a change of the spelling alone
// shows in one and not in another.
func g2Oasdiff(before, now *g2Doc) ([]g2Difference, error) {
	list, err := g2Hear(before, now, g2AsIs)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	for _, spelling := range []g2Spelling{g2Unwrapped, g2Merged} {
		other, err := g2Hear(before, now, spelling)
		if err != nil {
			continue // this spelling cannot be made: the others stand
		}
		list = slices.DeleteFunc(list, func(d g2Difference) bool {
			return !slices.ContainsFunc(other, func(o g2Difference) bool { return o.Subject == d.Subject })
		})
	}
	return list, nil
}

// g2Spelling is a way to write a document down.
type g2Spelling int

const (
	g2AsIs g2Spelling = iota
	g2Unwrapped
	g2Merged
)

// g2Hear runs oasdiff. A panic in it is an error: it could not judge.
func g2Hear(before, now *g2Doc, spelling g2Spelling) (list []g2Difference, err error) {
	defer func() {
		if r := recover(); r != nil {
			list, err = nil, fmt.Errorf("compare with oasdiff: it panicked: %v", r)
		}
	}()
	a, err := g2Load(before, spelling)
	if err != nil {
		return nil, fmt.Errorf("load the contract of the release before: %w", err)
	}
	b, err := g2Load(now, spelling)
	if err != nil {
		return nil, fmt.Errorf("load the contract of this release: %w", err)
	}
	report, sources, err := diff.GetWithOperationsSourcesMap(diff.NewConfig(),
		&load.SpecInfo{Url: "before", Spec: a}, &load.SpecInfo{Url: "now", Spec: b})
	if err != nil {
		return nil, fmt.Errorf("compare with oasdiff: %w", err)
	}
	conf := checker.NewConfig(checker.GetAllChecks(), checker.WithStabilityLevel(checker.StabilityDraft))
	say := checker.NewDefaultLocalizer()
	for _, c := range checker.CheckBackwardCompatibilityUntilLevel(conf, report, sources, checker.WARN) {
		if g2Tolerated(c) {
			continue
		}
		subject := strings.TrimSpace(c.GetOperation() + " " + c.GetPath())
		if subject == "" {
			subject = "components"
		}
		d := g2Difference{subject, c.GetId(), c.GetUncolorizedText(say), "what clients of the release before rely on", "changed"}
		if !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	return list, nil
}

// g2Tolerated tells the changes that oasdiff reports and we do not: security
// has our own, stricter rules, and a parameter that nobody reads any more is
// no harm to who still sends it.
func g2Tolerated(c checker.Change) bool {
	id := c.GetId()
	return strings.HasPrefix(id, "api-security-") || strings.HasPrefix(id, "api-global-security-") ||
		strings.HasPrefix(id, "components-security-") || id == checker.RequestParameterRemovedId
}

// g2Load hands a document to kin-openapi: self-contained, without what is no
// part of the interface (extensions, deprecation), in the given spelling.
func g2Load(d *g2Doc, spelling g2Spelling) (*openapi3.T, error) {
	content, err := json.Marshal(g2Plain(d.root, false, spelling != g2AsIs))
	if err != nil {
		return nil, err
	}
	loader := openapi3.NewLoader()
	loader.IsExternalRefsAllowed = false
	doc, err := loader.LoadFromData(content)
	if err != nil || spelling != g2Merged {
		return doc, err
	}
	return allof.MergeSpec(doc)
}

// g2Plain copies a value; names says that its keys are names, not keywords.
func g2Plain(v any, names, unwrap bool) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = g2Plain(e, false, unwrap)
		}
		return out
	case map[string]any:
		if unwrap && !names {
			v = g2Unwrap(v)
		}
		out := make(map[string]any, len(v))
		for k, e := range v {
			switch {
			case names:
				out[k] = g2Plain(e, false, unwrap)
			case k == "deprecated" || k == "example" || k == "examples" || strings.HasPrefix(k, "x-"):
			case k == "default" || k == "enum" || k == "const":
				out[k] = e
			default:
				out[k] = g2Plain(e, g2NameMap(k), unwrap)
			}
		}
		return out
	}
	return v
}

// g2Unwrap replaces a schema that is nothing but a composition of one branch
// by that branch.
func g2Unwrap(m map[string]any) map[string]any {
	for range 10 {
		bare := g2Bare(m)
		if len(bare) != 1 {
			return m
		}
		var branch map[string]any
		for _, word := range []string{"allOf", "anyOf", "oneOf"} {
			if list, ok := bare[word].([]any); ok && len(list) == 1 {
				branch, _ = list[0].(map[string]any)
			}
		}
		if branch == nil || reflect.ValueOf(branch).Pointer() == reflect.ValueOf(m).Pointer() {
			return m
		}
		m = branch
	}
	return m
}
