package cli

import (
	"github.com/spf13/cobra"
)

func newEvidence(s *session) *cobra.Command {
	cmd := &cobra.Command{Use: "evidence", Short: "Check and read what runs left, offline"}
	cmd.AddCommand(newEvidenceVerify(s, runEvidenceVerify), newEvidenceShow(s, runEvidenceShow), newEvidenceDiff(s, runEvidenceDiff),
		newEvidenceKeygen(s, runEvidenceKeygen))
	return cmd
}
