package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// options are what the verbs share that have none of their own yet.
type options struct {
	*session
	*printer
	*project
	many runFlags
}

func newRoot(s *session) *cobra.Command {
	o := &options{session: s, printer: s.printer, project: s.project}
	root := &cobra.Command{
		Use:   "stackctl",
		Short: "Deploy a Docker Compose stack over SSH and prove from outside that it is good",
		Long: `stackctl puts a Docker Compose stack on a server over SSH, proves from outside
that it works and is safe, rolls back by itself when it is not, and leaves
signed evidence in artifacts/.

Exit codes: 0 done, 1 a gate failed, 2 usage or configuration, 3 host
unreachable or refused, 4 a step failed (the old release serves), 5 a gate
could not judge, 6 another deploy holds the lock, 130 interrupted.`,
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(outputs, o.output) {
				return usage(cmd, fmt.Errorf("--output %s is none of %s", o.output, strings.Join(outputs, ", ")))
			}
			return judgeFlags(cmd)
		},
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&o.project.file, "config", "c", "stackctl.yaml", "the project's settings `file`")
	flags.StringSliceVarP(&o.targets, "target", "t", nil, "the `target` to act on (default: the file's, or the sandbox); several, such as a,b, where a verb has --all-targets")
	flags.StringVarP(&o.output, "output", "o", "text", "text or json")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "only the verdict and errors")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "everything that happens")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(outputs, cobra.ShellCompDirectiveNoFileComp))
	_ = root.RegisterFlagCompletionFunc("target", o.completeTargets)
	root.SetFlagErrorFunc(usage)
	root.AddGroup(&cobra.Group{ID: "deploy", Title: "Deploy and judge:"}, &cobra.Group{ID: "operate", Title: "Operate:"},
		&cobra.Group{ID: "prepare", Title: "Prepare:"}, &cobra.Group{ID: "evidence", Title: "Evidence:"})
	add := func(group string, verbs ...*cobra.Command) {
		for _, v := range verbs {
			v.GroupID = group
			root.AddCommand(v)
		}
	}
	add("deploy", newDeploy(s, runDeploy), newVerify(s, runVerify), newCheck(s, runCheck), newPlan(s, runPlan),
		newRollback(s, runRollback), newGates(s, runGates), newRules(s, runRules), newSchema(s, runSchema))
	add("operate", newStatus(s, runStatus), newReleases(s, runReleases), newLogs(s, runLogs), newExec(s, runExec), newLock(s, runLock), newWatch(s, runWatch), newMaintenance(s, runMaintenance),
		newBackup(s, runBackup), newRestore(s, runRestore))
	add("prepare", newInit(o), newConfig(o), newTrust(s, runTrust), newProvision(o), newSandbox(o), newSecrets(o))
	add("evidence", newEvidence(o))
	root.AddCommand(newVersion(o), newMan(o))
	root.SetHelpCommand(newHelp())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	wrapArgs(root)
	o.standing(root)
	return root
}

// newHelp is cobra's help, but for a topic that there is not.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use: "help [command]", Short: "Help about any command",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if of, _, err := cmd.Root().Find(args); err == nil {
				for _, sub := range of.Commands() {
					if sub.IsAvailableCommand() {
						names = append(names, sub.Name()+"\t"+sub.Short)
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			of, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usage(cmd, fmt.Errorf("there is no command %q", strings.Join(args, " ")))
			}
			of.InitDefaultHelpFlag()
			return of.Help()
		},
	}
}

// judgeFlags refuses values that a flag's type lets through and that mean
// nothing, wherever the flag is.
func judgeFlags(cmd *cobra.Command) error {
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

// wrapArgs makes complaints about arguments usage errors, for every verb.
func wrapArgs(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usage(cmd, err)
			}
			return nil
		}
	}
	if cmd.HasSubCommands() && cmd.RunE == nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				err := fmt.Errorf("unknown command %q", args[0])
				if cmd.SuggestionsMinimumDistance <= 0 {
					cmd.SuggestionsMinimumDistance = 2
				}
				if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
					err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, ", "))
				}
				return usage(cmd, err)
			}
			return cmd.Help()
		}
		cmd.Args = cobra.ArbitraryArgs
	}
	for _, sub := range cmd.Commands() {
		wrapArgs(sub)
	}
}
