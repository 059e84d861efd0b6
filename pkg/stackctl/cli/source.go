package cli

import (
	"context"
	"maps"
	"os"
	"slices"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/secret"
	"stackctl/pkg/stackctl/stack"
)

// secretReader reads what stackctl.yaml has under secrets.
func secretReader(c stack.Config) *secret.Reader {
	return &secret.Reader{File: c.File, Root: c.Root, Age: c.Age, Ask: host.AskTerminal, Env: os.Getenv}
}

// readSecrets reads every secret from where it is kept, once. Each is masked
// from then on, also where a later one cannot be read.
func (o *options) readSecrets(ctx context.Context, c *stack.Config) error {
	if len(c.Secrets) == 0 {
		return nil
	}
	if o.redactor == nil {
		o.redactor = redact.New(nil)
	}
	from, values := secretReader(*c), maps.Clone(c.Secrets)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		s := values[name]
		value, err := from.Read(ctx, name, s)
		if err != nil {
			return err
		}
		s.Value = value
		o.redactor.Add(name, s.Text())
		values[name], c.Secrets = s, values
	}
	return nil
}
