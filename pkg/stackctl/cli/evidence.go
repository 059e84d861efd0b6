package cli

import (
	"crypto/ed25519"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/evidence"
)

func newEvidence(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "evidence", Short: "Check and read what runs left, offline"}
	show := &cobra.Command{
		Use: "show DIR", Args: cobra.ExactArgs(1), Short: "Tell the story of a run",
		RunE: func(_ *cobra.Command, args []string) error { return o.text(evidence.Show(args[0])) },
	}
	diff := &cobra.Command{
		Use: "diff DIR DIR", Args: cobra.ExactArgs(2), Short: "Tell what differs between two runs",
		RunE: func(_ *cobra.Command, args []string) error { return o.text(evidence.Diff(args[0], args[1])) },
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
	cmd.AddCommand(newEvidenceVerify(o), show, diff, keygen)
	return cmd
}

func newEvidenceVerify(o *options) *cobra.Command {
	var key string
	verify := &cobra.Command{
		Use: "verify DIR|LIST", Args: cobra.ExactArgs(1), Short: "Check that a run's artifacts, or a release's files, are whole, unaltered and signed",
		Long: `Checks a run's folder: that its artifacts are whole, unaltered and signed.

Given a release's list of sums it checks that the list is signed, by the file
LIST.dsse.json, and that the files beside it are as the list says.`,
		Example: "  stackctl evidence verify artifacts/20260314T092653Z-deploy-7c21 --key evidence.key.pub\n  stackctl evidence verify checksums.txt --key release.key.pub",
		RunE: func(_ *cobra.Command, args []string) error {
			var pub ed25519.PublicKey
			if key != "" {
				var err error
				if pub, err = evidence.LoadPublic(key); err != nil {
					return err
				}
			}
			if info, err := os.Stat(args[0]); err == nil && !info.IsDir() {
				return showCheck(o, args[0], pub, evidence.VerifySums)
			}
			return showCheck(o, args[0], pub, evidence.Verify)
		},
	}
	verify.Flags().StringVar(&key, "key", "", "the public key `file` that must have signed it")
	return verify
}

// verdict is what a check of signed things found.
type verdict interface {
	Text() string
	Err() error
}

// showCheck verifies path and prints what was found.
func showCheck[V verdict](o *options, path string, pub ed25519.PublicKey, verify func(string, ed25519.PublicKey) (V, error)) error {
	check, err := verify(path, pub)
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
}
