package release

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/stack"
)

// settle is for how long a service without a health check must run before it
// counts as ready (SPEC N7).
const settle = "5s"

// split makes two compose projects of one: what stays (edge and data) and what
// every release brings anew (app). Files that they mount are collected on the
// way, under paths that depend on their content, so that nothing that runs is
// ever changed in place.
type split struct {
	draft  Draft
	images map[string]stack.Image
	static []byte
	files  []stack.File
	taken  map[string]bool
	// lacks are what no Swarm service can have of the services, for a cluster.
	lacks []misfit
	// definitions are the hashes of the placed services, by name.
	definitions map[string]string
}

// base is the project of the edge and data layers.
func (s *split) base() ([]byte, error) {
	p := s.frame(s.draft.config.Project)
	p.Volumes = types.Volumes{}
	for name, v := range s.draft.project.Volumes {
		p.Volumes[name] = s.volume(v)
	}
	for name, n := range s.draft.project.Networks {
		n.Labels = types.Labels{stack.LabelProject: s.draft.config.Project}
		p.Networks[name] = n
	}
	return s.fill(p, "", stack.LayerEdge, stack.LayerData)
}

// volume points a volume that is a folder of the project at the server's.
func (s *split) volume(v types.VolumeConfig) types.VolumeConfig {
	one, is := s.draft.binds.of[bindDevice(v)]
	if !is || one.kind != persistent {
		return v
	}
	options := types.Options{}
	for name, value := range v.DriverOpts {
		options[name] = value
	}
	options["device"] = s.draft.onServer(one.at)
	v.DriverOpts = options
	return v
}

// app is the project of one release's app layer; networks and volumes are the
// base project's.
func (s *split) app() ([]byte, error) {
	p := s.frame(stack.AppProject(s.draft.config.Project, placeholder))
	p.Volumes = types.Volumes{}
	for name, v := range s.draft.project.Volumes {
		p.Volumes[name] = types.VolumeConfig{Name: v.Name, External: true}
	}
	for name, n := range s.draft.project.Networks {
		p.Networks[name] = types.NetworkConfig{Name: n.Name, External: true}
	}
	return s.fill(p, placeholder, stack.LayerApp)
}

func (s *split) frame(name string) *types.Project {
	return &types.Project{Name: name, Services: types.Services{}, Networks: types.Networks{}, Secrets: types.Secrets{}}
}

// fill puts the services of some layers into a project.
func (s *split) fill(p *types.Project, id string, layers ...stack.Layer) ([]byte, error) {
	for _, name := range sortedKeys(s.draft.project.Services) {
		service := s.draft.project.Services[name]
		x := s.draft.extension(service)
		if !s.draft.deployed(service) || !contains(layers, x.layer) {
			continue
		}
		placed, err := s.place(service, x, id, p)
		if err != nil {
			return nil, err
		}
		p.Services[name] = placed
	}
	raw, err := p.MarshalYAML()
	if err != nil {
		return nil, fmt.Errorf("write the resolved compose file: %w", err)
	}
	return raw, nil
}

// place makes a service ready for the host: its image by ID, its files by
// their paths there, its labels, its aliases, and no wait for another project.
func (s *split) place(service types.ServiceConfig, x extension, id string, p *types.Project) (types.ServiceConfig, error) {
	lasting := s.draft.lastingUpstream(service) // what x-stackctl says of it is taken off below
	service.Profiles, service.Build, service.Extensions = nil, nil, nil
	switch {
	case x.once:
		service.Extensions = types.Extensions{"x-stackctl": map[string]any{"run": "once"}}
	case service.HealthCheck == nil || service.HealthCheck.Disable:
		service.Extensions = types.Extensions{"x-stackctl": map[string]any{"settle": settle}}
	}
	service.PullPolicy = types.PullPolicyNever
	if image, ok := s.images[service.Image]; ok && image.ID != "" {
		service.Image = image.ID
	}
	service.PreStart = s.before(service.PreStart)
	service.DependsOn = s.waits(service, x)
	if x.layer == stack.LayerApp {
		staysStopped(&service)
	}
	service.ExternalLinks = append(service.ExternalLinks[:len(service.ExternalLinks):len(service.ExternalLinks)], s.siblings(service, id)...)
	var upstreams []string
	if id != "" {
		upstreams = append(upstreams, stack.Upstream(service.Name, id))
	}
	if lasting != "" {
		upstreams = append(upstreams, lasting)
	}
	service.Networks = aliased(service, upstreams, s.names(service, x))
	service.Links = s.links(service, x)
	if err := s.mount(&service, x, id, p); err != nil {
		return service, err
	}
	labels := types.Labels{}
	for k, v := range service.Labels {
		labels[k] = v
	}
	labels[stack.LabelProject], labels[stack.LabelLayer] = s.draft.config.Project, string(x.layer)
	if id != "" {
		labels[stack.LabelRelease] = id
	}
	service.Labels = labels
	if s.draft.target.Clustered() {
		for _, text := range Uncarried(service) {
			s.lacks = append(s.lacks, misfit{service.Name, text})
		}
	}
	definition, err := json.Marshal(service)
	if err != nil {
		return service, fmt.Errorf("service %s: %w", service.Name, err)
	}
	s.definitions[service.Name] = digest(definition)
	service.Labels[stack.LabelDefinition] = s.definitions[service.Name]
	return service, nil
}

// before are the containers that run before a service, their images by ID.
func (s *split) before(hooks []types.ServiceHook) []types.ServiceHook {
	var out []types.ServiceHook
	for _, hook := range hooks {
		if image, ok := s.images[hook.Image]; ok && image.ID != "" {
			hook.Image = image.ID
		}
		out = append(out, hook)
	}
	return out
}

// waits keeps the dependencies that can be waited for inside one project:
// data is up before any app starts, and one-shot services are steps of their own.
func (s *split) waits(service types.ServiceConfig, x extension) types.DependsOnConfig {
	out := types.DependsOnConfig{}
	for name, dep := range service.DependsOn {
		other, ok := s.draft.project.Services[name]
		if !ok {
			continue
		}
		y := s.draft.extension(other)
		// What a store waits for until it has completed is no step of its own.
		step := y.once && y.layer == stack.LayerApp
		if s.together(other, x) && !step && s.draft.deployed(other) {
			out[name] = dep
		}
	}
	return out
}

// aliased adds on each network the names by which the edge reaches a service,
// and those that others link to it by.
func aliased(service types.ServiceConfig, upstreams []string, names map[string][]string) map[string]*types.ServiceNetworkConfig {
	out := map[string]*types.ServiceNetworkConfig{}
	for name, n := range service.Networks {
		c := types.ServiceNetworkConfig{}
		if n != nil {
			c = *n
		}
		c.Aliases = append(c.Aliases[:len(c.Aliases):len(c.Aliases)], names[name]...)
		c.Aliases = append(c.Aliases, upstreams...)
		out[name] = &c
	}
	return out
}

// mount points binds, secrets and configs at the server's files, and ships
// those.
func (s *split) mount(service *types.ServiceConfig, x extension, id string, p *types.Project) error {
	volumes := make([]types.ServiceVolumeConfig, 0, len(service.Volumes)+1)
	for _, v := range service.Volumes {
		more := []types.ServiceVolumeConfig(nil)
		if v.Type == types.VolumeTypeBind {
			var err error
			if more, err = s.bind(&v, service.Name, id); err != nil {
				return err
			}
		}
		if image, ok := s.images[v.Source]; ok && v.Type == types.VolumeTypeImage && image.ID != "" {
			v.Source = image.ID
		}
		volumes = append(append(volumes, v), more...)
	}
	for _, use := range service.Configs {
		volumes = append(volumes, s.config(use, id))
	}
	service.Configs = nil
	if ca := s.draft.target.ACME.DirectoryCA; ca != "" && x.layer == stack.LayerEdge {
		f, err := readFile(ca, filepath.Base(ca))
		if err != nil {
			return stack.Usage(ca, 0, plainError(err), "name a PEM file under acme.directory_ca")
		}
		const inside = "/etc/traefik/acme-directory-ca.pem"
		volumes = append(volumes, types.ServiceVolumeConfig{Type: types.VolumeTypeBind, Source: s.ship("files", f, id), Target: inside, ReadOnly: true})
		environment := types.MappingWithEquals{}
		for k, value := range service.Environment {
			environment[k] = value
		}
		path := inside
		environment["LEGO_CA_CERTIFICATES"] = &path
		service.Environment = environment
	}
	service.Volumes = volumes
	for _, use := range service.Secrets {
		for _, secret := range s.draft.secrets {
			if secret.Name == use.Source {
				f := stack.File{Path: secret.Name, Mode: 0o444, Content: secret.content, Secret: true}
				p.Secrets[use.Source] = types.SecretConfig{File: s.ship("secrets", f, id)}
			}
		}
	}
	return nil
}

// config is a config as what it is for one container: a file that is mounted.
func (s *split) config(use types.ServiceConfigObjConfig, id string) types.ServiceVolumeConfig {
	f := s.draft.configs[use.Source]
	if use.Mode != nil && *use.Mode&0o111 != 0 {
		f.Mode |= 0o111
	}
	return types.ServiceVolumeConfig{Type: types.VolumeTypeBind, Source: s.ship("files/configs", f, id), Target: path.Join("/", cmp.Or(use.Target, use.Source)), ReadOnly: true}
}

// bind points a bind mount at the server. What a release ships it mounts
// read-only, and what is persistent inside it is mounted over that.
func (s *split) bind(v *types.ServiceVolumeConfig, service, id string) ([]types.ServiceVolumeConfig, error) {
	one := s.draft.binds.of[v.Source]
	if v.Bind != nil {
		options := *v.Bind
		options.CreateHostPath = one.kind == hosts && options.CreateHostPath
		v.Bind = &options
	}
	switch one.kind {
	case persistent:
		v.Source = s.draft.onServer(one.at)
		return nil, nil
	case hosts:
		return nil, nil
	}
	v.ReadOnly = true
	switch one.local {
	case s.draft.config.Traefik.Dynamic:
		v.Source = s.draft.target.Path + "/edge/dynamic"
		return nil, nil
	case s.draft.config.Traefik.Static:
		v.Source = s.ship("files", stack.File{Path: path.Base(one.at), Mode: 0o444, Content: s.static}, id)
		return nil, nil
	}
	return s.shipBind(v, one, service, id)
}

func (s *split) shipBind(v *types.ServiceVolumeConfig, one bind, service, id string) ([]types.ServiceVolumeConfig, error) {
	use := bindUse{service: service, source: one.written, target: v.Target}
	if one.isFile {
		f, err := readFile(one.local, s.name(one.at, id))
		if err != nil {
			return nil, s.draft.refuseBind(use, "mounts "+one.written+": "+plainError(err), "mount a smaller file, or one of the server by its absolute path")
		}
		v.Source = s.ship("files", f, id)
		return nil, nil
	}
	inside := s.draft.binds.within(one.at)
	t, err := s.draft.tree(one.local, inside)
	if err != nil {
		return nil, s.draft.refuseBind(use, "mounts "+one.written+": "+err.Error(), "remove what cannot be sent, mount a smaller folder, or one of the server by its absolute path")
	}
	v.Source = s.shipTree(t, s.name(one.at, id), id)
	var more []types.ServiceVolumeConfig
	for _, at := range sortedKeys(inside) {
		if !t.has(at) {
			continue // it is not there on this machine: nothing to mount over
		}
		more = append(more, types.ServiceVolumeConfig{Type: types.VolumeTypeBind, Source: s.draft.onServer(path.Join(one.at, at)), Target: path.Join(v.Target, at), ReadOnly: true})
	}
	return more, nil
}

// name is a file's name on the server: for a release its path in the project,
// so that two of the same name are two; among what stays, where the folder is
// named by content, the last part of that.
func (s *split) name(at, id string) string {
	if id == "" {
		return path.Base(at)
	}
	return at
}

// ship adds a file below a path that names its content, and returns where it
// will be.
func (s *split) ship(kind string, f stack.File, id string) string {
	dir := releaseDir(id) + "/" + kind
	switch {
	case id != "":
	case f.Secret:
		dir = kind + "/" + s.draft.key.name(f.Content)
	default:
		h := sha256.New()
		partOf(h, stack.File{Mode: f.Mode, Content: f.Content, Source: f.Source, Sum: f.Sum})
		dir = kind + "/" + hex.EncodeToString(h.Sum(nil))[:12]
	}
	f.Path = path.Join(dir, f.Path)
	s.add(f)
	return path.Join(s.draft.target.Path, f.Path)
}

func (s *split) shipTree(t tree, name, id string) string {
	dir := releaseDir(id) + "/files"
	if id == "" {
		dir = "files/" + t.hash()
	}
	dir = path.Join(dir, name)
	if len(t.files) == 0 {
		s.add(stack.File{Path: dir, Mode: fs.ModeDir | 0o755})
	}
	for _, f := range t.files {
		f.Path = path.Join(dir, f.Path)
		s.add(f)
	}
	return path.Join(s.draft.target.Path, dir)
}

func (s *split) add(f stack.File) {
	if !s.taken[f.Path] {
		s.taken[f.Path] = true
		s.files = append(s.files, f)
	}
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])[:12]
}

func within(root, file string) bool {
	rel, err := filepath.Rel(root, file)
	return err == nil && rel != ".." && !filepath.IsAbs(rel) && (len(rel) < 3 || rel[:3] != ".."+string(filepath.Separator))
}

func contains[T comparable](list []T, one T) bool {
	for _, x := range list {
		if x == one {
			return true
		}
	}
	return false
}
