package cli

import (
	"sync"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/stack"
)

// runFlags are the flags of the verbs that act on several targets side by side,
// and on a release with variables of its own.
type runFlags struct {
	all      bool
	parallel int
	failFast bool
	env      []string // variables of the compose files, as NAME=value
}

// sideBySide is how many targets are worked on at once without --parallel.
const sideBySide = 8

// bindAll adds to a verb the flag for every target.
func (f *runFlags) bindAll(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.all, "all-targets", false, "act on every target of the file, side by side")
}

// bindTargets gives a verb the flags for several targets.
func (f *runFlags) bindTargets(cmd *cobra.Command) {
	f.bindAll(cmd)
	cmd.Flags().IntVar(&f.parallel, "parallel", sideBySide, "how many targets are worked on at once")
	cmd.Flags().BoolVar(&f.failFast, "fail-fast", false, "begin no further target once one has failed; those under way go on")
}

// bindEnv gives a verb the flag for variables of the compose files.
func (f *runFlags) bindEnv(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.env, "env", nil, "a variable of the compose files, such as TAG=1.4, over the environment and the env file; several times for several")
}

// bindLockWait gives a verb the flag for how long it waits for a lock; who is
// what else may hold it.
func bindLockWait(cmd *cobra.Command, wait *time.Duration, who string) {
	cmd.Flags().DurationVar(wait, "lock-wait", 0, "how long to wait for a lock that another "+who+" holds")
}

// bindAllTests gives a verb the flag for every gate.
func bindAllTests(cmd *cobra.Command, all *bool) {
	cmd.Flags().BoolVar(all, "all-tests", false, "add the slow gates and those that change something on the site")
}

// bindGates gives a verb the flag for the gates that look.
func bindGates(cmd *cobra.Command, p *project, only *[]string) {
	cmd.Flags().StringSliceVar(only, "gate", nil, "let only these gates look, such as G1,G5")
	_ = cmd.RegisterFlagCompletionFunc("gate", p.completeGates)
}

// bindAdopt gives a verb the flag for what docker compose started.
func bindAdopt(cmd *cobra.Command, adopt *bool) {
	cmd.Flags().BoolVar(adopt, "adopt", false, "take over the project's containers that docker compose started on the server, with their volumes")
}

// each runs one verb against several targets side by side. One that fails
// neither stops nor hurts the others.
func (f runFlags) each(targets []stack.Target, run func(t stack.Target) outcome) []outcome {
	outcomes := make([]outcome, len(targets))
	slots := make(chan struct{}, max(1, f.parallel))
	var (
		all    sync.WaitGroup
		mu     sync.Mutex
		failed bool
	)
	for i, t := range targets {
		outcomes[i].target = t.Name
		slots <- struct{}{}
		mu.Lock()
		stop := failed && f.failFast
		mu.Unlock()
		if stop {
			<-slots
			continue
		}
		all.Go(func() {
			defer func() { <-slots }()
			outcomes[i] = run(t)
			mu.Lock()
			failed = failed || outcomes[i].err != nil
			mu.Unlock()
		})
	}
	all.Wait()
	return outcomes
}
