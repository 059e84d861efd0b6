package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// bindGlobals adds to stackctl the flags that every verb has.
func bindGlobals(root *cobra.Command, s *session) {
	flags := root.PersistentFlags()
	flags.StringVarP(&s.project.file, "config", "c", "stackctl.yaml", "the project's settings `file`")
	flags.StringSliceVarP(&s.project.targets, "target", "t", nil, "the `target` to act on (default: the file's, or the sandbox); several, such as a,b, where a verb has --all-targets")
	flags.StringVarP(&s.printer.output, "output", "o", "text", "text or json")
	flags.BoolVarP(&s.printer.quiet, "quiet", "q", false, "only the verdict and errors")
	flags.BoolVarP(&s.printer.verbose, "verbose", "v", false, "everything that happens")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(outputs, cobra.ShellCompDirectiveNoFileComp))
	_ = root.RegisterFlagCompletionFunc("target", s.project.completeTargets)
}

// checkFlags refuses values that a flag's type lets through and that mean
// nothing, wherever the flag is.
func checkFlags(cmd *cobra.Command, p *printer) error {
	if !slices.Contains(outputs, p.output) {
		return usage(cmd, fmt.Errorf("--output %s is none of %s", p.output, strings.Join(outputs, ", ")))
	}
	if n, err := cmd.Flags().GetInt("parallel"); err == nil && n < 1 {
		return usage(cmd, fmt.Errorf("--parallel %d: at least one target must be worked on at once", n))
	}
	if wait, err := cmd.Flags().GetDuration("lock-wait"); err == nil && wait < 0 {
		return usage(cmd, fmt.Errorf("--lock-wait %s lies in the past", wait))
	}
	if names, err := cmd.Flags().GetStringSlice("target"); err == nil && cmd.Flags().Changed("target") && (len(names) == 0 || slices.Contains(names, "")) {
		return usage(cmd, errors.New("--target names no target: leave it out for the file's own"))
	}
	if tail, err := cmd.Flags().GetInt("tail"); err == nil && tail < 0 {
		return usage(cmd, fmt.Errorf("--tail %d: there are no fewer than 0 lines; 0 means all", tail))
	}
	return nil
}
