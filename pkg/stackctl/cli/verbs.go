package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/gates"
	"stackctl/pkg/stackctl/stack"
)

// judging are the flags of the verbs that let gates look.
type judging struct {
	all   bool
	gates []string
}

func (j *judging) bind(o *options, cmd *cobra.Command) {
	cmd.Flags().BoolVar(&j.all, "all-tests", false, "add the slow gates and those that change something on the site")
	cmd.Flags().StringSliceVar(&j.gates, "gate", nil, "let only these gates look, such as G1,G5")
	_ = cmd.RegisterFlagCompletionFunc("gate", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		own, _ := o.ownGates() // a broken file still leaves the built-in ones
		var ids []string
		for _, g := range gates.All(own) {
			if id := g.ID + "\t" + g.Question; !slices.ContainsFunc(ids, func(s string) bool { return strings.HasPrefix(s, g.ID+"\t") }) {
				ids = append(ids, id)
			}
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	})
}

func newDeploy(o *options) *cobra.Command {
	var j judging
	var wait time.Duration
	var adopt bool
	cmd := &cobra.Command{
		Use: "deploy", Aliases: []string{"update"}, Args: cobra.NoArgs,
		Short: "Deploy, judge, and roll back if the judgement is bad",
		Long: `deploy freezes a release from the project's files, judges what can be judged
without a server, ships what the host lacks, migrates, starts the new release
beside the old one, judges it, switches the edge without losing a request,
judges from outside, drains the old release, and commits or rolls back.

Gates and evidence always run; --all-tests adds the slow and the mutating ones.

Several targets are deployed to side by side, each with its own gates, verdict
and evidence; one that fails neither stops nor hurts the others. The exit code is
the worst one: 130, 4, 1, 5, 3, 6, 2, 0, in this order.`,
		Example: "  stackctl deploy --all-tests\n  stackctl deploy --target production --lock-wait 10m\n  stackctl deploy --target berlin,oslo\n  stackctl deploy --all-targets --parallel 2 --fail-fast",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.recorder().record(cmd.Context(), "deploy", o.many, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
				d.All, d.LockWait, d.Adopt = j.all, wait, adopt
				return d.Deploy(ctx)
			})
		},
	}
	o.many.bindTargets(cmd)
	o.many.bindEnv(cmd)
	cmd.Flags().BoolVar(&j.all, "all-tests", false, "add the slow gates and those that change something on the site")
	cmd.Flags().DurationVar(&wait, "lock-wait", 0, "how long to wait for a lock that another deploy holds")
	cmd.Flags().BoolVar(&adopt, "adopt", false, adoptUsage)
	return cmd
}

// adoptUsage is the help of --adopt.
const adoptUsage = "take over the project's containers that docker compose started on the server, with their volumes"

func newVerify(o *options) *cobra.Command {
	var j judging
	cmd := &cobra.Command{
		Use: "verify", Aliases: []string{"test"}, Args: cobra.NoArgs,
		Short:   "Let the gates judge what runs now",
		Example: "  stackctl verify --all-tests\n  stackctl verify --gate G5",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.recorder().record(cmd.Context(), "verify", o.many, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
				d.All, d.Gates = j.all || len(j.gates) > 0, j.gates
				return d.Verify(ctx)
			})
		},
	}
	j.bind(o, cmd)
	o.many.bindTargets(cmd)
	o.many.bindEnv(cmd)
	return cmd
}

func newCheck(o *options) *cobra.Command {
	var j judging
	cmd := &cobra.Command{
		Use: "check", Args: cobra.NoArgs,
		Short: "Judge everything that can be judged without a server",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.recorder().record(cmd.Context(), "check", o.many, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
				d.Gates = j.gates
				return d.Check(ctx)
			})
		},
	}
	j.bind(o, cmd)
	o.many.bindTargets(cmd)
	o.many.bindEnv(cmd)
	return cmd
}

func newPlan(o *options) *cobra.Command {
	var adopt bool
	cmd := &cobra.Command{
		Use: "plan", Args: cobra.NoArgs,
		Short:   "Tell the steps that a deploy would take, each with its cause; change nothing",
		Example: "  stackctl plan\n  stackctl plan --target staging,production\n  stackctl plan --adopt",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.recorder().record(cmd.Context(), "plan", o.many, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
				d.Adopt = adopt
				return d.Plan(ctx)
			})
		},
	}
	o.many.bindTargets(cmd)
	o.many.bindEnv(cmd)
	cmd.Flags().BoolVar(&adopt, "adopt", false, adoptUsage)
	return cmd
}

func newRollback(o *options) *cobra.Command {
	var j judging
	var wait time.Duration
	cmd := &cobra.Command{
		Use: "rollback [RELEASE]", Args: cobra.MaximumNArgs(1),
		Short: "Lead back to the release before, or to a named one",
		Long: `rollback takes the same way as a deploy, with a release that the host kept:
its images, compose file, configuration and edge together. The gates judge it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id := ""
			if len(args) == 1 {
				if id = args[0]; id == "" {
					return usage(cmd, errors.New("the release's name is empty: leave it out for the one before the live one"))
				}
			}
			return o.recorder().record(cmd.Context(), "rollback", o.many, func(ctx context.Context, d *deploy.Deployer) (stack.Report, error) {
				d.All, d.LockWait = j.all, wait
				return d.Rollback(ctx, id)
			})
		},
		ValidArgsFunction: o.completeReleases,
	}
	o.many.bindTargets(cmd)
	cmd.Flags().BoolVar(&j.all, "all-tests", false, "add the slow gates and those that change something on the site")
	cmd.Flags().DurationVar(&wait, "lock-wait", 0, "how long to wait for a lock that another deploy holds")
	return cmd
}
