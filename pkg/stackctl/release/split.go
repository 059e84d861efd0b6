package release

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/stack"
)

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
	// definitions are the hashes of the placed services, by name.
	definitions map[string]string
}

// base is the project of the edge and data layers.
func (s *split) base() ([]byte, error) {
	p := s.frame(s.draft.config.Project)
	p.Volumes = types.Volumes{}
	for name, v := range s.draft.project.Volumes {
		p.Volumes[name] = v
	}
	for name, n := range s.draft.project.Networks {
		n.Labels = types.Labels{stack.LabelProject: s.draft.config.Project}
		p.Networks[name] = n
	}
	return s.fill(p, "", stack.LayerEdge, stack.LayerData)
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
	service.Profiles, service.Build, service.Extensions = nil, nil, nil
	if x.once {
		service.Extensions = types.Extensions{"x-stackctl": map[string]any{"run": "once"}}
	}
	service.PullPolicy = types.PullPolicyNever
	if image, ok := s.images[service.Image]; ok && image.ID != "" {
		service.Image = image.ID
	}
	service.DependsOn = s.waits(service, x)
	service.Networks = aliased(service, id)
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
	definition, err := json.Marshal(service)
	if err != nil {
		return service, fmt.Errorf("service %s: %w", service.Name, err)
	}
	s.definitions[service.Name] = digest(definition)
	service.Labels[stack.LabelDefinition] = s.definitions[service.Name]
	return service, nil
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
		if (y.layer == stack.LayerApp) == (x.layer == stack.LayerApp) && !step && s.draft.deployed(other) {
			out[name] = dep
		}
	}
	return out
}

// aliased gives an app service a name of its own release on each network.
func aliased(service types.ServiceConfig, id string) map[string]*types.ServiceNetworkConfig {
	out := map[string]*types.ServiceNetworkConfig{}
	for name, n := range service.Networks {
		c := types.ServiceNetworkConfig{}
		if n != nil {
			c = *n
		}
		if id != "" {
			c.Aliases = append(append([]string{}, c.Aliases...), stack.Upstream(service.Name, id))
		}
		out[name] = &c
	}
	return out
}

// mount points binds and secrets at the host's files and ships those.
func (s *split) mount(service *types.ServiceConfig, x extension, id string, p *types.Project) error {
	volumes := make([]types.ServiceVolumeConfig, 0, len(service.Volumes)+1)
	for _, v := range service.Volumes {
		if v.Type == types.VolumeTypeBind {
			source, err := s.bind(v.Source, service.Name, id)
			if err != nil {
				return err
			}
			v.Source = source
		}
		volumes = append(volumes, v)
	}
	if ca := s.draft.target.ACME.DirectoryCA; ca != "" && x.layer == stack.LayerEdge {
		source, err := s.bind(ca, service.Name, id)
		if err != nil {
			return err
		}
		const inside = "/etc/traefik/acme-directory-ca.pem"
		volumes = append(volumes, types.ServiceVolumeConfig{Type: types.VolumeTypeBind, Source: source, Target: inside, ReadOnly: true})
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
				p.Secrets[use.Source] = types.SecretConfig{File: s.ship("secrets", secret.Name, id, secret.content, true)}
			}
		}
	}
	return nil
}

// bind says where a mounted file or folder is on the host. What lies below the
// project's folder is shipped; anything else is the host's own.
func (s *split) bind(source, service, id string) (string, error) {
	root := s.draft.target.Path
	if source == s.draft.config.Traefik.Dynamic {
		return root + "/edge/dynamic", nil
	}
	if source == s.draft.config.Traefik.Static {
		return s.ship("files", filepath.Base(source), id, s.static, false), nil
	}
	info, err := os.Stat(source)
	if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
		if filepath.IsAbs(source) && !within(s.draft.config.Root, source) {
			return filepath.ToSlash(source), nil
		}
		at := s.draft.places[service]
		return "", stack.Usage(at.file, at.line, fmt.Sprintf("service %s mounts %s, which does not exist", service, source), "create it, or correct the path")
	}
	if info.IsDir() {
		return s.shipFolder(source, id)
	}
	raw, err := readBounded(source)
	if err != nil {
		return "", stack.Usage(source, 0, err.Error(), "")
	}
	return s.ship("files", filepath.Base(source), id, raw, false), nil
}

// ship adds a file below a path that names its content.
func (s *split) ship(kind, name, id string, content []byte, hidden bool) string {
	dir := kind + "/" + digest(content)
	if id != "" {
		dir = releaseDir(id) + "/" + kind
	}
	s.add(stack.File{Path: dir + "/" + name, Mode: 0o444, Content: content, Secret: hidden})
	return path.Join(s.draft.target.Path, dir, name)
}

func (s *split) shipFolder(source, id string) (string, error) {
	h := sha256.New()
	var found []stack.File
	total := 0
	err := filepath.WalkDir(source, func(file string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := readBounded(file)
		if err != nil {
			return err
		}
		if total += len(raw); total > 16*maxBytes {
			return fmt.Errorf("the folder holds more than %d bytes", 16*maxBytes)
		}
		rel, _ := filepath.Rel(source, file)
		part(h, filepath.ToSlash(rel), raw)
		found = append(found, stack.File{Path: filepath.ToSlash(rel), Mode: 0o444, Content: raw})
		return nil
	})
	if err != nil {
		return "", stack.Usage(source, 0, err.Error(), "")
	}
	dir := "files/" + hex.EncodeToString(h.Sum(nil))[:12]
	if id != "" {
		dir = releaseDir(id) + "/files"
	}
	dir += "/" + filepath.Base(source)
	for _, f := range found {
		f.Path = dir + "/" + f.Path
		s.add(f)
	}
	return path.Join(s.draft.target.Path, dir), nil
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
