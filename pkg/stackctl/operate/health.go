package operate

import (
	"fmt"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// Container is one of the project's, with what is not well with it. Its Health is
// HealthUnreachable or HealthStale where the engine's word must not be relied on.
type Container struct {
	stack.Container
	// OffNetworks are the networks of its service that it is off.
	OffNetworks []string `json:"off_networks,omitempty"`
	// Problem is what is not well with it; empty: nothing is.
	Problem string `json:"problem,omitempty"`
}

// What a container's health is beside what the engine calls it.
const (
	// HealthUnreachable is that of one off a network of its service: its check,
	// which runs within it, may pass.
	HealthUnreachable = "unreachable"
	// HealthStale is that of one which was healthy when its health checks stopped.
	HealthStale = "stale"
)

// judge returns how a container of a release is. now is by the host's own clock;
// zero: it does not tell, and nothing counts as stale.
func judge(c stack.Container, r stack.Release, now time.Time) Container {
	out := Container{Container: c}
	if s, ok := r.Service(c.Service); ok && c.Labels[stack.LabelDefinition] == s.Definition {
		out.OffNetworks = r.OffNetworks(c, s)
	}
	switch {
	case c.Away:
		out.Problem = "is on " + c.Node + ", which does not answer"
		if c.Layer == stack.LayerData {
			out.Problem = "is away with its data: " + c.Node + " does not answer"
		}
	case c.State == "exited" || c.State == "dead" || c.State == "restarting":
		out.Problem = fmt.Sprintf("is %s (exit code %d)", c.State, c.ExitCode)
	case c.State != "running":
		out.Problem = "is " + c.State
	case len(out.OffNetworks) > 0:
		out.Health, out.Problem = HealthUnreachable, "is off network "+strings.Join(out.OffNetworks, ", ")+": nothing reaches it there"
	case !c.CheckDue.IsZero() && now.After(c.CheckDue):
		out.Problem = "was " + c.Health + " " + Age(now.Sub(c.Checked)) + " ago; no health check has run since"
		if c.Checked.IsZero() {
			out.Problem = "is " + c.Health + "; no health check has run since its start " + Age(now.Sub(c.Started)) + " ago"
		}
		if c.Health == "healthy" {
			out.Health = HealthStale
		}
	case c.Health == "unhealthy" || c.Health == "starting":
		out.Problem = "is " + c.Health
	}
	return out
}

// Health sums up how what serves now is doing.
type Health struct {
	// State is good, bad, unknown (all was well when it was last checked, and no
	// check has run since) or none (nothing serves).
	State    string `json:"state"`
	Running  int    `json:"running"`
	Healthy  int    `json:"healthy"`
	Services int    `json:"services"`
	// Unchecked are running services without a health check.
	Unchecked int `json:"unchecked"`
	Restarts  int `json:"restarts"`
	// Problems say what is not well, one service each; Advice, what to do.
	Problems []string `json:"problems,omitempty"`
	Advice   []string `json:"advice,omitempty"`
}

const (
	adviseDeploy = "`stackctl deploy` of the live release mends it; `stackctl logs SERVICE` tells more"
	adviseVerify = "health checks have stopped, as on a Docker Engine before 23 that was restarted: `stackctl verify` asks the services themselves; " +
		"`docker pause` and `docker unpause` on the host begin a container's checks again"
)

// health sums up the containers of the live release, the edge and the data layer.
// A service of the release that has none is a problem too.
func health(live string, kept stack.Release, containers []Container) Health {
	h := Health{State: "good"}
	seen := map[string]bool{}
	bad, old, away := false, false, ""
	for _, c := range containers {
		if !serves(c.Container, live) {
			continue
		}
		seen[c.Service] = true
		h.count(c)
		if c.Problem != "" {
			h.Problems = append(h.Problems, c.Service+" "+c.Problem)
			bad, old = bad || c.Health != HealthStale, old || c.Health == HealthStale
			if c.Away && c.Layer == stack.LayerData {
				away = c.Node
			}
		}
	}
	for _, s := range kept.Services {
		if s.Deployed && !s.OneShot && !seen[s.Name] {
			h.Services++
			h.Problems = append(h.Problems, s.Name+" has no container")
			bad = true
		}
	}
	if old {
		h.State, h.Advice = "unknown", []string{adviseVerify}
	}
	switch {
	case away != "":
		h.State, h.Advice = "bad", append(h.Advice, stack.AdviseAway(away))
	case bad:
		h.State, h.Advice = "bad", append(h.Advice, adviseDeploy)
	}
	if live == "" || h.Services == 0 {
		h.State = "none"
	}
	return h
}

func (h *Health) count(c Container) {
	h.Services++
	h.Restarts += c.Restarts
	if c.State == "running" {
		h.Running++
	}
	switch {
	case c.Health == "healthy" && c.State == "running": // what has ended keeps what its last check said
		h.Healthy++
	case c.Health == "none" && c.State == "running":
		h.Unchecked++
	}
}

// serves reports whether a container is of the live release, the edge or the data layer.
func serves(c stack.Container, live string) bool { return c.Release == "" || c.Release == live }
