package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/hooks"
	"stackctl/pkg/stackctl/program"
	"stackctl/pkg/stackctl/stack"
)

// hookOutput is how much of a hook's output is kept: the end of it.
const hookOutput = 256 << 10

// hook runs a hook of the plan. One that fails before something stops the run;
// one that fails after something is a finding, and the run goes on.
func (x *executor) hook(ctx context.Context, step stack.Step) (string, error) {
	return x.runHook(ctx, *step.Hook, x.hookFacts(*step.Hook), func(ctx context.Context, facts map[string]string) (string, string, error) {
		return x.inContainer(ctx, *step.Hook, facts)
	})
}

// buildHooks runs the hooks before the release is made: what they make is part of it.
func (s *story) buildHooks(ctx context.Context) error {
	const point = "before-build"
	for _, h := range s.d.Config.Hooks {
		if h.At != point {
			continue
		}
		if err := s.phase("hook "+point+": "+h.Name, func() (string, error) { return s.runHook(ctx, h, s.hookFacts(h), nil) }); err != nil {
			return err
		}
	}
	return nil
}

// runner runs a hook's service; it returns its output, and why it did not end well.
type runner func(ctx context.Context, facts map[string]string) (output, problem string, err error)

func (s *story) runHook(ctx context.Context, h stack.Hook, facts map[string]string, service runner) (string, error) {
	run := func(ctx context.Context) (problem string, err error) {
		var output string
		if h.Service != "" {
			limited, cancel := context.WithTimeout(ctx, h.Timeout)
			defer cancel()
			output, problem, err = service(limited, facts)
		} else {
			output, problem, err = s.onThisSide(ctx, h, facts)
		}
		s.artifact(hookArtifact(h), []byte(output))
		return problem, err
	}
	if strings.HasPrefix(h.At, "after-") {
		return s.afterHook(ctx, h, run)
	}
	problem, err := run(ctx)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "", stack.Interrupted(ctx, "hook "+h.At+" "+h.Name)
	case err != nil:
		return "", err
	case problem != "":
		return "", stack.Fault(stack.CauseStep, "hook "+h.At+" "+h.Name, errors.New(problem), "its output is in "+hookArtifact(h)+"; correct it and run the same command again")
	}
	return "done", nil
}

// afterHook runs a hook as a gate, so that its finding is told as any other.
func (s *story) afterHook(ctx context.Context, h stack.Hook, run func(context.Context) (string, error)) (string, error) {
	results := gate.Run(ctx, []gate.Gate{hooks.After(h, hookArtifact(h), run)}, gate.Subject{Config: s.d.Config, Target: s.d.Target, Artifacts: s}, s.emit)
	for i := range results {
		results[i].Rerun = ""
	}
	s.report.Gates, s.hooked = append(s.report.Gates, results...), append(s.hooked, results...)
	if errors.Is(ctx.Err(), context.Canceled) {
		return "", stack.Interrupted(ctx, "hook "+h.At+" "+h.Name)
	}
	return string(results[0].Status), nil
}

// onThisSide runs a hook's command where the operator is.
func (s *story) onThisSide(ctx context.Context, h stack.Hook, facts map[string]string) (output, problem string, err error) {
	var env []string
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		env = append(env, name+"="+facts[name])
	}
	out, err := program.Run(ctx, program.Program{Args: h.Command, Dir: s.d.Config.Root, Env: env, Limit: h.Timeout, Most: hookOutput, Together: true})
	switch {
	case err != nil:
		return string(out.Out), err.Error(), nil
	case out.Exit != 0:
		return string(out.Out), fmt.Sprintf("it ended with exit code %d", out.Exit), nil
	}
	return string(out.Out), "", nil
}

// inContainer runs a hook's service to its end, with the facts in its environment.
func (x *executor) inContainer(ctx context.Context, h stack.Hook, facts map[string]string) (output, problem string, err error) {
	if _, has := x.want.Release.Service(h.Service); !has {
		return "", "release " + x.want.Release.ID + " has no service " + h.Service, nil
	}
	compose, err := withEnvironment(x.want.Release.App, h.Service, facts)
	if err != nil {
		return "", "", err
	}
	out, err := x.server.RunOnce(ctx, x.want.Release.AppProject(), compose, h.Service)
	output = string(out.Stdout) + string(out.Stderr)
	output = output[max(0, len(output)-hookOutput):]
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return output, fmt.Sprintf("%v: %s", program.ErrTime, h.Timeout), nil
	case err != nil:
		return output, "", err
	case out.Exit != 0:
		return output, fmt.Sprintf("it ended with exit code %d", out.Exit), nil
	}
	return output, "", nil
}

// hookFacts are the variables that a hook gets: what the run is about, and
// nothing secret.
func (s *story) hookFacts(h stack.Hook) map[string]string {
	r := s.report
	return map[string]string{
		"STACKCTL_HOOK": h.At, "STACKCTL_VERB": r.Verb, "STACKCTL_RUN": r.Run, "STACKCTL_PROJECT": r.Project, "STACKCTL_TARGET": r.Target,
		"STACKCTL_HOST": r.Host, "STACKCTL_DOMAIN": s.d.Target.Domain, "STACKCTL_URL": r.URL, "STACKCTL_COMMIT": r.Commit,
		"STACKCTL_RELEASE": r.Release, "STACKCTL_BEFORE": r.Before, "STACKCTL_LIVE": r.Live,
	}
}

func (x *executor) hookFacts(h stack.Hook) map[string]string {
	facts := x.story.hookFacts(h)
	facts["STACKCTL_RELEASE"] = x.want.Release.ID
	return facts
}

var odd = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// hookArtifact names the output of a hook.
func hookArtifact(h stack.Hook) string {
	return "hook-" + h.At + "-" + odd.ReplaceAllString(h.Name, "-") + ".txt"
}

// withEnvironment adds variables to one service of a resolved compose file.
func withEnvironment(compose []byte, service string, facts map[string]string) ([]byte, error) {
	var doc map[string]any
	if err := yaml.Unmarshal(compose, &doc); err != nil {
		return nil, fmt.Errorf("read the release's compose file: %w", err)
	}
	services, _ := doc["services"].(map[string]any)
	of, ok := services[service].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the release's compose file has no service %s", service)
	}
	env := map[string]any{}
	switch was := of["environment"].(type) {
	case map[string]any:
		maps.Copy(env, was)
	case []any:
		for _, line := range was {
			name, value, _ := strings.Cut(fmt.Sprint(line), "=")
			env[name] = value
		}
	}
	for name, value := range facts {
		env[name] = strings.ReplaceAll(value, "$", "$$")
	}
	of["environment"] = env
	return yaml.Marshal(doc)
}
