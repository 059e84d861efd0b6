package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/stack"
)

// trustOptions are the flags of trust, and what it needs.
type trustOptions struct {
	*printer
	project *project

	fingerprint string // empty: show the keys
}

func newTrust(s *session, run func(context.Context, *trustOptions) error) *cobra.Command {
	o := &trustOptions{printer: s.printer, project: s.project}
	cmd := &cobra.Command{
		Use: "trust", Args: cobra.NoArgs,
		Short: "Add a server's host key to known_hosts after you compared its fingerprint",
		Long: `trust asks the server for its host keys and shows their fingerprints. With
--fingerprint it adds the key that has it. Compare the fingerprint with what the
provider's console shows; only then is the server the one that you rented. Of a
target with several servers all are asked; each fingerprint is added by itself.`,
		Example: "  stackctl trust --target production\n  stackctl trust --target production --fingerprint SHA256:…",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.fingerprint, "fingerprint", "", "the `SHA256:…` fingerprint that you compared")
	return cmd
}

func runTrust(ctx context.Context, o *trustOptions) error {
	_, t, err := o.project.load()
	if err != nil {
		return err
	}
	if t.Clustered() {
		return o.trustNodes(ctx, t)
	}
	keys, err := host.Scan(ctx, host.OptionsFor(t, false))
	if err != nil {
		return err
	}
	if o.fingerprint == "" {
		return o.showKeys(keys, t)
	}
	at := slices.IndexFunc(keys, func(k host.HostKey) bool { return k.Fingerprint == o.fingerprint })
	if at < 0 {
		return stack.Fault(stack.CauseUnreachable, "trust "+t.Host, errors.New("no host key has the fingerprint "+o.fingerprint), "it may be another server; compare again")
	}
	file, err := host.Trust(host.OptionsFor(t, false), keys[at])
	if err != nil {
		return err
	}
	if o.output == "json" {
		return o.json(keys[at])
	}
	fmt.Fprintf(o.out, "%s is trusted: %s\n", t.Host, file)
	return nil
}

// showKeys shows the keys to compare; none of them is trusted by that.
func (o *trustOptions) showKeys(keys []host.HostKey, t stack.Target) error {
	if o.output == "json" {
		return o.json(keys)
	}
	for _, k := range keys {
		fmt.Fprintf(o.out, "%s %s\n", k.Fingerprint, k.Type)
	}
	if len(keys) > 0 && !o.quiet {
		fmt.Fprintf(o.errs, "nothing was added: where the server's console or provider shows one of these, run `stackctl trust --target %s --fingerprint %s`\n", t.Name, keys[0].Fingerprint)
	}
	return nil
}
