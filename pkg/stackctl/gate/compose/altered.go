package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

// imageDefaults are what a container gets where its service says nothing.
type imageDefaults struct {
	Config struct {
		Env        []string `json:"Env"`
		Cmd        []string `json:"Cmd"`
		Entrypoint []string `json:"Entrypoint"`
	} `json:"Config"`
}

// altered compares how a container runs with how the release starts it:
// command, variables, health check, mounts and devices. Values are not shown:
// there may be secrets among them.
func altered(ctx context.Context, s gate.Subject, svc stack.Service, c stack.Container, r *runningContainer, want probe.FrozenService) ([]stack.Finding, error) {
	var out []stack.Finding
	tell := func(rule stack.Rule, problem, expected, observed string) {
		f := containerFinding(rule, svc, problem, expected, observed+" (container "+c.Name+")", "deploy again; then find out who works on the host by hand")
		out = append(out, f)
	}
	image, known, err := defaultsOf(ctx, s, r.Image)
	if err != nil {
		return nil, err
	}
	entrypoint, command := want.Entrypoint, want.Command
	if len(entrypoint) == 0 {
		entrypoint = image.Config.Entrypoint
		if len(command) == 0 {
			command = image.Config.Cmd
		}
	}
	if known && !slices.Equal(append(slices.Clone(entrypoint), command...), append(slices.Clone(r.Config.Entrypoint), r.Config.Cmd...)) {
		tell(asDeclaredRule, "the container runs another command than its service", "the command of the compose file", firstWord(r.Config.Entrypoint, r.Config.Cmd))
	}
	if diff := alteredVariables(want.Variables(), variablesOf(r.Config.Env), variablesOf(image.Config.Env), known); len(diff) > 0 {
		tell(asDeclaredRule, "the container has other variables than its service", "the environment of the compose file", probe.Few(diff))
	}
	if h := want.Health; h != nil && !h.Disable && len(h.Test) > 0 && (r.Config.Healthcheck == nil || !slices.Equal(h.Test, r.Config.Healthcheck.Test)) {
		tell(asDeclaredRule, "the container has another health check than its service", "the health check of the compose file", "another, or none")
	}
	targets := want.Targets()
	for _, m := range r.Mounts {
		if m.Type != "tmpfs" && !targets[path.Clean(m.Destination)] && !anonymous(m.Type, m.Name) {
			tell(asDeclaredRule, "the container has a mount that its service does not declare", "the volumes and secrets of the compose file", m.Destination)
		}
	}
	if len(r.HostConfig.Devices) > len(want.Devices) {
		tell(asDeclaredRule, "the container has devices that its service does not declare", fmt.Sprint(len(want.Devices)), fmt.Sprint(len(r.HostConfig.Devices)))
	}
	return out, nil
}

// anonymous reports whether a volume has no name of its own: an image declares such.
func anonymous(kind, name string) bool {
	return kind == "volume" && len(name) == 64 && strings.Trim(name, "0123456789abcdef") == ""
}

func defaultsOf(ctx context.Context, s gate.Subject, id string) (d imageDefaults, known bool, err error) {
	if id == "" {
		return d, false, nil
	}
	raw, err := s.Server.InspectImage(ctx, id)
	if err == nil {
		err = json.Unmarshal(raw, &d)
	}
	if err != nil {
		return d, false, fmt.Errorf("inspect image %s: %w", id, err)
	}
	return d, true, nil
}

func variablesOf(lines []string) map[string]string {
	out := map[string]string{}
	for _, line := range lines {
		k, v, _ := strings.Cut(line, "=")
		out[k] = v
	}
	return out
}

// alteredVariables names the variables in which a container differs from its
// service. What its image sets is the image's.
func alteredVariables(want, have, image map[string]string, known bool) []string {
	var out []string
	for k, v := range want {
		if now, there := have[k]; !there {
			out = append(out, k+" is gone")
		} else if now != v {
			out = append(out, k+" is another")
		}
	}
	for k, v := range have {
		_, wanted := want[k]
		if brought, ok := image[k]; known && !wanted && (!ok || brought != v) && k != "PATH" {
			out = append(out, k+" was added")
		}
	}
	slices.Sort(out)
	return out
}

// firstWord shows what runs without its arguments.
func firstWord(lists ...[]string) string {
	words := slices.Concat(lists...)
	if len(words) == 0 {
		return "nothing"
	}
	if len(words) > 2 {
		words = append(words[:2:2], "…")
	}
	return probe.Shown(strings.Join(words, " "))
}
