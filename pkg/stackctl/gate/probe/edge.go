package probe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// runningEdge is the edge's container: what it was started with, and a way to
// the files that it sees.
type runningEdge struct {
	stack.Container
	Server     gate.Server
	Entrypoint []string
	Command    []string
	Env        map[string]string
}

// RunningEdgeOf finds the edge's container. It returns nil where no such
// container runs, which is the question of other gates.
func RunningEdgeOf(ctx context.Context, s gate.Subject) (*runningEdge, error) {
	containers, err := s.Server.Containers(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the host's containers: %w", err)
	}
	svc, _ := traefik.Service(s.Release, s.Config.Traefik)
	i := slices.IndexFunc(containers, func(c stack.Container) bool {
		return c.Service == svc.Name && Current(s, c) && c.State == "running"
	})
	if i < 0 {
		return nil, nil
	}
	e := &runningEdge{Container: containers[i], Server: s.Server, Env: map[string]string{}}
	raw, err := s.Server.Inspect(ctx, e.ID)
	var told struct {
		Config struct{ Entrypoint, Cmd, Env []string }
	}
	if err == nil {
		err = json.Unmarshal(raw, &told)
	}
	if err != nil {
		return nil, fmt.Errorf("inspect container %s: %w", e.Name, err)
	}
	e.Entrypoint, e.Command = told.Config.Entrypoint, told.Config.Cmd
	for _, line := range told.Config.Env {
		k, v, _ := strings.Cut(line, "=")
		e.Env[k] = v
	}
	return e, nil
}

// static is the file that the edge takes its static settings from; nil content
// where there is none.
func (e *runningEdge) static(ctx context.Context) (stack.File, error) {
	for _, place := range traefik.StaticPlaces(slices.Concat(e.Entrypoint, e.Command), e.Env) {
		found, err := e.Server.Files(ctx, e.ID, place)
		if err != nil {
			return stack.File{}, err
		}
		if len(found) == 1 {
			return found[0], nil
		}
	}
	return stack.File{}, nil
}

// StaticDrift compares what the edge was started with, and the static file
// that it sees, with the release. Values are not shown: there may be secrets
// among them.
func StaticDrift(ctx context.Context, s gate.Subject, rule stack.Rule) ([]stack.Finding, error) {
	e, err := RunningEdgeOf(ctx, s)
	if e == nil || err != nil {
		return nil, err
	}
	svc, _ := traefik.Service(s.Release, s.Config.Traefik)
	started, err := Frozen(s.Release)
	if err != nil {
		return nil, err
	}
	want, there := started[svc.Name]
	if !there {
		return nil, nil
	}
	var out []stack.Finding
	tell := func(problem, expected string, diff []string) {
		if len(diff) > 0 {
			out = append(out, stack.Finding{Subject: "container " + svc.Name, Rule: rule.ID, Problem: problem, Expected: expected, Observed: Few(diff) + " (container " + e.Name + ")",
				Evidence: "traefik-static.yml", Fix: "deploy again; then find out who works on the host by hand"})
		}
	}
	// What the compose file leaves open is the image's own.
	var argv []string
	if len(want.Entrypoint) > 0 {
		argv = append(argv, e.Entrypoint...)
	}
	if len(want.Entrypoint)+len(want.Command) > 0 {
		argv = append(argv, e.Command...)
		tell("the edge was started with other flags than the release's", "the command of the compose file",
			traefik.Differing(traefik.ParseFlags(slices.Concat(want.Entrypoint, want.Command)).Flat(), traefik.ParseFlags(argv).Flat()))
	}
	tell("the edge was started with other variables than the release's", "the environment of the compose file", traefik.Differing(edgeVariables(want.Variables()), edgeVariables(e.Env)))
	file, err := e.static(ctx)
	if err != nil {
		return out, err
	}
	diff, err := fileDrift(traefik.StaticName(s.Config.Traefik), s.Release.Edge.Static, file)
	tell("the edge's static file is not the release's", "the file that was judged", diff)
	return out, err
}

// edgeVariables are the variables that change what Traefik does.
func edgeVariables(env map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range env {
		if upper := strings.ToUpper(k); strings.HasPrefix(upper, "TRAEFIK_") || strings.HasPrefix(upper, "LEGO_") {
			out[upper] = v
		}
	}
	return out
}

// fileDrift names the settings in which a file that is there differs from the
// one that was judged.
func fileDrift(name string, want []byte, have stack.File) ([]string, error) {
	if string(want) == string(have.Content) {
		return nil, nil
	}
	a, err := traefik.ParseFile(name, want)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	b, err := traefik.ParseFile(have.Path, have.Content)
	if err != nil {
		return []string{"it cannot be read: " + Shown(err.Error())}, nil
	}
	return traefik.Differing(a.Flat(), b.Flat()), nil
}

// DynamicDrift compares the files of the running edge's provider with the
// release's: what is added, gone or changed was not judged.
func DynamicDrift(ctx context.Context, s gate.Subject, rule stack.Rule) (seen int, out []stack.Finding, err error) {
	e, err := RunningEdgeOf(ctx, s)
	if e == nil || err != nil {
		return 0, nil, err
	}
	m := traefik.Read(s.Release, s.Config.Traefik)
	place := cmp.Or(m.Static.Root.Text("providers", "file", "directory"), m.Static.Root.Text("providers", "file", "filename"))
	if place == "" || len(s.Release.Edge.Dynamic) == 0 {
		return 0, nil, nil
	}
	files, err := e.Server.Files(ctx, e.ID, place)
	if err != nil {
		return 0, nil, err
	}
	have := map[string]stack.File{}
	for _, f := range files {
		name := strings.TrimPrefix(strings.TrimPrefix(f.Path, path.Clean("/"+place)), "/")
		if ext := strings.ToLower(path.Ext(f.Path)); ext == ".yml" || ext == ".yaml" || ext == ".toml" {
			have[cmp.Or(name, path.Base(f.Path))] = f
		}
	}
	tell := func(name, problem, expected, observed string) {
		out = append(out, stack.Finding{Subject: "edge file " + name, Rule: rule.ID, Problem: problem, Expected: expected, Observed: observed, Evidence: "headers.json",
			Fix: "deploy again; then find out who works on the host by hand"})
	}
	for _, want := range s.Release.Edge.Dynamic {
		name := path.Base(want.Path)
		f, there := have[name]
		delete(have, name)
		if !there {
			tell(name, "the running edge does not have a file of the release", "there", "not there")
			continue
		}
		seen++
		diff, failure := pointedDrift(s, want, f)
		err = errors.Join(err, failure)
		if len(diff) > 0 {
			tell(name, "the running edge has other settings than the release", "the file that was judged", Few(diff))
		}
	}
	for name, f := range have {
		if lasts(s, name, f.Content) {
			continue
		}
		seen++
		tell(name, "the running edge has a file that the release does not bring", "files of the release only", name)
	}
	return seen, out, err
}

// lasts reports whether a file of a running edge is one of those that stackctl writes
// and that belong to no release.
func lasts(s gate.Subject, name string, content []byte) bool {
	switch name {
	case stack.MaintenanceFile:
		_, err := edge.ReadMaintenance(content)
		return err == nil
	case stack.ChallengeFile:
		return edge.IsChallenge(s.Config, s.Release.Edge, content)
	}
	return false
}

// pointedDrift is fileDrift for a file whose upstreams a switch has pointed at
// the release.
func pointedDrift(s gate.Subject, want, have stack.File) ([]string, error) {
	pointed, err := edge.Point([]stack.File{want}, s.Release.ID, s.Release.Upstreams())
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", want.Path, err)
	}
	a, err := traefik.ParseFile(want.Path, pointed[0].Content)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", want.Path, err)
	}
	b, err := traefik.ParseFile(have.Path, have.Content)
	if err != nil {
		return []string{"it cannot be read: " + Shown(err.Error())}, nil
	}
	return traefik.Differing(a.Flat(), b.Flat()), nil
}

// TLSHosts are the public host names that routes with TLS serve.
func TLSHosts(s gate.Subject, m traefik.Model) []string {
	var hosts []string
	add := func(h string) {
		if h != "" && !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	inside := map[string]bool{}
	for _, r := range m.Routers {
		if !r.Public() || !r.TLS {
			inside[r.Name] = true
			continue
		}
		for _, h := range r.Hosts {
			add(h)
		}
	}
	for _, r := range s.Release.Edge.Routes {
		if inside[strings.TrimSuffix(r.Name, "@file")] {
			continue
		}
		for _, h := range r.Hosts {
			add(strings.ToLower(h))
		}
	}
	slices.Sort(hosts)
	return hosts
}
