package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// newRoot returns stackctl with all its verbs.
func newRoot(s *session) *cobra.Command {
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
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return checkFlags(cmd, s.printer) },
	}
	bindGlobals(root, s)
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
	add("operate", newStatus(s, runStatus), newReleases(s, runReleases), newLogs(s, runLogs), newExec(s, runExec), newLock(s, runLock),
		newWatch(s, runWatch), newMaintenance(s, runMaintenance), newNode(s), newBackup(s, runBackup), newRestore(s, runRestore))
	add("prepare", newInit(s, runInit), newConfig(s, runConfig), newHarden(s, runHarden), newTrust(s, runTrust), newProvision(s, runProvision), newHost(s), newSandbox(s), newSecrets(s))
	add("evidence", newEvidence(s))
	root.AddCommand(newVersion(s, runVersion), newMan(s, runMan))
	root.SetHelpCommand(newHelp())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	wrapArgs(root)
	bindWhere(root, s, runWhere)
	return root
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
