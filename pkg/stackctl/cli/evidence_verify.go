package cli

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/evidence"
)

// evidenceVerifyOptions are the flags of evidence verify, and what it needs.
type evidenceVerifyOptions struct {
	*printer

	path string // a run's folder, or a release's list of sums
	key  string // empty: whatever key it is signed with
}

func newEvidenceVerify(s *session, run func(context.Context, *evidenceVerifyOptions) error) *cobra.Command {
	o := &evidenceVerifyOptions{printer: s.printer}
	cmd := &cobra.Command{
		Use: "verify DIR|LIST", Args: cobra.ExactArgs(1), Short: "Check that a run's artifacts, or a release's files, are whole, unaltered and signed",
		Long: `Checks a run's folder: that its artifacts are whole, unaltered and signed.

Given a release's list of sums it checks that the list is signed, by the file
LIST.dsse.json, and that the files beside it are as the list says.`,
		Example: "  stackctl evidence verify artifacts/20260314T092653Z-deploy-7c21 --key evidence.key.pub\n  stackctl evidence verify checksums.txt --key release.key.pub",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.path = args[0]
			return run(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.key, "key", "", "the public key `file` that must have signed it")
	return cmd
}

func runEvidenceVerify(_ context.Context, o *evidenceVerifyOptions) error {
	var pub ed25519.PublicKey
	if o.key != "" {
		var err error
		if pub, err = evidence.LoadPublic(o.key); err != nil {
			return err
		}
	}
	if info, err := os.Stat(o.path); err == nil && !info.IsDir() {
		return showCheck(o, pub, evidence.VerifySums)
	}
	return showCheck(o, pub, evidence.Verify)
}

// verdict is what a check of signed things found.
type verdict interface {
	Text() string
	Err() error
}

// showCheck verifies what is at the path and prints what was found.
func showCheck[V verdict](o *evidenceVerifyOptions, pub ed25519.PublicKey, verify func(string, ed25519.PublicKey) (V, error)) error {
	check, err := verify(o.path, pub)
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
