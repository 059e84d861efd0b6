package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/gates"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// project is the stackctl.yaml that a verb reads, and the targets that the
// operator named of it.
type project struct {
	file    string   // --config
	targets []string // --target; none: the file's own
}

// load reads the settings and returns the one target of a verb.
func (p *project) load() (stack.Config, stack.Target, error) { return p.one(runFlags{}) }

// one reads the settings and returns the target that is chosen, if it is one.
func (p *project) one(flags runFlags) (stack.Config, stack.Target, error) {
	c, targets, err := p.chosen(flags)
	switch {
	case err != nil:
		return c, stack.Target{}, err
	case len(targets) > 1:
		return c, stack.Target{}, stack.Fault(stack.CauseUsage, "pick the target", fmt.Errorf("%d were named", len(targets)), "this verb acts on one: name it with --target")
	}
	return c, targets[0], nil
}

// chosen reads the settings and returns the targets that the flags choose.
func (p *project) chosen(flags runFlags) (stack.Config, []stack.Target, error) {
	c, err := config.Load(p.file)
	if err != nil {
		return c, nil, err
	}
	if c.Compose.Env, err = variables(flags.env); err != nil {
		return c, nil, err
	}
	names := p.targets
	switch {
	case flags.all && len(names) > 0:
		return c, nil, stack.Fault(stack.CauseUsage, "pick the targets", errors.New("--target and --all-targets were both given"), "use one of them")
	case flags.all:
		names = targetNames(c)
	}
	if len(names) == 0 {
		names = []string{""}
	}
	var targets []stack.Target
	for _, name := range names {
		t, err := config.Target(c, name)
		if err != nil {
			return c, nil, err
		}
		for _, other := range targets {
			if other.Name != t.Name && other.Host == t.Host && other.Port == t.Port && other.Path == t.Path {
				return c, nil, stack.Fault(stack.CauseUsage, "pick the targets", fmt.Errorf("%s and %s are the same folder of the same host", other.Name, t.Name), "act on one after the other")
			}
		}
		if !slices.ContainsFunc(targets, func(other stack.Target) bool { return other.Name == t.Name }) {
			targets = append(targets, t)
		}
	}
	return c, targets, nil
}

func targetNames(c stack.Config) []string {
	var names []string
	for name := range c.Targets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// variables are the values of --env by name.
func variables(flags []string) (map[string]string, error) {
	out := map[string]string{}
	for _, flag := range flags {
		name, value, ok := strings.Cut(flag, "=")
		if !ok || !variableName.MatchString(name) {
			// Its value is not shown: it may be a secret.
			return nil, stack.Fault(stack.CauseUsage, "read --env", errors.New("one is not NAME=value"), "write --env TAG=1.4")
		}
		out[name] = value
	}
	return out, nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// ownGates are the gates that stackctl.yaml declares; without the file there
// are none.
func (p *project) ownGates() ([]stack.OwnGate, error) {
	if _, err := os.Stat(p.file); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	c, err := config.Load(p.file)
	return c.Gates.Own, err
}

// completeTargets completes the last of a comma-separated list of targets.
func (p *project) completeTargets(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	c, err := config.Load(p.file)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	before, _ := cutLast(typed, ",")
	var names []string
	for _, name := range targetNames(c) {
		if !slices.Contains(strings.Split(before, ","), name) {
			names = append(names, before+name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// cutLast splits a text after the last separator.
func cutLast(text, separator string) (before, after string) {
	i := strings.LastIndex(text, separator)
	return text[:i+1], text[i+1:]
}

// completeGates completes the gates, with the question of each.
func (p *project) completeGates(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	own, _ := p.ownGates() // a broken file still leaves the built-in ones
	var ids []string
	for _, g := range gates.All(own) {
		if id := g.ID + "\t" + g.Question; !slices.ContainsFunc(ids, func(s string) bool { return strings.HasPrefix(s, g.ID+"\t") }) {
			ids = append(ids, id)
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// completeServices completes the services of the compose files, without a server.
func (p *project) completeServices(_ *cobra.Command, but []string, _ string) ([]string, cobra.ShellCompDirective) {
	c, err := config.Load(p.file)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := slices.DeleteFunc(release.ServiceNames(c), func(name string) bool { return slices.Contains(but, name) })
	return names, cobra.ShellCompDirectiveNoFileComp
}
