package deploy

import (
	"context"
	"fmt"
	"path"
	"sort"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// Health sums up how what serves now is doing.
type Health struct {
	// State is good, bad or none (nothing serves).
	State    string `json:"state"`
	Running  int    `json:"running"`
	Healthy  int    `json:"healthy"`
	Services int    `json:"services"`
	Restarts int    `json:"restarts"`
	// Problems say what is not well, one service each.
	Problems []string `json:"problems,omitempty"`
}

// health sums up the containers of the live release, the edge and the data layer.
// A service of the release that has none is a problem too.
func health(live string, kept stack.Release, containers []stack.Container) Health {
	h := Health{State: "good"}
	seen := map[string]bool{}
	for _, c := range containers {
		if c.Release != "" && c.Release != live {
			continue
		}
		seen[c.Service] = true
		h.Services++
		h.Restarts += c.Restarts
		running := c.State == "running"
		if running {
			h.Running++
		}
		if c.Health == "healthy" {
			h.Healthy++
		}
		switch {
		case !running:
			h.Problems = append(h.Problems, fmt.Sprintf("%s is %s (exit code %d)", c.Service, c.State, c.ExitCode))
		case c.Health == "unhealthy" || c.Health == "starting":
			h.Problems = append(h.Problems, c.Service+" is "+c.Health)
		}
	}
	for _, s := range kept.Services {
		if s.Deployed && !s.OneShot && !seen[s.Name] {
			h.Services++
			h.Problems = append(h.Problems, s.Name+" has no container")
		}
	}
	if len(h.Problems) > 0 {
		h.State = "bad"
	}
	if live == "" || h.Services == 0 {
		h.State = "none"
	}
	return h
}

// Backup is the newest backup on the host.
type Backup struct {
	Name  string    `json:"name"`
	At    time.Time `json:"at"`
	Bytes int64     `json:"bytes"`
}

// lastBackup is the newest file among the backups; nil: there is none, or the
// folder cannot be read.
func lastBackup(ctx context.Context, server Host, root string) *Backup {
	entries, err := server.List(ctx, path.Join(root, "backups"))
	if err != nil {
		return nil
	}
	var found []Backup
	for _, e := range entries {
		// Beside each lies a record of it, and what is not whole begins with a dot.
		name, ok := strings.CutSuffix(e.Name(), ".age")
		if ok && e.Mode().IsRegular() && !strings.HasPrefix(name, ".") {
			found = append(found, Backup{name, e.ModTime().UTC(), e.Size()})
		}
	}
	if len(found) == 0 {
		return nil
	}
	sort.Slice(found, func(i, j int) bool { return found[i].At.After(found[j].At) })
	return &found[0]
}
