package openapi

import (
	"fmt"
	"strings"

	"github.com/oasdiff/oasdiff/checker"
)

// calledBack finds what receivers of callbacks and webhooks cannot live with.
// There the server is the client: what it sends now must fit what the
// receivers of the document before take.
func calledBack(before, now *Doc) ([]Difference, error) {
	was, is := before.calls(), now.calls()
	var list []Difference
	for _, path := range Keys(was) {
		if _, ok := is[path]; !ok {
			list = append(list, Difference{Subject: told(path), Problem: "not called any more", Expected: "called", Observed: "not there"})
			delete(was, path)
		}
	}
	for path := range is {
		if _, ok := was[path]; !ok {
			delete(is, path) // nobody waits for it
		}
	}
	if len(was) == 0 {
		return list, nil
	}
	found, err := breaking(now.with(is), before.with(was))
	for _, d := range found {
		if d.Where == checker.RequestPropertyRemovedId {
			continue // a property more is sent
		}
		method, path, _ := strings.Cut(d.Subject, " ")
		d.Subject = strings.TrimSpace(method + " of " + told(path))
		list = append(list, d)
	}
	return list, err
}

// calls are the callbacks and webhooks of a document as path items, by a path
// that names each.
func (d *Doc) calls() map[string]any {
	out := map[string]any{}
	for _, o := range d.Operations() {
		callbacks, _ := o.Op["callbacks"].(map[string]any)
		for name, v := range callbacks {
			for i, expression := range Keys(extensionless(d.Object(v))) {
				out[fmt.Sprintf("/%s%s/callbacks/%s/%d", o.Method, strings.NewReplacer("{", "", "}", "").Replace(PathKey(o.Path)), name, i)] = d.Object(v)[expression]
			}
		}
	}
	webhooks, _ := d.Root["webhooks"].(map[string]any)
	for name, v := range webhooks {
		out["/webhooks/"+name] = v
	}
	return out
}

func told(path string) string { return strings.TrimPrefix(path, "/") }

// with is the document with other paths.
func (d *Doc) with(paths map[string]any) *Doc {
	root := map[string]any{}
	for k, v := range d.Root {
		if k != "webhooks" {
			root[k] = v
		}
	}
	root["paths"] = paths
	return newDoc(root)
}
