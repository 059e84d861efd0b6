package gate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// runningEdge is the edge's container: what it was started with, and a way to
// the files that it sees.
type runningEdge struct {
	stack.Container
	files      FileReader
	Entrypoint []string
	Command    []string
	Env        map[string]string
}

// findEdge finds the edge's container. It gives nil where the server cannot
// tell how a container runs, or where no such container runs, which is the
// question of other gates.
func findEdge(ctx context.Context, s Subject) (*runningEdge, error) {
	inspector, can := able[Inspector](s.Server)
	files, reads := able[FileReader](s.Server)
	if !can || !reads {
		return nil, nil
	}
	containers, err := s.Server.Containers(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the host's containers: %w", err)
	}
	svc, _ := edgeService(s.Release, s.Config.Traefik)
	i := slices.IndexFunc(containers, func(c stack.Container) bool {
		return c.Service == svc.Name && current(s, c) && c.State == "running"
	})
	if i < 0 {
		return nil, nil
	}
	e := &runningEdge{Container: containers[i], files: files, Env: map[string]string{}}
	raw, err := inspector.Inspect(ctx, e.ID)
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

// staticPlaces are where Traefik looks for its static file, in its order.
func staticPlaces(argv []string, env map[string]string) []string {
	flags := parseEdgeFlags(argv)
	for _, named := range []string{flags.text("configFile"), parseEdgeEnv(env).text("configFile")} {
		if named != "" {
			return []string{path.Clean("/" + named)}
		}
	}
	return []string{"/etc/traefik/traefik.toml", "/etc/traefik/traefik.yaml", "/etc/traefik/traefik.yml"}
}

// static is the file that the edge takes its static settings from; nil content
// where there is none.
func (e *runningEdge) static(ctx context.Context) (stack.File, error) {
	for _, place := range staticPlaces(slices.Concat(e.Entrypoint, e.Command), e.Env) {
		found, err := e.files.Files(ctx, e.ID, place)
		if err != nil {
			return stack.File{}, err
		}
		if len(found) == 1 {
			return found[0], nil
		}
	}
	return stack.File{}, nil
}

// flat gives every setting by its whole name, in lower case: Traefik's keys are
// case-insensitive, and what differs in the case of a name alone is judged
// where names matter.
func (n *edgeNode) flat() map[string]string {
	out := map[string]string{}
	n.walk(func(at []string, n *edgeNode) {
		key := strings.ToLower(strings.Join(at, "."))
		switch {
		case len(n.items) > 0:
			out[key] = strings.Join(n.items, ", ")
		case len(n.kids) == 0:
			out[key] = n.value
		}
	})
	return out
}

// differing names the settings that are not the same in two trees.
func differing(want, have map[string]string) []string {
	var out []string
	for k, v := range want {
		if now, there := have[k]; !there {
			out = append(out, k+" is gone")
		} else if now != v {
			out = append(out, k+" is another")
		}
	}
	for k := range have {
		if _, wanted := want[k]; !wanted {
			out = append(out, k+" was added")
		}
	}
	slices.Sort(out)
	return out
}

// few joins the first of a list.
func few(list []string) string {
	if n := len(list); n > 4 {
		list = append(slices.Clone(list[:4]), fmt.Sprintf("and %d more", n-4))
	}
	return strings.Join(list, "; ")
}

// staticDrift compares what the edge was started with, and the static file
// that it sees, with the release. Values are not shown: there may be secrets
// among them.
func staticDrift(ctx context.Context, s Subject) ([]stack.Finding, error) {
	e, err := findEdge(ctx, s)
	if e == nil || err != nil {
		return nil, err
	}
	svc, _ := edgeService(s.Release, s.Config.Traefik)
	started, err := frozen(s.Release)
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
			out = append(out, stack.Finding{Subject: "container " + svc.Name, Problem: problem, Expected: expected, Observed: few(diff) + " (container " + e.Name + ")",
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
			differing(parseEdgeFlags(slices.Concat(want.Entrypoint, want.Command)).flat(), parseEdgeFlags(argv).flat()))
	}
	tell("the edge was started with other variables than the release's", "the environment of the compose file", differing(edgeVariables(want.variables()), edgeVariables(e.Env)))
	file, err := e.static(ctx)
	if err != nil {
		return out, err
	}
	diff, err := fileDrift(staticName(s.Config.Traefik), s.Release.Edge.Static, file)
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
	a, err := parseEdgeFile(name, want)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	b, err := parseEdgeFile(have.Path, have.Content)
	if err != nil {
		return []string{"it cannot be read: " + shorten(err.Error())}, nil
	}
	return differing(a.flat(), b.flat()), nil
}

// dynamicDrift compares the files of the running edge's provider with the
// release's: what is added, gone or changed was not judged.
func dynamicDrift(ctx context.Context, s Subject) (seen int, out []stack.Finding, err error) {
	e, err := findEdge(ctx, s)
	if e == nil || err != nil {
		return 0, nil, err
	}
	m := readEdge(s.Release, s.Config.Traefik)
	place := cmp.Or(m.static.root.text("providers", "file", "directory"), m.static.root.text("providers", "file", "filename"))
	if place == "" || len(s.Release.Edge.Dynamic) == 0 {
		return 0, nil, nil
	}
	files, err := e.files.Files(ctx, e.ID, place)
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
		out = append(out, stack.Finding{Subject: "edge file " + name, Problem: problem, Expected: expected, Observed: observed, Evidence: "headers.json",
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
			tell(name, "the running edge has other settings than the release", "the file that was judged", few(diff))
		}
	}
	for name := range have {
		seen++
		tell(name, "the running edge has a file that the release does not bring", "files of the release only", name)
	}
	return seen, out, err
}

// pointedDrift is fileDrift for a file whose upstreams a switch has pointed at
// the release.
func pointedDrift(s Subject, want, have stack.File) ([]string, error) {
	a, err := parseEdgeFile(want.Path, want.Content)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", want.Path, err)
	}
	b, err := parseEdgeFile(have.Path, have.Content)
	if err != nil {
		return []string{"it cannot be read: " + shorten(err.Error())}, nil
	}
	services := b.find("http", "services")
	for _, all := range services {
		all.walk(func(_ []string, n *edgeNode) {
			if strings.EqualFold(n.name, "url") {
				n.value = plainUpstream(s, n.value)
			}
		})
	}
	return differing(a.flat(), b.flat()), nil
}

// plainUpstream gives an upstream as the release's files write it.
func plainUpstream(s Subject, at string) string {
	u, err := url.Parse(at)
	if err != nil {
		return at
	}
	for _, name := range s.Release.AppServices() {
		if u.Hostname() == stack.Upstream(name, s.Release.ID) {
			u.Host = strings.Replace(u.Host, u.Hostname(), name, 1)
			return u.String()
		}
	}
	return at
}
