package swarm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/stack"
)

// Up makes services of a resolved compose file run, with what they depend on, and
// waits until each is ready; it returns those that it had to touch. A service whose
// definition and placement are unchanged is left as it is; another definition is a
// new Swarm service in the place of the old one. It updates none.
func (c *Cluster) Up(ctx context.Context, project string, compose []byte, services []string, progress func(service, state string)) ([]string, error) {
	if stack.Throwaway(project) {
		return c.home.server.Up(ctx, project, compose, services, progress)
	}
	what := "start project " + project
	b, p, err := c.prepare(ctx, project, compose, services, types.IncludeDependencies)
	if err != nil {
		return nil, fault(what, err)
	}
	slots, err := c.place(ctx, p)
	if err != nil {
		return nil, fault(what, err)
	}
	touched := map[string]bool{}
	for _, wave := range waves(p) {
		var awaited []string
		for _, s := range slots {
			if !slices.Contains(wave, s.Service) {
				continue
			}
			if len(s.Nodes) == 1 && slices.Contains(c.away(), s.Nodes[0]) {
				return sortedKeys(touched), fault(what, fmt.Errorf("%s, and that does not answer: it is started nowhere else, since its data is there", s))
			}
			id, made, err := c.ensure(ctx, b, s)
			if err != nil {
				return sortedKeys(touched), fault(what, err)
			}
			awaited = append(awaited, id)
			touched[s.Service] = touched[s.Service] || made
			if stack.Layer(p.Services[s.Service].Labels[stack.LabelLayer]) != stack.LayerEdge {
				continue
			}
			if err := c.await(ctx, p, []string{id}, progress); err != nil { // the others serve meanwhile
				return sortedKeys(touched), fault(what, err)
			}
		}
		if err := c.await(ctx, p, awaited, progress); err != nil {
			return sortedKeys(touched), fault(what, err)
		}
	}
	maps.DeleteFunc(touched, func(_ string, is bool) bool { return !is })
	return sortedKeys(touched), nil
}

// Placement tells where each container of a resolved compose file is to run, and what
// of it no Swarm service can have.
func (c *Cluster) Placement(ctx context.Context, project string, compose []byte) ([]string, error) {
	p, err := engine.Project(ctx, project, compose)
	if err != nil {
		return nil, err
	}
	var lacks []string
	for _, name := range p.ServiceNames() {
		for _, lack := range Uncarried(p.Services[name]) {
			lacks = append(lacks, "service "+name+": "+lack)
		}
	}
	if len(lacks) > 0 {
		return nil, stack.Fault(stack.CauseUsage, "place "+project+" on the nodes of "+c.target.Domain, errors.New(strings.Join(lacks, "; ")+"; nothing was changed"),
			"write the service without it, or deploy to a target without nodes")
	}
	slots, err := c.place(ctx, p)
	if err != nil {
		return nil, stack.Fault(stack.CauseUsage, "place "+project+" on the nodes of "+c.target.Domain, fmt.Errorf("%w; nothing was changed", err), "")
	}
	var out []string
	for _, s := range slots {
		out = append(out, s.String())
	}
	return out, nil
}

// prepare reads a compose file, and makes the networks and secrets that its services
// have.
func (c *Cluster) prepare(ctx context.Context, project string, compose []byte, services []string, deps types.DependencyOption) (blueprint, *types.Project, error) {
	b := blueprint{nodes: c.target.Nodes}
	p, err := engine.Project(ctx, project, compose)
	if err != nil {
		return b, nil, err
	}
	if p, err = engine.Select(p, services, deps); err != nil {
		return b, nil, err
	}
	b.project = p
	for _, s := range p.Services {
		if len(s.ExternalLinks) > 0 { // a release beside others: its plain names are its own
			b.private = project + privateEnding
		}
	}
	for _, key := range sortedKeys(p.Networks) {
		n := p.Networks[key]
		if n.External {
			continue
		}
		if err := c.network(ctx, n.Name, n.Internal, merged(n.CustomLabels, n.Labels)); err != nil {
			return b, nil, err
		}
	}
	if b.private != "" {
		if err := c.network(ctx, b.private, true, ownLabels(p)); err != nil {
			return b, nil, err
		}
	}
	b.secrets, err = c.secrets(ctx, p)
	return b, p, err
}

// ownLabels are those by which a network or secret of a project is known as ours.
func ownLabels(p *types.Project) map[string]string {
	out := map[string]string{stack.ComposeProject: p.Name, stack.LabelProject: p.Name}
	for _, s := range p.Services {
		for _, key := range []string{stack.LabelProject, stack.LabelRelease} {
			if v := merged(s.CustomLabels, s.Labels)[key]; v != "" {
				out[key] = v
			}
		}
	}
	return out
}

// secrets makes the Swarm secrets of a project's files. Their names tell the keyed
// hash that the files' folder has: another value is another secret.
func (c *Cluster) secrets(ctx context.Context, p *types.Project) (map[string]secret, error) {
	out := map[string]secret{}
	if len(p.Secrets) == 0 {
		return out, nil
	}
	api := c.home.engine.Client()
	list, err := api.SecretList(ctx, client.SecretListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list the Swarm's secrets: %w", err)
	}
	known := map[string]string{}
	for _, s := range list.Items {
		known[s.Spec.Name] = s.ID
	}
	labels := ownLabels(p)
	for _, key := range sortedKeys(p.Secrets) {
		file := p.Secrets[key].File
		if file == "" || out[file].id != "" {
			continue
		}
		name := secretName(labels[stack.LabelProject], c.target.Path, file)
		id := known[name]
		if id == "" {
			value, err := c.home.server.ReadFile(ctx, file)
			if err != nil {
				return nil, fmt.Errorf("secret %s: %w", key, err)
			}
			made, err := api.SecretCreate(ctx, client.SecretCreateOptions{Spec: swarm.SecretSpec{
				Annotations: swarm.Annotations{Name: name, Labels: map[string]string{stack.LabelProject: labels[stack.LabelProject]}}, Data: value,
			}})
			if err != nil {
				return nil, fmt.Errorf("give secret %s to the Swarm: %w", key, err)
			}
			id = made.ID
		}
		out[file] = secret{id, name}
	}
	return out, nil
}

// secretName is the Swarm's name of a secret's file below the target's folder. A
// name has 64 characters at most.
func secretName(project, root, file string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(file, root+"/"), stack.SecretsDir+"/")
	name := project + "." + strings.ReplaceAll(rest, "/", ".")
	if len(name) > 64 {
		name = name[:51] + "." + stack.Sum([]byte(name))[:12]
	}
	return name
}

// place assigns a project's services to the nodes that answer.
func (c *Cluster) place(ctx context.Context, p *types.Project) ([]Slot, error) {
	at, err := c.volumes(ctx)
	if err != nil {
		return nil, err
	}
	demands := Demands(p)
	held := map[string]string{}
	for _, d := range demands {
		for _, v := range d.Volumes {
			switch on := at[v]; {
			case len(on) == 1:
				held[v] = on[0]
			case len(on) > 1 && d.Layer != stack.LayerEdge:
				return nil, fmt.Errorf("volume %s of service %s is on %s: which one is to be used is not known; remove those that are not on the host by hand", v, d.Service, strings.Join(on, " and "))
			}
		}
	}
	if err := c.homes(ctx, held); err != nil {
		return nil, err
	}
	return Place(demands, c.target.Nodes, c.away(), held)
}

// homes adds the nodes of volumes that nobody sees because their node is away: the
// Swarm services that mount them say where they are.
func (c *Cluster) homes(ctx context.Context, held map[string]string) error {
	services, err := c.services(ctx, "")
	if err != nil {
		return err
	}
	for _, s := range services {
		t := s.Spec.TaskTemplate
		if t.Placement == nil || t.ContainerSpec == nil || len(t.Placement.Constraints) != 1 || s.Spec.Labels[stack.LabelLayer] == string(stack.LayerEdge) {
			continue
		}
		at, pinned := strings.CutPrefix(t.Placement.Constraints[0], "node.labels."+LabelNode+"==")
		for _, m := range t.ContainerSpec.Mounts {
			if pinned && m.Type == mount.TypeVolume && m.Source != "" && held[m.Source] == "" {
				held[m.Source] = at
			}
		}
	}
	return nil
}

// Demands are what the placement of a project's services depends on, by name.
func Demands(p *types.Project) []Demand {
	var out []Demand
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		d := Demand{Service: name, Layer: stack.Layer(s.Labels[stack.LabelLayer]), Replicas: s.GetScale(), Publishes: len(s.Ports) > 0}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeVolume && v.Source != "" {
				d.Volumes = append(d.Volumes, volumeName(p, v.Source))
			}
		}
		out = append(out, d)
	}
	return out
}

func volumeName(p *types.Project, key string) string {
	if v, ok := p.Volumes[key]; ok && v.Name != "" {
		return v.Name
	}
	return key
}

// waves are a project's services in the order in which they may start.
func waves(p *types.Project) [][]string {
	var out [][]string
	done := map[string]bool{}
	for len(done) < len(p.Services) {
		var wave []string
		for _, name := range p.ServiceNames() {
			ready := !done[name]
			for on := range p.Services[name].DependsOn {
				if _, here := p.Services[on]; here && !done[on] {
					ready = false
				}
			}
			if ready {
				wave = append(wave, name)
			}
		}
		if len(wave) == 0 { // a circle, which Compose has refused
			return append(out, slices.DeleteFunc(p.ServiceNames(), func(n string) bool { return done[n] }))
		}
		for _, name := range wave {
			done[name] = true
		}
		out = append(out, wave)
	}
	return out
}

// ensure makes a slot's Swarm service as it is to be, and reports whether it had to.
func (c *Cluster) ensure(ctx context.Context, b blueprint, s Slot) (id string, made bool, err error) {
	spec, err := b.spec(b.project.Services[s.Service], s)
	if err != nil {
		return "", false, err
	}
	api := c.home.engine.Client()
	there, err := api.ServiceInspect(ctx, spec.Name, client.ServiceInspectOptions{})
	switch {
	case cerrdefs.IsNotFound(err):
	case err != nil:
		return "", false, fmt.Errorf("look for service %s: %w", spec.Name, err)
	case there.Service.Spec.Labels[stack.LabelProject] != spec.Labels[stack.LabelProject]:
		return "", false, fmt.Errorf("a service %s is there that stackctl did not make for this project; remove it, or give the project another name", spec.Name)
	case there.Service.Spec.Labels[labelSpec] == spec.Labels[labelSpec] && scaled(there.Service) == 0:
		return there.Service.ID, true, c.scale(ctx, there.Service, 1)
	case there.Service.Spec.Labels[labelSpec] == spec.Labels[labelSpec]:
		return there.Service.ID, false, nil
	default:
		if err := c.drop(ctx, []swarm.Service{there.Service}); err != nil {
			return "", false, err
		}
	}
	res, err := api.ServiceCreate(ctx, client.ServiceCreateOptions{Spec: spec})
	if err != nil {
		return "", false, fmt.Errorf("make service %s: %w", spec.Name, err)
	}
	return res.ID, true, nil
}

// scaled is how many containers a service is to have.
func scaled(s swarm.Service) uint64 {
	switch {
	case s.Spec.Mode.Replicated != nil && s.Spec.Mode.Replicated.Replicas != nil:
		return *s.Spec.Mode.Replicated.Replicas
	case s.Spec.Mode.ReplicatedJob != nil && s.Spec.Mode.ReplicatedJob.TotalCompletions != nil:
		return *s.Spec.Mode.ReplicatedJob.TotalCompletions
	}
	return 1
}

// scale starts or stops the one container of a service; what it is stays as it was.
func (c *Cluster) scale(ctx context.Context, s swarm.Service, n uint64) error {
	if s.Spec.Mode.Replicated == nil {
		return nil
	}
	spec := s.Spec
	spec.Mode = swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &n}}
	if _, err := c.home.engine.Client().ServiceUpdate(ctx, s.ID, client.ServiceUpdateOptions{Version: s.Version, Spec: spec}); err != nil {
		return fmt.Errorf("set service %s to %d containers: %w", s.Spec.Name, n, err)
	}
	return nil
}

// Stop stops services of a project, and waits until their containers have ended; none
// named means all.
func (c *Cluster) Stop(ctx context.Context, project string, grace time.Duration, services ...string) error {
	if stack.Throwaway(project) {
		return c.home.server.Stop(ctx, project, grace, services...)
	}
	list, err := c.some(ctx, project, services)
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := c.scale(ctx, s, 0); err != nil {
			return fault("stop project "+project, err)
		}
	}
	return fault("stop project "+project, c.awaitEnd(ctx, list))
}

// Start starts again what was stopped of a project.
func (c *Cluster) Start(ctx context.Context, project string) error {
	if stack.Throwaway(project) {
		return c.home.server.Start(ctx, project)
	}
	list, err := c.some(ctx, project, nil)
	if err != nil {
		return err
	}
	var started []string
	for _, s := range list {
		if s.Spec.Mode.Replicated == nil {
			continue
		}
		if scaled(s) == 0 {
			if err := c.scale(ctx, s, 1); err != nil {
				return fault("start project "+project, err)
			}
		}
		started = append(started, s.ID)
	}
	return fault("start project "+project, c.await(ctx, nil, started, nil))
}

// RemoveProject removes a project's services, and the network that its release had for
// itself; volumes stay.
func (c *Cluster) RemoveProject(ctx context.Context, project string) error {
	if stack.Throwaway(project) {
		return c.home.server.RemoveProject(ctx, project)
	}
	if err := c.RemoveServices(ctx, project, nil); err != nil {
		return err
	}
	api := c.home.engine.Client()
	list, err := api.NetworkList(ctx, client.NetworkListOptions{Filters: make(client.Filters).Add("name", project+privateEnding).Add("label", stack.LabelProject)})
	if err != nil {
		return fault("remove project "+project, err)
	}
	for _, n := range list.Items {
		if n.Name != project+privateEnding {
			continue
		}
		if _, err := api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
			return fault("remove project "+project, err)
		}
	}
	return nil
}

// RemoveServices removes services of a project; volumes stay.
func (c *Cluster) RemoveServices(ctx context.Context, project string, services []string) error {
	if stack.Throwaway(project) {
		return c.home.server.RemoveServices(ctx, project, services)
	}
	list, err := c.some(ctx, project, services)
	if err != nil {
		return err
	}
	return fault("remove services of project "+project, c.drop(ctx, list))
}

// some are services of a project by their names; none named means all.
func (c *Cluster) some(ctx context.Context, project string, names []string) ([]swarm.Service, error) {
	list, err := c.services(ctx, project)
	return slices.DeleteFunc(list, func(s swarm.Service) bool {
		return len(names) > 0 && !slices.Contains(names, s.Spec.Labels[stack.ComposeService])
	}), err
}

// drop removes Swarm services and waits until their containers are gone.
func (c *Cluster) drop(ctx context.Context, list []swarm.Service) error {
	for _, s := range list {
		if err := c.scale(ctx, s, 0); err != nil && !cerrdefs.IsNotFound(err) {
			return err
		}
	}
	if err := c.awaitEnd(ctx, list); err != nil {
		return err
	}
	for _, s := range list {
		if _, err := c.home.engine.Client().ServiceRemove(ctx, s.ID, client.ServiceRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
			return fmt.Errorf("remove service %s: %w", s.Spec.Name, err)
		}
	}
	return nil
}

// RunOnce runs a one-shot of a resolved compose file to completion, removes it, and
// returns what it printed and its exit code.
func (c *Cluster) RunOnce(ctx context.Context, project string, compose []byte, service string) (stack.Output, error) {
	what := fmt.Sprintf("run service %s of project %s", service, project)
	out, err := c.runOnce(ctx, project, compose, service)
	return out, fault(what, err)
}

func (c *Cluster) runOnce(ctx context.Context, project string, compose []byte, service string) (stack.Output, error) {
	b, p, err := c.prepare(ctx, project, compose, []string{service}, types.IgnoreDependencies)
	if err != nil {
		return stack.Output{}, err
	}
	s := p.Services[service]
	s.DependsOn, s.CustomLabels = nil, merged(s.CustomLabels, types.Labels{stack.LabelOnce: "true"})
	s.Extensions = types.Extensions{"x-stackctl": map[string]any{"run": "once"}}
	p.Services[service] = s
	slots, err := c.place(ctx, p)
	if err != nil {
		return stack.Output{}, err
	}
	if list, err := c.some(ctx, project, []string{service}); err != nil {
		return stack.Output{}, err
	} else if err := c.drop(ctx, list); err != nil {
		return stack.Output{}, err
	}
	id, _, err := c.ensure(ctx, b, slots[0])
	if err != nil {
		return stack.Output{}, err
	}
	defer func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		_, _ = c.home.engine.Client().ServiceRemove(late, id, client.ServiceRemoveOptions{})
	}()
	t, err := c.awaitJob(ctx, id)
	if err != nil {
		return stack.Output{}, err
	}
	return c.printed(ctx, t)
}

// printed is what the container of a task printed, and how it ended.
func (c *Cluster) printed(ctx context.Context, t swarm.Task) (stack.Output, error) {
	if t.Status.ContainerStatus == nil || t.Status.ContainerStatus.ContainerID == "" {
		return stack.Output{}, errors.New(taskFault(t))
	}
	out := stack.Output{Exit: t.Status.ContainerStatus.ExitCode}
	m := c.byID(t.NodeID)
	if m == nil {
		return out, fmt.Errorf("it ran on a node that does not answer (%s)", t.NodeID)
	}
	var stdout, stderr tail
	err := m.server.Logs(ctx, t.Status.ContainerStatus.ContainerID, stack.LogOptions{}, &stdout, &stderr)
	out.Stdout, out.Stderr = stdout.kept, stderr.kept
	if err != nil {
		return out, fmt.Errorf("read its log: %w", err)
	}
	return out, nil
}

// tailLimit bounds each stream of a one-shot; the end is kept.
const tailLimit = 1 << 20

type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - tailLimit; over > 0 {
		t.kept = slices.Clone(t.kept[over:])
	}
	return len(p), nil
}

// fault is a step on the cluster that failed; nil where it did not.
func fault(what string, err error) error {
	known := new(stack.Error)
	if err == nil || errors.As(err, &known) {
		return err
	}
	return stack.Fault(stack.CauseStep, what, err, "")
}
