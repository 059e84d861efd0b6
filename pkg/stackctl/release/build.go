package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	dist "github.com/distribution/reference"

	"stackctl/pkg/stackctl/build"
	"stackctl/pkg/stackctl/stack"
)

// builds names each image that is built by what it is built of, and keeps how.
// What an archive holds is not built; a service that names the image of another
// that is built runs that one.
func (d *Draft) builds(archives map[string]stack.Image) error {
	d.built = map[string]*stack.Build{}
	renamed := map[string]string{} // an image's name in the file → its name by content
	services := maps.Clone(d.project.Services)
	for _, name := range sortedKeys(services) {
		s := services[name]
		if s.Build == nil || !d.deployed(s) {
			continue
		}
		if _, held := archives[s.Image]; held {
			continue
		}
		named, b, err := d.build(s)
		if err != nil {
			return err
		}
		if s.Image != stack.BuiltImage(d.config.Project, name) {
			b.Tags = []string{s.Image}
			renamed[s.Image] = named
		}
		s.Image, d.built[named] = named, b
		services[name] = s
	}
	for name, s := range services {
		if other, is := renamed[s.Image]; is && s.Build == nil {
			s.Image = other
			services[name] = s
		}
	}
	project := *d.project // the draft itself stays as it was read
	project.Services = services
	d.project = &project
	return nil
}

// build reads one build section: the image's name by content, and how it is made.
func (d *Draft) build(s types.ServiceConfig) (string, *stack.Build, error) {
	b, err := d.section(s)
	if err != nil {
		return "", nil, err
	}
	in, err := build.Digest(context.Background(), *b)
	wrong := new(build.Problem)
	if errors.As(err, &wrong) {
		at := find(d.sources, "services", s.Name, "build", wrong.Key)
		if at.file == "" {
			at = d.places[s.Name]
		}
		b.Problem = stack.Usage(at.file, at.line, "service "+s.Name+" cannot be built: "+wrong.Text, wrong.Fix)
		in.Hash = digest([]byte("unbuilt " + s.Name))
		d.warn([]string{b.Problem.Error() + "; a deploy refuses it"})
	} else if err != nil {
		return "", nil, err
	}
	if len(in.Secrets) > 0 {
		at := d.places[s.Name]
		d.warn([]string{fmt.Sprintf("%s:%d: service %s: its build context holds %s; name it in .dockerignore, or `COPY .` puts it into the image", at.file, at.line, s.Name, strings.Join(in.Secrets, ", "))})
	}
	d.warn(d.hidden(s, in.Copied))
	b.Files, b.Bytes = in.Files, in.Bytes
	return repository(s.Image) + ":" + in.Hash, b, nil
}

// hidden are warnings of volumes over the places at which a service's image gets its
// files: a volume is filled by the first image alone.
func (d *Draft) hidden(s types.ServiceConfig, copied []string) []string {
	var out []string
	for _, v := range s.Volumes {
		above := strings.TrimSuffix(path.Clean(v.Target), "/") + "/"
		if v.Type != types.VolumeTypeVolume || v.Source == "" || !slices.ContainsFunc(copied, func(at string) bool { return strings.HasPrefix(at+"/", above) }) {
			continue
		}
		at := d.places[s.Name]
		out = append(out, fmt.Sprintf("%s:%d: service %s: volume %s is at %s, where its image has files of the build; it keeps those of the first image, "+
			"and a change of them does nothing, unless the program copies them at its start; mount it at a folder that holds data alone", at.file, at.line, s.Name, v.Source, v.Target))
	}
	return out
}

// repository is an image's name without tag and digest.
func repository(image string) string {
	n, err := dist.ParseNormalizedNamed(image)
	if err != nil {
		return image
	}
	return dist.FamiliarName(n)
}

// extraHosts are the hosts that a build knows by address, as NAME=ADDRESS.
func extraHosts(from types.BuildConfig) []string {
	var out []string
	for _, host := range sortedKeys(from.ExtraHosts) {
		for _, address := range from.ExtraHosts[host] {
			out = append(out, host+"="+address)
		}
	}
	return out
}

// ulimits are the limits of a build's processes, as NAME=SOFT:HARD.
func ulimits(from types.BuildConfig) []string {
	var out []string
	for _, name := range sortedKeys(from.Ulimits) {
		u := from.Ulimits[name]
		soft, hard := u.Soft, u.Hard
		if u.Single != 0 {
			soft, hard = u.Single, u.Single
		}
		out = append(out, fmt.Sprintf("%s=%d:%d", name, soft, hard))
	}
	return out
}

// section is a build section with this machine's paths, values and secrets.
func (d *Draft) section(s types.ServiceConfig) (*stack.Build, error) {
	from := *s.Build
	b := &stack.Build{
		Context: from.Context, Inline: from.DockerfileInline, Target: from.Target, Labels: from.Labels,
		Args: map[string]string{}, Contexts: map[string]string{}, Secrets: map[string][]byte{}, SSH: map[string]string{},
		Platforms: from.Platforms, CacheFrom: from.CacheFrom, Network: from.Network, ShmSize: int64(from.ShmSize),
		NoCache: from.NoCache, Pull: from.Pull,
	}
	if b.Context == "" { // dockerfile_inline alone
		b.Context = d.folder()
	}
	if b.Inline == "" {
		b.Dockerfile = dockerfile(b.Context, from.Dockerfile)
	}
	for name, value := range from.Args {
		if value == nil { // the value of the variable, where there is one
			if text, set := d.variables.lookup(name); set {
				b.Args[name] = text
			}
			continue
		}
		b.Args[name] = strings.ReplaceAll(*value, placeholder, unreleased)
	}
	b.ExtraHosts, b.Ulimits = extraHosts(from), ulimits(from)
	for _, key := range from.SSH {
		b.SSH[key.ID] = key.Path
		if key.Path != "" {
			b.SSH[key.ID] = d.path(key.Path)
		}
	}
	for name, at := range from.AdditionalContexts {
		if strings.HasPrefix(at, "service:") {
			place := d.places[s.Name]
			return nil, refuse(d.sources, place, "service "+s.Name+": the build context "+name+" is the image of another service, which is not carried",
				"name the folder or an image (docker-image://…) under additional_contexts, or make it a stage of the same Dockerfile", "services", s.Name, "build", "additional_contexts")
		}
		if !build.Remote(at) {
			at = d.path(at)
		}
		b.Contexts[name] = at
	}
	for _, use := range from.Secrets {
		for _, secret := range d.secrets {
			if secret.Name == use.Source {
				id := use.Target
				if id == "" {
					id = use.Source
				}
				b.Secrets[path.Base(id)] = secret.content
			}
		}
	}
	b.Exclude, b.Beside = d.own(b.Context), d.beside(b.Context)
	return b, nil
}

// dockerfile is where a context's instructions are.
func dockerfile(context, name string) string {
	if name == "" {
		name = "Dockerfile"
	}
	if build.Remote(context) || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(context, filepath.FromSlash(name))
}

// beside are the files of a context that say how the project is deployed.
func (d *Draft) beside(context string) []string {
	var out []string
	for _, file := range append([]string{d.config.File}, d.config.Compose.Files...) {
		if inside, err := filepath.Rel(context, file); err == nil && file != "" && within(context, file) {
			out = append(out, filepath.ToSlash(inside))
		}
	}
	return out
}

// own are the paths of a context that stackctl writes itself: a run must not
// change what the next one builds.
func (d *Draft) own(context string) []string {
	var out []string
	for at, pattern := range map[string]string{
		d.config.Evidence.Dir: "/20[0-9][0-9]*", d.config.Backup.Dir: "", filepath.Join(d.config.Root, ".stackctl"): "", d.config.Images.Archives: "/*.tar",
	} {
		if at == "" || build.Remote(context) {
			continue
		}
		if inside, err := filepath.Rel(context, at); err == nil && within(context, at) {
			out = append(out, filepath.ToSlash(inside)+pattern)
		}
	}
	slices.Sort(out)
	return out
}
