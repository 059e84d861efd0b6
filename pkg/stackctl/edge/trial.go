package edge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// TrialPort is where an edge on trial answers for its API.
const TrialPort = 58080

// trialKeys are the parts of a static file that decide how dynamic files are
// understood. Everything that would act on the world is left out: certificates
// would be ordered, logs shipped, other providers watched.
var trialKeys = []string{"entryPoints", "experimental", "core", "serversTransport", "tcpServersTransport"}

// TrialStatic is the static file of an edge that only tries dynamic files.
func TrialStatic(static []byte) ([]byte, error) {
	_, root, err := parse("the static file", static)
	if err != nil {
		return nil, err
	}
	var kept map[string]any
	if err := root.Decode(&kept); err != nil {
		return nil, err
	}
	out := map[string]any{
		"global": map[string]any{"checkNewVersion": false, "sendAnonymousUsage": false},
		"log":    map[string]any{"level": "ERROR", "noColor": true},
		"api":    map[string]any{"insecure": true, "dashboard": false},
	}
	for key, value := range kept {
		if slices.ContainsFunc(trialKeys, func(k string) bool { return strings.EqualFold(k, key) }) {
			out[key] = value
		}
	}
	points, _ := out["entryPoints"].(map[string]any)
	if points == nil {
		points = map[string]any{}
	}
	points["traefik"] = map[string]any{"address": fmt.Sprintf(":%d", TrialPort)}
	out["entryPoints"] = points
	var providers struct {
		File map[string]any `yaml:"file"`
	}
	if at := lookup(root, "providers"); at != nil {
		if err := at.Decode(&providers); err != nil {
			return nil, err
		}
	}
	out["providers"] = map[string]any{"providersThrottleDuration": "10ms", "file": providers.File}
	return yaml.Marshal(out)
}

// Complaints waits until Traefik has read the files and tells what it has
// against them; none: they are good. A Traefik that does not take the files at
// all says so only in its log: then the error comes when ctx ends.
func (a API) Complaints(ctx context.Context, files []stack.File) ([]string, error) {
	want := document{}
	for _, f := range files {
		if err := yaml.Unmarshal(f.Content, &want); err != nil {
			line, text := errorLine(err)
			return nil, stack.Usage(f.Path, line, text, "correct the file")
		}
	}
	var list []string
	err := a.poll(ctx, func(client *http.Client) error {
		complaints, loaded, err := a.complaints(ctx, client, want)
		if err == nil && !loaded {
			err = errors.New("the files were not taken by Traefik")
		}
		list = complaints
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Awake waits until the edge's API answers; the error is that of the last try.
func (a API) Awake(ctx context.Context) error {
	return a.poll(ctx, func(client *http.Client) error {
		var routers []apiRouter
		return a.get(ctx, client, "/api/http/routers?per_page=1", &routers)
	})
}

// complaints asks once; loaded says that every router and service of the files
// is known to Traefik.
func (a API) complaints(ctx context.Context, client *http.Client, want document) (list []string, loaded bool, err error) {
	known := map[string]map[string]bool{}
	for _, kind := range []string{"http/routers", "http/services", "http/middlewares", "tcp/routers", "tcp/services", "tcp/middlewares", "udp/routers", "udp/services"} {
		var things []apiRouter
		if err := a.get(ctx, client, "/api/"+kind+"?per_page=1000", &things); err != nil {
			return nil, false, err
		}
		known[kind] = map[string]bool{}
		for _, t := range things {
			name, provider, _ := strings.Cut(t.Name, "@")
			if provider != "file" {
				continue
			}
			known[kind][strings.ToLower(name)] = true
			if len(t.Error) > 0 || t.Status == "disabled" {
				what := strings.TrimSuffix(strings.ReplaceAll(kind, "/", " "), "s")
				list = append(list, fmt.Sprintf("%s %s: %s", what, name, strings.Join(t.Error, ", ")))
			}
		}
	}
	for name := range want.HTTP.Routers {
		if !known["http/routers"][strings.ToLower(name)] {
			return nil, false, nil
		}
	}
	for name := range want.HTTP.Services {
		if !known["http/services"][strings.ToLower(name)] {
			return nil, false, nil
		}
	}
	sort.Strings(list)
	return list, len(known["http/routers"]) > 0, nil
}
