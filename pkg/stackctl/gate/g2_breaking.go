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
	"github.com/oasdiff/oasdiff/load"
)

// g2Breaking finds what clients of the document before cannot live with in
// the document now: oasdiff's rules, and our own where those are too mild.
func g2Breaking(before, now *g2Doc, csrf string) ([]g2Difference, error) {
	same, err := g2Compare(before, now)
	if err != nil || len(same) == 0 {
		return nil, err
	}
	list := g2Weaker(before, now, csrf)
	theirs, err := g2Oasdiff(before, now)
	if err != nil {
		return list, err
	}
	for _, d := range theirs {
		if !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	return list, nil
}

// g2Oasdiff runs oasdiff over both documents. A panic in it is an error: it
// could not judge.
func g2Oasdiff(before, now *g2Doc) (list []g2Difference, err error) {
	defer func() {
		if r := recover(); r != nil {
			list, err = nil, fmt.Errorf("compare with oasdiff: it panicked: %v", r)
		}
	}()
	a, err := g2Load(before)
	if err != nil {
		return nil, fmt.Errorf("load the contract of the release before: %w", err)
	}
	b, err := g2Load(now)
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
// part of the interface (extensions, deprecation), and with compositions of
// one branch unwrapped, which oasdiff takes for a change.
func g2Load(d *g2Doc) (*openapi3.T, error) {
	content, err := json.Marshal(d.plain(d.root, false))
	if err != nil {
		return nil, err
	}
	loader := openapi3.NewLoader()
	loader.IsExternalRefsAllowed = false
	return loader.LoadFromData(content)
}

// plain copies a value; names says that its keys are names, not keywords.
func (d *g2Doc) plain(v any, names bool) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = d.plain(e, false)
		}
		return out
	case map[string]any:
		if !names {
			v = g2Unwrap(v)
		}
		out := make(map[string]any, len(v))
		for k, e := range v {
			switch {
			case names:
				out[k] = d.plain(e, false)
			case k == "deprecated" || k == "example" || k == "examples" || strings.HasPrefix(k, "x-"):
			case k == "default" || k == "enum" || k == "const":
				out[k] = e
			default:
				out[k] = d.plain(e, g2NameMap(k))
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
