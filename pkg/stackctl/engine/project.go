package engine

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/compose/v5/pkg/api"

	"stackctl/pkg/stackctl/stack"
)

// labelOnce marks a container that runs to completion, so that starting a
// project again needs no compose file.
const labelOnce = stack.LabelOnce

// appProject matches the compose project of a release's app layer.
var appProject = regexp.MustCompile(`^(.+)-([0-9a-f]{12})$`)

// load reads an already resolved compose file: nothing is interpolated, no
// file of this machine is read.
func load(ctx context.Context, name string, yaml []byte) (*types.Project, error) {
	p, err := loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir:  "/",
		ConfigFiles: []types.ConfigFile{{Filename: name + ".yaml", Content: yaml}},
		Environment: types.Mapping{},
	}, func(o *loader.Options) {
		o.SetProjectName(name, true)
		o.SkipInterpolation = true
		o.SkipInclude = true
		o.SkipExtends = true
		o.SkipResolveEnvironment = true
		o.SkipResolveLabels = true
		o.ResolvePaths = false
		o.Profiles = []string{"*"}
	})
	if err != nil {
		return nil, fmt.Errorf("read the compose file of project %s: %w", name, err)
	}
	label(p)
	return p, nil
}

// narrow keeps the named services and what they depend on; no names keep all.
func narrow(p *types.Project, services []string, deps types.DependencyOption) (*types.Project, error) {
	for _, s := range services {
		if _, ok := p.Services[s]; !ok {
			return nil, fmt.Errorf("service %s is not in project %s, which has %s",
				s, p.Name, strings.Join(p.ServiceNames(), ", "))
		}
	}
	p, err := p.WithSelectedServices(services, deps)
	if err != nil {
		return nil, fmt.Errorf("select services of project %s: %w", p.Name, err)
	}
	narrowed := p.WithoutUnnecessaryResources()
	// What the file itself declares is made even where none of these services
	// uses it: the projects of releases join it from outside.
	for key, n := range p.Networks {
		if !n.External {
			narrowed.Networks[key] = n
		}
	}
	for key, v := range p.Volumes {
		if !v.External {
			narrowed.Volumes[key] = v
		}
	}
	return narrowed, nil
}

// label sets what Compose and stackctl recognize their own things by. These
// labels do not count in the hash that says whether a definition changed.
func label(p *types.Project) {
	own := types.Labels{stack.LabelProject: p.Name}
	if m := appProject.FindStringSubmatch(p.Name); m != nil {
		own[stack.LabelProject] = m[1]
		own[stack.LabelRelease] = m[2]
	}
	for name, s := range p.Services {
		s.CustomLabels = types.Labels{
			api.ProjectLabel:     p.Name,
			api.ServiceLabel:     name,
			api.VersionLabel:     api.ComposeVersion,
			api.WorkingDirLabel:  p.WorkingDir,
			api.ConfigFilesLabel: strings.Join(p.ComposeFiles, ","),
			api.OneoffLabel:      "False",
			labelOnce:            strconv.FormatBool(oneShot(p, s)),
		}
		addMissing(s.CustomLabels, own, s.Labels)
		s.Build = nil
		s.PullPolicy = types.PullPolicyMissing // the guard turns a pull into an error
		p.Services[name] = s
	}
	for key, n := range p.Networks {
		n.CustomLabels = types.Labels{}
		addMissing(n.CustomLabels, own, n.Labels)
		p.Networks[key] = n
	}
	for key, v := range p.Volumes {
		v.CustomLabels = types.Labels{}
		addMissing(v.CustomLabels, own, v.Labels)
		p.Volumes[key] = v
	}
}

// addMissing copies the labels that the file does not set itself.
func addMissing(to, own, declared types.Labels) {
	for k, v := range own {
		if _, ok := declared[k]; !ok {
			to[k] = v
		}
	}
}

// oneShot reports whether a service runs to completion: it declares it, or another
// service waits for that.
func oneShot(p *types.Project, s types.ServiceConfig) bool {
	if x, ok := s.Extensions["x-stackctl"].(map[string]any); ok && x["run"] == "once" {
		return true
	}
	for _, other := range p.Services {
		if d, ok := other.DependsOn[s.Name]; ok && d.Condition == types.ServiceConditionCompletedSuccessfully {
			return true
		}
	}
	return false
}

// settles is how long a service without a health check must run without ending
// before it counts as ready; 0 where it does not say.
func settles(s types.ServiceConfig) time.Duration {
	x, _ := s.Extensions["x-stackctl"].(map[string]any)
	text, _ := x["settle"].(string)
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0
	}
	return d
}

// unit is one service on its way to ready.
type unit struct {
	name string
	once bool
	// settle is what settles returns.
	settle time.Duration
	// deps maps a service to the condition that it must meet first.
	deps map[string]string
	// scale is how many containers the service has.
	scale int
}

// units are the services of a project, by name.
func units(p *types.Project) map[string]unit {
	out := map[string]unit{}
	for name, s := range p.Services {
		u := unit{name: name, once: s.CustomLabels[labelOnce] == "true", settle: settles(s), deps: map[string]string{}, scale: s.GetScale()}
		for dep, d := range s.DependsOn {
			if _, ok := p.Services[dep]; ok {
				u.deps[dep] = d.Condition
			}
		}
		out[name] = u
	}
	return out
}

// containerNames maps the names that Compose will give containers to services.
func containerNames(p *types.Project) map[string]string {
	out := map[string]string{}
	for name, s := range p.Services {
		if s.ContainerName != "" {
			out[s.ContainerName] = name
			continue
		}
		for i := 1; i <= max(1, s.GetScale()); i++ {
			out[fmt.Sprintf("%s-%s-%d", p.Name, name, i)] = name
		}
	}
	return out
}

// only is the project with just these services and no order between them.
func only(p *types.Project, services []string) *types.Project {
	q := *p
	q.Services = types.Services{}
	for _, name := range services {
		s := p.Services[name]
		s.DependsOn = nil
		q.Services[name] = s
	}
	q.DisabledServices = nil
	return &q
}

// sorted are the keys of a set, in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
