package release

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/stack"
)

// maxSources bounds how many compose files make one project.
const maxSources = 200

// source is one compose file as it is written: one that the project names, or
// one that another includes or extends.
type source struct {
	file string
	root *yaml.Node
	of   lookup
	// only is the one service that is taken of an extended file; "" means all.
	only string
	// dir is where its relative paths begin.
	dir string
}

// reader collects the files of a project, in the order in which they override
// each other.
type reader struct {
	found []source
	seen  map[string]bool
	// within are the files that include the one that is read, the first one first.
	within []string
}

// sources reads the compose files and those that they include and extend.
func sources(files []string, of lookup) ([]source, error) {
	r := reader{seen: map[string]bool{}}
	dir := filepath.Dir(files[0])
	for _, file := range files {
		if err := r.read(file, "", dir, of, nil); err != nil {
			return nil, err
		}
	}
	return r.found, nil
}

// by is where a file is included or extended; nil: stackctl.yaml names it.
type by struct {
	file string
	line int
}

func (r *reader) read(file, only, dir string, of lookup, from *by) error {
	if at := slices.Index(r.within, file); at >= 0 && from != nil && only == "" {
		return stack.Usage(from.file, from.line, "compose files include each other in a circle: "+circleOf(append(r.within[at:len(r.within):len(r.within)], file)), "remove one of these include")
	}
	if only == "" {
		r.within = append(r.within, file)
		defer func() { r.within = r.within[:len(r.within)-1] }()
	}
	key := file + "\x00" + only + "\x00" + dir
	if r.seen[key] {
		return nil
	}
	r.seen[key] = true
	if len(r.seen) > maxSources {
		return stack.Usage(file, 0, fmt.Sprintf("the project has more than %d compose files", maxSources), "include fewer")
	}
	raw, err := readBounded(file)
	switch {
	case errors.Is(err, errUTF16):
		return stack.Usage(file, 0, err.Error(), utf8Fix)
	case err != nil && from != nil:
		return stack.Usage(from.file, from.line, "the compose file "+file+" cannot be read: "+plainError(err), "correct the path")
	case err != nil:
		return stack.Usage(file, 0, plainError(err), "name the compose files under compose.files")
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(raw)))
	for {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			line, text := errorLine(err)
			return config.SyntaxFault(file, raw, line, text)
		}
		if len(doc.Content) == 0 {
			continue
		}
		if deep := tooDeep(&doc, 0); deep != nil {
			return stack.Usage(file, deep.Line, fmt.Sprintf("its values lie more than %d deep in each other", maxDepth), "write less of it")
		}
		switch size, circular := unfolded(&doc, map[*yaml.Node]int{}); {
		case circular != nil:
			return stack.Usage(file, circular.Line, "an anchor holds an alias of itself", "write out what it means")
		case size > maxNodes:
			return stack.Usage(file, 0, fmt.Sprintf("its aliases unfold to more than %d values", maxNodes), "write out what they mean, or less of it")
		}
		if err := r.document(source{file: file, root: doc.Content[0], of: of, only: only, dir: dir}); err != nil {
			return err
		}
	}
}

// document follows what one YAML document includes and extends; what it takes
// in stands before it, because it overrides that.
func (r *reader) document(s source) error {
	if s.root.Kind != yaml.MappingNode {
		return stack.Usage(s.file, s.root.Line, "a compose file is a mapping of services, networks, volumes, …", "begin it with services:")
	}
	if s.only == "" {
		if _, list := lookupNode(s.root, "include"); list != nil {
			for _, item := range list.Content {
				if err := r.include(s, resolved(item)); err != nil {
					return err
				}
			}
		}
	}
	services := s.services()
	for _, name := range sortedKeys(services) {
		if s.only == "" || s.only == name {
			if err := r.extend(s, services[name]); err != nil {
				return err
			}
		}
	}
	r.found = append(r.found, s)
	return nil
}

// services are the service definitions of a document, by name.
func (s source) services() map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	_, services := lookupNode(s.root, "services")
	for key, value := range pairs(services) {
		out[key.Value] = resolved(value)
	}
	return out
}

func (r *reader) include(s source, item *yaml.Node) error {
	paths := scalars(item, s.of)
	where := by{s.file, item.Line}
	dir, env := "", []string(nil)
	if item.Kind == yaml.MappingNode {
		_, path := lookupNode(item, "path")
		paths = scalars(resolved(path), s.of)
		_, folder := lookupNode(item, "project_directory")
		dir = strings.Join(scalars(resolved(folder), s.of), "")
		_, files := lookupNode(item, "env_file")
		env = scalars(resolved(files), s.of)
	}
	if len(paths) == 0 {
		return nil // Compose's own reading refuses it
	}
	for i, path := range paths {
		if remote(path) {
			return stack.Usage(s.file, item.Line, "the file to include is not on this machine: "+path, "fetch it, and include the copy")
		}
		paths[i] = below(s.dir, path)
	}
	if dir == "" {
		dir = filepath.Dir(paths[0])
	} else {
		dir = below(s.dir, dir)
	}
	of, err := included(s, dir, env)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := r.read(path, "", dir, of, &where); err != nil {
			return err
		}
	}
	return nil
}

// included is what variables mean in included files: what they mean in the
// file that includes them, then what the env files beside them hold.
func included(s source, dir string, files []string) (lookup, error) {
	if len(files) == 0 {
		files = []string{filepath.Join(dir, ".env")}
	}
	values := map[string]string{}
	for _, file := range files {
		if file == os.DevNull {
			continue
		}
		read, err := readEnvFile(below(s.dir, file), "", s.of)
		if err != nil {
			return nil, err
		}
		for name, value := range read.values {
			values[name] = value
		}
	}
	return func(name string) (string, bool) {
		if value, set := s.of(name); set {
			return value, true
		}
		value, set := values[name]
		return value, set
	}, nil
}

func (r *reader) extend(s source, service *yaml.Node) error {
	_, extends := lookupNode(service, "extends")
	if extends = resolved(extends); extends == nil {
		return nil
	}
	name := extends.Value
	file := ""
	if extends.Kind == yaml.MappingNode {
		_, of := lookupNode(extends, "service")
		_, path := lookupNode(extends, "file")
		name = strings.Join(scalars(resolved(of), s.of), "")
		file = strings.Join(scalars(resolved(path), s.of), "")
	}
	if file == "" {
		if s.only == "" {
			return nil // it is in the same file, which is read as a whole
		}
		return r.read(s.file, name, s.dir, s.of, nil)
	}
	if remote(file) {
		return stack.Usage(s.file, extends.Line, "the file to extend is not on this machine: "+file, "fetch it, and extend the copy")
	}
	file = below(s.dir, file)
	return r.read(file, name, filepath.Dir(file), s.of, &by{s.file, extends.Line})
}

// remote tells what Compose would fetch from elsewhere.
func remote(path string) bool {
	return strings.Contains(path, "://") || strings.HasPrefix(path, "git@") || strings.HasPrefix(path, "github.com/")
}

func below(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

func plainError(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// scalars are the texts of a node or of its items, with values in the place of
// variables.
func scalars(node *yaml.Node, of lookup) []string {
	if node == nil {
		return nil
	}
	if node.Kind == yaml.ScalarNode {
		if node.Tag == "!!null" || node.Value == "" {
			return nil
		}
		return []string{expand(node.Value, of)}
	}
	var out []string
	if node.Kind == yaml.SequenceNode {
		for _, item := range node.Content {
			if item = resolved(item); item != nil && item.Kind == yaml.ScalarNode {
				out = append(out, expand(item.Value, of))
			}
		}
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}
