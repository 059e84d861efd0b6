package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/stack"
)

// trustNodes shows the host keys of each node of a target, or adds the one that has
// the fingerprint.
func (o *trustOptions) trustNodes(ctx context.Context, t stack.Target) error {
	nodes, err := config.Nodes(t)
	if err != nil {
		return err
	}
	all := map[string][]host.HostKey{}
	for i, n := range nodes {
		keys, err := host.Scan(ctx, host.OptionsFor(n, false))
		if err != nil {
			return fmt.Errorf("%s: %w", t.Nodes[i].Name, err)
		}
		all[t.Nodes[i].Name] = keys
		at := slices.IndexFunc(keys, func(k host.HostKey) bool { return k.Fingerprint == o.fingerprint })
		if o.fingerprint != "" && at >= 0 {
			return o.trustNode(t.Nodes[i].Name, n, keys[at])
		}
	}
	switch {
	case o.fingerprint != "":
		return stack.Fault(stack.CauseUnreachable, "trust the nodes of "+t.Name, errors.New("no host key of any has the fingerprint "+o.fingerprint), "it may be another server; compare again")
	case o.output == "json":
		return o.json(all)
	}
	for _, n := range t.Nodes {
		for _, k := range all[n.Name] {
			fmt.Fprintf(o.out, "%s %s %s\n", n.Name, k.Fingerprint, k.Type)
		}
	}
	if !o.quiet {
		fmt.Fprintf(o.errs, "nothing was added: where the console or provider of a server shows one of its, run `stackctl trust --target %s --fingerprint SHA256:…`, once a server\n", t.Name)
	}
	return nil
}

func (o *trustOptions) trustNode(name string, n stack.Target, key host.HostKey) error {
	file, err := host.Trust(host.OptionsFor(n, false), key)
	if err != nil {
		return err
	}
	if o.output == "json" {
		return o.json(key)
	}
	fmt.Fprintf(o.out, "%s (%s) is trusted: %s\n", name, n.Host, file)
	return nil
}
