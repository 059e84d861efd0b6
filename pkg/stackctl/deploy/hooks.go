package deploy

import (
	"slices"

	"stackctl/pkg/stackctl/stack"
)

// isHook reports whether a service runs as a hook; it is no migration then.
func isHook(hooks []stack.Hook, service string) bool {
	return slices.ContainsFunc(hooks, func(h stack.Hook) bool { return h.Service == service })
}

// hooksFit refuses hooks whose service the release cannot run.
func hooksFit(c stack.Config, r stack.Release) error {
	for _, h := range c.Hooks {
		if h.Service == "" {
			continue
		}
		s, ok := r.Service(h.Service)
		switch {
		case !ok:
			return stack.Usage(c.File, h.Line, "hooks: the compose files have no service "+h.Service, "correct the name")
		case s.Layer != stack.LayerApp || !s.OneShot || !s.Deployed:
			return stack.Usage(c.File, h.Line, "hooks: service "+h.Service+" does not run once", "give it `x-stackctl: {run: once}`, and name its profile under compose.profiles where it has one")
		}
	}
	return nil
}

// withHooks puts the hooks into a plan at their points. It is pure. A plan that
// changes nothing has none: there is nothing to be before or after.
func withHooks(p stack.Plan, want Wanted) stack.Plan {
	if len(want.Hooks) == 0 || !p.Changes() {
		return p
	}
	whole := "deploy"
	if want.Back {
		whole = "rollback"
	}
	var steps []stack.Step
	add := func(point string) {
		for _, h := range want.Hooks {
			if h.At == point {
				steps = append(steps, stack.Step{Kind: stack.StepHook, Subject: point + ": " + h.Name, Release: want.Release.ID, Hook: &h, Cause: "stackctl.yaml names it"})
			}
		}
	}
	last := func(i int, kind stack.Kind) bool {
		return !slices.ContainsFunc(p.Steps[i+1:], func(s stack.Step) bool { return s.Kind == kind })
	}
	first := func(i int, kind stack.Kind) bool {
		return !slices.ContainsFunc(p.Steps[:i], func(s stack.Step) bool { return s.Kind == kind })
	}
	if !want.Back && !slices.ContainsFunc(p.Steps, func(s stack.Step) bool { return s.Kind == stack.StepBuildImage }) {
		add("after-build")
	}
	add("before-" + whole)
	for i, s := range p.Steps {
		if s.Kind == stack.StepBuildImage && last(i, s.Kind) {
			steps = append(steps, s)
			add("after-build")
			continue
		}
		point := map[stack.Kind]string{stack.StepMigrate: "migrate", stack.StepSwitch: "switch", stack.StepCommit: whole}[s.Kind]
		if point != "" && s.Kind != stack.StepCommit && first(i, s.Kind) {
			add("before-" + point)
		}
		steps = append(steps, s)
		if point != "" && last(i, s.Kind) {
			add("after-" + point)
		}
	}
	p.Steps = steps
	return p
}
