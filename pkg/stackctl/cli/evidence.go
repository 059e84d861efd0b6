package cli

import (
	"crypto/ed25519"
	"fmt"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/evidence"
)

func newEvidence(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "evidence", Short: "Check and read what runs left, offline"}
	var key string
	verify := &cobra.Command{
		Use: "verify DIR", Args: cobra.ExactArgs(1), Short: "Check that a run's artifacts are whole, unaltered and signed",
		Example: "  stackctl evidence verify artifacts/20260314T092653Z-deploy-7c21 --key evidence.key.pub",
		RunE: func(_ *cobra.Command, args []string) error {
			var pub ed25519.PublicKey
			if key != "" {
				var err error
				if pub, err = evidence.LoadPublic(key); err != nil {
					return err
				}
			}
			check, err := evidence.Verify(args[0], pub)
			if err != nil {
				return err
			}
			if o.output == "json" {
				if err := o.json(check); err != nil {
					return err
				}
				return check.Err()
			}
			fmt.Fprint(o.out, check.Text())
			return check.Err()
		},
	}
	verify.Flags().StringVar(&key, "key", "", "the public key `file` that must have signed the run")
	show := &cobra.Command{
		Use: "show DIR", Args: cobra.ExactArgs(1), Short: "Tell the story of a run",
		RunE: func(_ *cobra.Command, args []string) error { return o.page(evidence.Show(args[0])) },
	}
	diff := &cobra.Command{
		Use: "diff DIR DIR", Args: cobra.ExactArgs(2), Short: "Tell what differs between two runs",
		RunE: func(_ *cobra.Command, args []string) error { return o.page(evidence.Diff(args[0], args[1])) },
	}
	keygen := &cobra.Command{
		Use: "keygen FILE", Args: cobra.ExactArgs(1), Short: "Make a signing key; its public half goes to FILE.pub",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := evidence.KeyGen(args[0]); err != nil {
				return err
			}
			fmt.Fprintf(o.out, "made %s (keep it secret) and %s.pub (give it to auditors)\n", args[0], args[0])
			return nil
		},
	}
	cmd.AddCommand(verify, show, diff, keygen)
	return cmd
}

func (o *options) page(text string, err error) error {
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(o.out, text)
	return err
}
