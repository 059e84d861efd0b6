package release

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/stack"
)

// resolve puts into the services what stands in their env files and label
// files, and takes out what only means something on this machine: the same
// project in another folder is the same release.
func (d *Draft) resolve() error {
	var faults []error
	for _, name := range sortedKeys(d.project.Services) {
		s := d.project.Services[name]
		if err := cmp.Or(d.resolveEnvironment(&s), d.resolveLabels(&s)); err != nil {
			faults = append(faults, err)
			continue
		}
		if s.Image == "" && s.Build != nil {
			s.Image = d.config.Project + "-" + name // the name that Compose gives what it builds
		}
		if s.Build != nil && s.Build.Context != "" && !remote(s.Build.Context) {
			build := *s.Build
			build.Context = d.path(build.Context)
			s.Build = &build
		}
		s.Develop = nil
		d.project.Services[name] = s
	}
	return together("services have a file that cannot be read", faults)
}

// path is where a path of the compose files is on this machine.
func (d Draft) path(written string) string {
	if rest, is := strings.CutPrefix(written, "~"); is && (rest == "" || rest[0] == '/') {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return below(d.folder(), filepath.FromSlash(written))
}

// resolveEnvironment reads a service's env files, the later one over the
// earlier, and the service's own environment over all.
func (d *Draft) resolveEnvironment(s *types.ServiceConfig) error {
	s.Environment = s.Environment.Resolve(d.variables.lookup)
	if len(s.EnvFiles) == 0 {
		return nil
	}
	merged := types.MappingWithEquals{}
	for _, f := range s.EnvFiles {
		file := d.path(f.Path)
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			if !f.Required {
				continue
			}
			return refuse(d.sources, d.places[s.Name], "service "+s.Name+": the env file "+f.Path+" does not exist",
				envFileFix(file, f.Path), "services", s.Name, "env_file")
		}
		read, err := readEnvFile(file, f.Format, func(name string) (string, bool) {
			if value, set := d.variables.lookup(name); set {
				return value, true
			}
			for _, from := range []types.MappingWithEquals{s.Environment, merged} {
				if value := from[name]; value != nil {
					return *value, true
				}
			}
			return "", false
		})
		if err != nil {
			return err
		}
		d.warn(read.warnings)
		for name, value := range read.values {
			merged[name] = &value
		}
	}
	s.Environment, s.EnvFiles = merged.OverrideBy(s.Environment), nil
	return nil
}

// envFileFix is what to do about an env file that is missing: where git has an
// example of it, that is to be copied.
func envFileFix(file, written string) string {
	if ending := exampleOf(file); ending != "" {
		return "copy " + written + ending + " to " + written + " and fill it in, or write `required: false` beside its path"
	}
	if filepath.IsAbs(filepath.FromSlash(written)) {
		return "an env file is read where stackctl runs, not on the server: copy it into the project, such as to ./" + filepath.Base(file) + ", and name that; or write `required: false` beside its path"
	}
	return "create it, or write `required: false` beside its path"
}

// exampleOf is what an example of an env file beside it has after its name; empty:
// there is none.
func exampleOf(file string) string {
	for _, ending := range []string{".example", ".sample", ".dist", ".template", "-example"} {
		if _, err := os.Stat(file + ending); err == nil {
			return ending
		}
	}
	return ""
}

// warn keeps warnings that are new: services share env files.
func (d *Draft) warn(list []string) {
	for _, w := range list {
		if !contains(d.warnings, w) {
			d.warnings = append(d.warnings, w)
		}
	}
}

func (d *Draft) resolveLabels(s *types.ServiceConfig) error {
	if len(s.LabelFiles) == 0 {
		return nil
	}
	labels := types.Labels{}
	for _, written := range s.LabelFiles {
		file := d.path(written)
		if _, err := os.Stat(file); err != nil {
			return refuse(d.sources, d.places[s.Name], "service "+s.Name+": the label file "+written+" cannot be read: "+plainError(err),
				"create it, or correct the path", "services", s.Name, "label_file")
		}
		read, err := readEnvFile(file, "", func(name string) (string, bool) { value, set := labels[name]; return value, set })
		if err != nil {
			return err
		}
		d.warn(read.warnings)
		for name, value := range read.values {
			labels[name] = value
		}
	}
	for name, value := range s.Labels {
		labels[name] = value
	}
	s.Labels, s.LabelFiles = labels, nil
	return nil
}

// readConfigs makes a frozen file of each config.
func (d Draft) readConfigs() (map[string]stack.File, error) {
	out := map[string]stack.File{}
	var faults []error
	for _, name := range sortedKeys(d.project.Configs) {
		f, err := d.configOf(name)
		if err != nil {
			faults = append(faults, err)
		}
		out[name] = f
	}
	return out, together("configs cannot be read", faults)
}

// configOf makes a frozen file of one config.
func (d Draft) configOf(name string) (stack.File, error) {
	c := d.project.Configs[name]
	refused := func(problem, fix string) (stack.File, error) {
		return stack.File{}, refuse(d.sources, place{file: d.config.Compose.Files[0]}, "config "+name+problem, fix, "configs", name)
	}
	switch _, set := d.variables.lookup(c.Environment); {
	case bool(c.External):
		return refused(" is external: it exists in a swarm alone", "give it `file:` or `content:`")
	case strings.HasPrefix(c.File, "~"):
		return refused(" is "+c.File+" "+homeProblem, homeFix)
	case filepath.IsAbs(filepath.FromSlash(c.File)) && !within(d.folder(), filepath.FromSlash(c.File)):
		return refused(" is "+c.File+" of this machine, outside the project", "copy it into the project; the server's own file is mounted by that path under volumes")
	case c.File != "":
		f, err := readFile(d.path(c.File), name)
		if err != nil {
			return refused(": "+plainError(err), "correct the path "+c.File)
		}
		return f, nil
	case c.Environment != "" && c.Content == "" && !set:
		return refused(": the variable "+c.Environment+" is not set", "set it in the env file, in the environment or with --env "+c.Environment+"=…")
	}
	return stack.File{Path: name, Mode: 0o444, Content: []byte(c.Content), Inline: true}, nil
}
