package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// Inputs are the parts of a release that the compose files do not hold.
type Inputs struct {
	Edge stack.EdgeConfig
	// Archives are the images that can be shipped, by reference.
	Archives map[string]stack.Image
	Contract []byte
	Commit   string
	Now      time.Time
}

// Freeze makes the release: everything that will run, by value, with an ID
// that depends on nothing else. The same inputs always give the same ID.
func (d Draft) Freeze(in Inputs) (stack.Release, error) {
	if err := d.builds(in.Archives); err != nil {
		return stack.Release{}, err
	}
	s := split{draft: d, images: in.Archives, static: in.Edge.Static, taken: map[string]bool{}, definitions: map[string]string{}}
	base, err := s.base()
	if err != nil {
		return stack.Release{}, err
	}
	app, err := s.app()
	if err == nil {
		err = d.refuseUncarried(s.lacks)
	}
	if err != nil {
		return stack.Release{}, err
	}
	r := stack.Release{
		Project: d.config.Project, Target: d.target.Name, Domain: d.target.Domain,
		Commit: in.Commit, Created: in.Now.UTC(),
		Services: d.Services(), Networks: d.networks(), Volumes: d.volumes(), Secrets: d.secretList(),
		Base: base, App: app, Images: d.images(in.Archives),
		Edge: in.Edge, Contract: in.Contract, Known: d.known(),
		Persistent: d.persistentList(), Warnings: d.warnings, Variables: d.variables.used(d.used),
	}
	for i := range r.Services {
		r.Services[i].Definition = s.definitions[r.Services[i].Name]
	}
	frozen, err := frozen(r, d.config.Root)
	if err != nil {
		return stack.Release{}, err
	}
	r.Files = append(s.files, append(kept(base, app, in), frozen)...)
	sort.Slice(r.Files, func(i, j int) bool { return r.Files[i].Path < r.Files[j].Path })
	r.ID = identity(r, d.key)
	return named(r)
}

// kept are the files that a rollback to this release will need.
func kept(base, app []byte, in Inputs) []stack.File {
	dir := releaseDir(placeholder)
	files := []stack.File{
		{Path: dir + "/base.yaml", Mode: 0o600, Content: base},
		{Path: dir + "/app.yaml", Mode: 0o600, Content: app},
		{Path: dir + "/edge/traefik.yml", Mode: 0o600, Content: in.Edge.Static},
		{Path: dir + "/openapi.yaml", Mode: 0o600, Content: in.Contract},
	}
	for _, f := range in.Edge.Dynamic {
		files = append(files, stack.File{Path: dir + "/edge/dynamic/" + f.Path, Mode: 0o600, Content: f.Content})
	}
	return files
}

// frozen is the release as the host keeps it, so that a rollback can plan with
// it. What differs between two freezes of the same thing is left out: also
// where the operator's folder is.
func frozen(r stack.Release, root string) (stack.File, error) {
	r.ID, r.Created, r.Commit, r.Images = placeholder, time.Time{}, "", nil
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return stack.File{}, fmt.Errorf("write the frozen release: %w", err)
	}
	if at, err := json.Marshal(root + string(filepath.Separator)); err == nil && root != "" {
		raw = bytes.ReplaceAll(raw, bytes.Trim(at, `"`), nil)
	}
	return stack.File{Path: releaseDir(placeholder) + "/" + frozenFile, Mode: 0o600, Content: raw}, nil
}

// frozenFile is the release itself, in its folder.
const frozenFile = "frozen.json"

func releaseDir(id string) string { return "releases/" + id }

// identity hashes all that decides what runs, and nothing else: neither where
// things are defined nor where the operator's folder is.
func identity(r stack.Release, key nameKey) string {
	h := sha256.New()
	part(h, r.Project+" "+r.Domain, nil)
	for _, f := range r.Files {
		if f.Path != releaseDir(placeholder)+"/"+frozenFile {
			partOf(h, f)
		}
	}
	for _, i := range r.Images {
		part(h, i.Reference, []byte(i.ID))
	}
	return key.name(h.Sum(nil))
}

// partOf hashes a file: its path, whether it can be executed, its content.
func partOf(w io.Writer, f stack.File) {
	part(w, fmt.Sprintf("%s %t", f.Path, f.Mode&0o111 != 0), []byte(f.Hash()))
}

func part(w io.Writer, name string, content []byte) {
	_, _ = fmt.Fprintf(w, "%d %s %d\n", len(name), name, len(content))
	_, _ = w.Write(content)
}

// named puts the ID where the placeholder stood.
func named(r stack.Release) (stack.Release, error) {
	name := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(placeholder), []byte(r.ID)) }
	r.App = name(r.App)
	files := make([]stack.File, len(r.Files))
	for i, f := range r.Files {
		if !f.Secret && f.Source == "" {
			f.Content = name(f.Content)
		}
		f.Path = strings.ReplaceAll(f.Path, placeholder, r.ID)
		files[i] = f
	}
	r.Files = files
	raw, err := json.Marshal(r.Services)
	if err != nil {
		return r, fmt.Errorf("write the services of the release: %w", err)
	}
	r.Services = nil
	if err := json.Unmarshal(name(raw), &r.Services); err != nil {
		return r, fmt.Errorf("read the services of the release: %w", err)
	}
	return r, nil
}

func (d Draft) networks() []stack.Network {
	var out []stack.Network
	for _, name := range sortedKeys(d.project.Networks) {
		n, at := d.project.Networks[name], find(d.sources, "networks", name)
		out = append(out, stack.Network{Name: name, Real: d.real(name, n.Name), Internal: n.Internal, External: bool(n.External), Driver: n.Driver, Options: n.DriverOpts, File: at.file, Line: at.line})
	}
	return out
}

func (d Draft) volumes() []stack.Volume {
	var out []stack.Volume
	for _, name := range sortedKeys(d.project.Volumes) {
		v, at := d.project.Volumes[name], find(d.sources, "volumes", name)
		out = append(out, stack.Volume{Name: name, Real: d.real(name, v.Name), External: bool(v.External), Driver: v.Driver, Options: v.DriverOpts, File: at.file, Line: at.line})
	}
	return out
}

// real is what the host calls a network or a volume, where the compose file
// gives it a name of its own.
func (d Draft) real(key, name string) string {
	if name == d.config.Project+"_"+key {
		return ""
	}
	return name
}

func (d Draft) secretList() []stack.Secret {
	out := make([]stack.Secret, 0, len(d.secrets))
	for _, s := range d.secrets {
		out = append(out, s.Secret)
	}
	return out
}

// images says for each image that is needed where it comes from.
func (d Draft) images(archives map[string]stack.Image) []stack.Image {
	var out []stack.Image
	for _, reference := range d.References() {
		image := archives[reference]
		image.Reference = reference
		image.Build, image.Built = d.built[reference], d.built[reference] != nil
		image.Services = nil
		for _, name := range sortedKeys(d.project.Services) {
			if s := d.project.Services[name]; contains(images(s), reference) && d.deployed(s) {
				image.Services = append(image.Services, name)
			}
		}
		out = append(out, image)
	}
	return out
}
