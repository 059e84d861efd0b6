package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// hookLimit is how long a hook may take where it does not say.
const hookLimit = 5 * time.Minute

func resolveHooks(c *stack.Config) {
	for i := range c.Hooks {
		h := &c.Hooks[i]
		setDefault(&h.Timeout, hookLimit)
		if h.Name == "" && len(h.Command) > 0 {
			h.Name = filepath.Base(h.Command[0])
		}
		setDefault(&h.Name, h.Service)
	}
}

// checkHooks refuses hooks that would never run, or whose place is not there yet.
func checkHooks(c stack.Config, d document) error {
	for i, h := range c.Hooks {
		problem, fix := checkHook(h)
		if slices.ContainsFunc(c.Hooks[:i], func(o stack.Hook) bool { return o.At == h.At && o.Name == h.Name }) {
			problem, fix = fmt.Sprintf("%s stands twice at %s", h.Name, h.At), "give one of them another name"
		}
		if problem != "" {
			return stack.Usage(d.name, h.Line, "hooks: "+problem, fix)
		}
	}
	return nil
}

func checkHook(h stack.Hook) (problem, fix string) {
	switch {
	case !slices.Contains(stack.HookPoints, h.At):
		return fmt.Sprintf("there is no point %q", h.At), "use one of " + strings.Join(stack.HookPoints, ", ")
	case (len(h.Command) == 0) == (h.Service == ""):
		return "a hook has either a command or a service", "command runs on this machine, service names one of the compose files with `run: once`"
	case len(h.Command) > 0 && h.Command[0] == "":
		return "its command is empty", "write it as a list: [./scripts/warm.sh, --all]"
	case h.Timeout < time.Second || h.Timeout > 24*time.Hour:
		return fmt.Sprintf("timeout %s", h.Timeout), "give between 1s and 24h"
	case h.Service != "" && slices.Contains([]string{"before-build", "after-build", "before-deploy"}, h.At):
		return "at " + h.At + " the server has nothing of the release yet, so no service of it can run", "use a command, or before-migrate"
	}
	return "", ""
}
