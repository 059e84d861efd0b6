package release

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/stack"
)

// strategy decides how a new release replaces a service, and why. What keeps
// nothing and takes nothing for itself overlaps. What writes to a place that
// outlives it, takes a name, an address or a port, or starts work by the clock
// must not run beside its successor. shared are the volumes and folders of which the compose file says
// that two runs may write to them at once (x-stackctl: {shared: [VOLUME]});
// given is what it says itself, if anything (x-stackctl: {strategy: …}).
func strategy(s stack.Service, shared []string, given stack.Strategy) (stack.Strategy, string) {
	if given != "" {
		return given, "x-stackctl says so"
	}
	for _, m := range s.Volumes {
		if m.Writable() && !slices.Contains(shared, m.Source) {
			kind := "volume "
			if m.Type == "bind" {
				kind = "folder "
			}
			return stack.StrategyRecreate, kind + m.Source + " is writable"
		}
	}
	switch {
	case len(s.VolumesFrom) > 0:
		return stack.StrategyRecreate, "it has the volumes of " + s.VolumesFrom[0]
	case s.ContainerName != "":
		return stack.StrategyRecreate, "its container is called " + s.ContainerName
	case s.FixedAddress != "":
		return stack.StrategyRecreate, "its address is " + s.FixedAddress
	case s.NetworkMode == "host":
		return stack.StrategyRecreate, "it is on the host's network"
	case len(s.Ports) > 0 && s.Layer != stack.LayerEdge:
		return stack.StrategyRecreate, "port " + cmp.Or(s.Ports[0].Published, strconv.Itoa(int(s.Ports[0].Target))) + " is published"
	case startsByTheClock(s):
		return stack.StrategyRecreate, "it starts what is due, and two would start it twice"
	}
	return stack.StrategyOverlap, ""
}

// sharedBy are the volumes and folders that two runs of a service may write to
// at once.
func sharedBy(s types.ServiceConfig) []string {
	x, _ := s.Extensions["x-stackctl"].(map[string]any)
	if one, is := x["shared"].(string); is {
		return []string{one}
	}
	list, _ := x["shared"].([]any)
	var out []string
	for _, item := range list {
		if name, is := item.(string); is {
			out = append(out, name)
		}
	}
	return out
}

func strategyGiven(s types.ServiceConfig) stack.Strategy {
	x, _ := s.Extensions["x-stackctl"].(map[string]any)
	given, _ := x["strategy"].(string)
	return stack.Strategy(given)
}

// staysStopped lets a service of a release that was stopped stay so: with
// `restart: always` the engine starts it again when the server reboots, and a
// release of the day before would write beside the live one.
func staysStopped(s *types.ServiceConfig) {
	if s.Deploy != nil && s.Deploy.RestartPolicy != nil && restart(*s.Deploy.RestartPolicy) == types.RestartPolicyAlways {
		deploy := *s.Deploy
		deploy.RestartPolicy, s.Deploy = nil, &deploy
		s.Restart = types.RestartPolicyAlways
	}
	if s.Restart == types.RestartPolicyAlways {
		s.Restart = types.RestartPolicyUnlessStopped
	}
}
