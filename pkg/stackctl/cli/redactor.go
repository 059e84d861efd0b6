package cli

import (
	"context"
	"maps"
	"os"
	"slices"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/secret"
	"stackctl/pkg/stackctl/stack"
)

// redactor takes the secrets that are known so far out of text.
type redactor struct {
	known *redact.Redactor // nil: none is known
}

// mask returns a text without known secrets.
func (r *redactor) mask(text []byte) []byte {
	if r.known == nil {
		return text
	}
	return r.known.Bytes(text)
}

// safe returns a text without known secrets.
func (r *redactor) safe(text string) string { return string(r.mask([]byte(text))) }

// clean returns text from a host, fit to be shown.
func (r *redactor) clean(text string) string { return r.safe(redact.Printable(text)) }

// learn replaces what is known by what must not be shown of these targets.
func (r *redactor) learn(c stack.Config, targets ...stack.Target) {
	known := map[string]string{}
	for _, t := range targets {
		for name, value := range release.Known(c, t) {
			if was, there := known[name]; there && was != value {
				name += "_" + t.Name
			}
			known[name] = value
		}
	}
	r.known = redact.New(known)
}

// readSecrets reads every secret from where it is kept, once. Each is masked
// from then on, also where a later one cannot be read.
func (r *redactor) readSecrets(ctx context.Context, c *stack.Config) error {
	if len(c.Secrets) == 0 {
		return nil
	}
	if r.known == nil {
		r.known = redact.New(nil)
	}
	from, values := secretReader(*c), maps.Clone(c.Secrets)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		s := values[name]
		value, err := from.Read(ctx, name, s)
		if err != nil {
			return err
		}
		s.Value = value
		r.known.Add(name, s.Text())
		values[name], c.Secrets = s, values
	}
	return nil
}

// secretReader returns what reads the secrets of stackctl.yaml.
func secretReader(c stack.Config) *secret.Reader {
	return &secret.Reader{File: c.File, Root: c.Root, Age: c.Age, Ask: host.AskTerminal, Env: os.Getenv}
}
