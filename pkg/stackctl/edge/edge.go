// Package edge owns Traefik's files: it reads them, renders them for a target,
// points them at a release, and asks Traefik itself whether that is live. It
// must not know how a release is made or when it is switched to.
package edge

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
)

const maxBytes = 1 << 20

// Read reads the static file and the dynamic folder and renders both for a
// target, as the edge service would see them. Those of stackctl's own edge are
// made of the routes and of what is behind it.
func Read(c stack.Config, t stack.Target, service stack.Service, behind Behind) (stack.EdgeConfig, error) {
	if c.Traefik.Own {
		return own(c, t, behind)
	}
	raw, err := readFile(c.Traefik.Static)
	if err != nil {
		return stack.EdgeConfig{}, err
	}
	static, err := Static(c.Traefik.Static, raw, c.Traefik.Resolver, t, acmeStaging)
	if err != nil {
		return stack.EdgeConfig{}, err
	}
	var public []string
	if t.Shared {
		if static, public, err = behindIngress(c.Traefik.Static, static, t); err != nil {
			return stack.EdgeConfig{}, err
		}
	}
	out := stack.EdgeConfig{Static: static, Env: map[string]string{}}
	out.Flags = append(append(out.Flags, service.Entrypoint...), service.Command...)
	for k, v := range service.Environment {
		if strings.HasPrefix(strings.ToUpper(k), "TRAEFIK_") {
			out.Env[k] = v
		}
	}
	if out.Dynamic, err = dynamic(c.Traefik.Dynamic, service.Environment); err != nil {
		return stack.EdgeConfig{}, err
	}
	if out.Routes, err = Routes(out.Dynamic); err != nil {
		return out, err
	}
	if t.Shared {
		if err := namesHosts(out.Routes, public, c.Traefik.Dynamic); err != nil {
			return out, err
		}
	}
	return share(c, t, out)
}

// acmeStaging is the directory that a static file names for every target that
// does not say otherwise.
const acmeStaging = "https://acme-staging-v02.api.letsencrypt.org/directory"

func readFile(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, stack.Usage(file, 0, "the edge's file cannot be read: "+err.Error(), "name it under traefik in stackctl.yaml")
	}
	if info.Size() > maxBytes {
		return nil, stack.Usage(file, 0, fmt.Sprintf("%d bytes are too many for a Traefik file", info.Size()), "")
	}
	raw, err := given.Read(file, maxBytes)
	if err != nil {
		return nil, stack.Usage(file, 0, err.Error(), "")
	}
	return raw, nil
}

// Files are the dynamic files of a folder and of those below it, which Traefik
// reads too, as paths relative to the folder.
func Files(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, file) // it is below it
		switch {
		case err != nil:
			return err
		case rel == ".":
		case strings.HasPrefix(e.Name(), "."):
			if e.IsDir() {
				return fs.SkipDir
			}
		case e.IsDir():
		case slices.Contains([]string{".yml", ".yaml", ".toml"}, strings.ToLower(filepath.Ext(rel))):
			out = append(out, rel)
		}
		return nil
	})
	return out, err
}

// dynamic reads and renders the files of the provider's folder, by name. Those
// of folders in it lie beside the others on the server: Traefik minds no names.
func dynamic(dir string, env map[string]string) ([]stack.File, error) {
	files, err := Files(dir)
	if err != nil {
		return nil, stack.Usage(dir, 0, "the folder of Traefik's dynamic files cannot be read: "+err.Error(), "name it under traefik.dynamic in stackctl.yaml")
	}
	var out []stack.File
	from := map[string]string{}
	for _, rel := range files {
		file := filepath.Join(dir, rel)
		if strings.EqualFold(filepath.Ext(rel), ".toml") {
			return nil, stack.Usage(file, 0, "dynamic files are YAML here", "write it as YAML")
		}
		name := strings.ReplaceAll(filepath.ToSlash(rel), "/", "--")
		if other, taken := from[name]; taken {
			return nil, stack.Usage(file, 0, "on the server it has the same name as "+other, "name one of them differently")
		}
		from[name] = file
		raw, err := readFile(file)
		if err != nil {
			return nil, err
		}
		text, err := render(file, raw, env)
		if err != nil {
			return nil, err
		}
		out = append(out, stack.File{Path: name, Mode: 0o644, Content: text})
	}
	if len(out) == 0 {
		return nil, stack.Usage(dir, 0, "the folder holds no dynamic file", "")
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out, nil
}

// parse reads YAML and gives its top mapping.
func parse(file string, raw []byte) (*yaml.Node, *yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		line, text := errorLine(err)
		return nil, nil, stack.Usage(file, line, text, "correct the YAML")
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, nil, stack.Usage(file, 0, "the file holds no settings", "")
	}
	return &doc, doc.Content[0], nil
}

// lookup finds a key as Traefik does: ignoring case.
func lookup(node *yaml.Node, keys ...string) *yaml.Node {
	for _, k := range keys {
		if node != nil && node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		if node == nil || node.Kind != yaml.MappingNode {
			return nil
		}
		var next *yaml.Node
		for i := 0; i+1 < len(node.Content); i += 2 {
			if strings.EqualFold(node.Content[i].Value, k) {
				next = node.Content[i+1]
			}
		}
		node = next
	}
	return node
}
