package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/checker"
	"github.com/oasdiff/oasdiff/diff"
	"github.com/oasdiff/oasdiff/flatten/allof"
	"github.com/oasdiff/oasdiff/load"
)

// Breaking finds what clients of the document before cannot live with in
// the document now: oasdiff's rules, and our own where those are too mild.
func Breaking(before, now *Doc, csrf string) ([]Difference, error) {
	list, err := breaking(before, now)
	if err != nil {
		return nil, err
	}
	called, err := calledBack(before, now)
	return slices.Concat(Weaker(before, now, csrf), list, called), err
}

// breaking is what changes on the wire of the operations of both documents,
// and what oasdiff finds beside it.
func breaking(before, now *Doc) ([]Difference, error) {
	same, list, err := wires(before, now)
	if err != nil {
		return nil, err
	}
	theirs, err := oasdiff(before, now)
	for _, d := range theirs {
		if !same[d.Subject] && !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	return list, err
}

// wires names the operations that are the same on the wire, and tells what of
// the others is not. oasdiff is not heard on the first: it sees changes where
// only the spelling differs.
func wires(before, now *Doc) (same map[string]bool, list []Difference, err error) {
	same = map[string]bool{}
	known := map[string]Operation{}
	for _, o := range before.Operations() {
		known[o.key()] = o
	}
	list, err = guard(func(c *Comparer) {
		for _, o := range now.Operations() {
			was, ok := known[o.key()]
			if !ok {
				continue
			}
			side := &Comparer{Want: before, Got: now, seen: map[[2]uintptr]bool{}, classes: c.classes}
			side.operation(was, o)
			c.op, c.steps, c.classes = o.Name(), 0, side.classes
			if len(side.Found) == 0 {
				same[was.Name()], same[o.Name()] = true, true
				continue
			}
			c.wire(was, o)
		}
	}, before, now)
	return same, list, err
}

// oasdiff hears oasdiff on three spellings of the same two documents: as
// they are, with compositions of one branch unwrapped, and with allOf merged.
// What breaks clients breaks them in each; a change of the spelling alone
// shows in one and not in another.
func oasdiff(before, now *Doc) ([]Difference, error) {
	list, err := hear(before, now, asIs)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	for _, spelling := range []spelling{unwrapped, merged} {
		other, err := hear(before, now, spelling)
		if err != nil {
			continue // this spelling cannot be made: the others stand
		}
		list = slices.DeleteFunc(list, func(d Difference) bool {
			return !slices.ContainsFunc(other, func(o Difference) bool { return o.Subject == d.Subject })
		})
	}
	return list, nil
}

// spelling is a way to write a document down.
type spelling int

const (
	asIs spelling = iota
	unwrapped
	merged
)

// hear runs oasdiff. A panic in it is an error: it could not judge.
func hear(before, now *Doc, spelling spelling) (list []Difference, err error) {
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
		if tolerated(c) {
			continue
		}
		subject := strings.TrimSpace(c.GetOperation() + " " + c.GetPath())
		if subject == "" {
			subject = "components"
		}
		d := Difference{Subject: subject, Where: c.GetId(), Problem: c.GetUncolorizedText(say), Expected: "what clients of the release before rely on", Observed: "changed"}
		if !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	return list, nil
}

// tolerated tells the changes that oasdiff reports and we do not: security
// has our own, stricter rules, and a parameter that nobody reads any more is
// no harm to who still sends it.
func tolerated(c checker.Change) bool {
	id := c.GetId()
	return strings.HasPrefix(id, "api-security-") || strings.HasPrefix(id, "api-global-security-") ||
		strings.HasPrefix(id, "components-security-") || id == checker.RequestParameterRemovedId
}

// g2Load hands a document to kin-openapi: self-contained, without what is no
// part of the interface (extensions, deprecation), in the given spelling.
func g2Load(d *Doc, spelling spelling) (*openapi3.T, error) {
	root := maps.Clone(d.Root)
	delete(root, "webhooks") // calledBack judges them: there the server is the client
	content, err := json.Marshal(plain(root, false, spelling != asIs))
	if err != nil {
		return nil, err
	}
	loader := openapi3.NewLoader()
	loader.IsExternalRefsAllowed = false
	doc, err := loader.LoadFromData(content)
	if err != nil || spelling != merged {
		return doc, err
	}
	return allof.MergeSpec(doc)
}

// plain copies a value; names says that its keys are names, not keywords.
func plain(v any, names, unwrap bool) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e, false, unwrap)
		}
		return out
	case map[string]any:
		if unwrap && !names {
			v = single(g2Unwrap(v))
		}
		out := make(map[string]any, len(v))
		for k, e := range v {
			switch {
			case names:
				out[k] = plain(e, false, unwrap)
			case k == "deprecated" || k == "example" || k == "examples" || strings.HasPrefix(k, "x-"):
			case k == "default" || k == "enum" || k == "const":
				out[k] = e
			default:
				out[k] = plain(e, nameMap(k), unwrap)
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
		bare := bare(m)
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

// single writes a choice of one branch, beside other keywords, as what must
// hold too: a choice of one is none.
func single(m map[string]any) map[string]any {
	for _, word := range []string{"anyOf", "oneOf"} {
		if list, _ := m[word].([]any); len(list) == 1 {
			m = maps.Clone(m)
			parts, _ := m["allOf"].([]any)
			m["allOf"] = append(slices.Clone(parts), list[0])
			delete(m, word)
		}
	}
	return m
}
