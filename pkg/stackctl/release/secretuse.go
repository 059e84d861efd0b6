package release

import (
	"context"
	"maps"
	"slices"

	"stackctl/pkg/stackctl/stack"
)

// SecretUse is a secret of a project and who gets it.
type SecretUse struct {
	Name string
	// Source is where its value is kept. Of a secret that stackctl.yaml does not
	// name it is the file of the compose files; empty: a variable's value.
	Source stack.SecretSource
	// Services mount it, by the layer of each. Variable says that compose files
	// use it as a variable.
	Services map[string]stack.Layer
	Variable bool
}

// SecretUses lists the secrets of the compose files and of stackctl.yaml, by
// name. No value is read.
func SecretUses(ctx context.Context, c stack.Config, t stack.Target) ([]SecretUse, error) {
	unread := map[string]stack.SecretSource{}
	for name, s := range c.Secrets {
		s.Value = []byte("not read")
		unread[name] = s
	}
	c.Secrets = unread
	d, err := open(ctx, c, t)
	if err != nil {
		return nil, err
	}
	files, err := SecretFiles(c)
	if err != nil {
		return nil, err
	}
	uses := map[string]SecretUse{}
	for name, file := range files {
		uses[name] = SecretUse{Name: name, Source: stack.SecretSource{File: file}, Services: map[string]stack.Layer{}}
	}
	for name := range d.project.Secrets {
		if _, has := uses[name]; !has {
			uses[name] = SecretUse{Name: name, Services: map[string]stack.Layer{}}
		}
	}
	for name, s := range c.Secrets {
		s.Value = nil
		uses[name] = SecretUse{Name: name, Source: s, Services: map[string]stack.Layer{}, Variable: d.used[name]}
	}
	for _, s := range d.Services() {
		for _, name := range s.Secrets {
			if use, is := uses[name]; is {
				use.Services[s.Name] = s.Layer
			}
		}
	}
	var out []SecretUse
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		out = append(out, uses[name])
	}
	return out, nil
}
