package gatetest

import (
	"context"
	"encoding/json"
	"strings"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// RunningServer is a server whose edge can be looked into.
type RunningServer struct {
	*Server
	Tree map[string]string
	Told map[string]any
}

// Inspect returns Told as the container's configuration.
func (r *RunningServer) Inspect(context.Context, string) ([]byte, error) {
	return json.Marshal(map[string]any{"Config": r.Told})
}

// InspectImage returns an image without defaults.
func (r *RunningServer) InspectImage(context.Context, string) ([]byte, error) {
	return []byte("{}"), nil
}

// Files returns what Tree holds at a path and below.
func (r *RunningServer) Files(_ context.Context, _, at string) ([]stack.File, error) {
	var out []stack.File
	for path, text := range r.Tree {
		if path == at || strings.HasPrefix(path, strings.TrimSuffix(at, "/")+"/") {
			out = append(out, stack.File{Path: path, Content: []byte(text)})
		}
	}
	return out, nil
}

// EdgeServer runs the edge of a release as a deploy leaves it, with more files.
func EdgeServer(s gate.Subject, more map[string]string) *RunningServer {
	svc, _ := traefik.Service(s.Release, s.Config.Traefik)
	env := []string{"PATH=/bin"}
	for k, v := range svc.Environment {
		env = append(env, k+"="+v)
	}
	files := map[string]string{"/etc/traefik/traefik.yml": string(s.Release.Edge.Static)}
	pointed, _ := edge.Point(s.Release.Edge.Dynamic, s.Release.ID, s.Release.Upstreams()) // they were read before
	for _, f := range pointed {
		files["/etc/traefik/dynamic/"+f.Path] = string(f.Content)
	}
	for path, text := range more {
		files[path] = text
	}
	return &RunningServer{
		Server: &Server{
			OnRun: func([]string) (stack.Output, error) { return stack.Output{Exit: 1}, nil },
			List:  []stack.Container{{ID: "e", Name: "stack-traefik-1", Project: "stack", Service: "traefik", State: "running"}},
		},
		Tree: files,
		Told: map[string]any{"Entrypoint": []string{"/entrypoint.sh"}, "Cmd": svc.Command, "Env": env},
	}
}
