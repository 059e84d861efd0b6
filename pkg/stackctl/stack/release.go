package stack

import (
	"cmp"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Layer is when a service changes: edge and data with their own definition,
// app with every release.
type Layer string

// The layers of `x-stackctl: {layer: …}`.
const (
	LayerEdge Layer = "edge"
	LayerData Layer = "data"
	LayerApp  Layer = "app"
)

// Strategy is how a service's new container takes the old one's place.
type Strategy string

// The strategies. Overlap starts the new one beside the old one. Recreate
// stops the old one first, because both would write to the same place or take
// the same name or port.
const (
	StrategyOverlap  Strategy = "overlap"
	StrategyRecreate Strategy = "recreate"
)

// Labels that mark what belongs to stackctl on a host.
const (
	LabelProject = "dev.stackctl.project"
	LabelRelease = "dev.stackctl.release"
	LabelLayer   = "dev.stackctl.layer"
	// LabelDefinition holds the hash of the service definition that the
	// container was made from; edge and data change only when it differs.
	LabelDefinition = "dev.stackctl.definition"
	// LabelOnce marks a container that runs to completion.
	LabelOnce = "dev.stackctl.once"
)

// Release is a frozen deployment: everything that decides what will run, by
// value. Nothing downstream changes it.
type Release struct {
	// ID is 12 hex digits over everything below that affects the app layer.
	ID      string    `json:"id"`
	Project string    `json:"project"`
	Target  string    `json:"target"`
	Domain  string    `json:"domain"`
	Commit  string    `json:"commit"`
	Created time.Time `json:"created"`

	Services []Service `json:"services"`
	Networks []Network `json:"networks"`
	Volumes  []Volume  `json:"volumes"`
	Secrets  []Secret  `json:"secrets"`
	// Base is the resolved compose file of project Project (layers edge and
	// data), App that of project Project-ID (layer app). Paths in both are
	// those on the host.
	Base []byte `json:"-"`
	App  []byte `json:"-"`
	// Files are written to the host before anything starts. Their paths are
	// relative to the target's Path.
	Files []File `json:"-"`
	// Persistent are the folders and files on the host that services write to.
	Persistent []Persistent `json:"persistent,omitempty"`
	// Warnings are what its reading noticed, each with file and line.
	Warnings []string `json:"-"`
	// Variables are those that the compose files use, sorted, with their origin.
	Variables []Variable `json:"-"`
	Images    []Image    `json:"images"`
	Edge      EdgeConfig `json:"edge"`
	// Contract is the committed API contract.
	Contract []byte `json:"-"`
	// Known are the values that must never leave in clear, by name.
	Known map[string]string `json:"-"`
}

// AppProject is the compose project of the release's app layer.
func (r Release) AppProject() string { return AppProject(r.Project, r.ID) }

// AppProject is the compose project name of one release's app layer.
func AppProject(project, id string) string { return project + "-" + id }

// TrialProject is the compose project of a throwaway edge that tries a project's
// files. It is longer than the name of a project may be (40), so that no project
// has it: one called shop-trial is a neighbour of shop.
func TrialProject(project string) string { return project + "-trial-" + Sum([]byte(project))[:40] }

// BuiltImage is the name of the image of a service that has `build:` and names
// none, as Compose gives it.
func BuiltImage(project, service string) string { return project + "-" + service }

// Upstreams are the host names by which the edge reaches the services of the
// app layer, by service, and those of single replicas, by what Replica calls them.
func (r Release) Upstreams() map[string]string {
	out := map[string]string{}
	for _, s := range r.Services {
		if s.Layer != LayerApp || s.OneShot {
			continue
		}
		out[s.Name] = cmp.Or(s.Upstream, Upstream(s.Name, r.ID))
		for n := 1; n <= s.Replicas; n++ {
			out[Replica(s.Name, n)] = ReplicaContainer(r.AppProject(), s.Name, n)
		}
	}
	return out
}

// ServiceAt is the service that a host name in a route means, before a release is
// put in or after: the name itself where it is none of Upstreams.
func (r Release) ServiceAt(host string) string {
	for name, upstream := range r.Upstreams() {
		if upstream == host {
			return ReplicaService(name)
		}
	}
	return ReplicaService(host)
}

// Replica is what routes call the nth replica of a service, counted from 1, as
// long as no release is named. No service can be called so.
func Replica(service string, n int) string { return service + replicaMark + strconv.Itoa(n) }

// ReplicaService is the service of a host that Replica made, or the host itself.
func ReplicaService(host string) string {
	service, _, _ := strings.Cut(host, replicaMark)
	return service
}

const replicaMark = "~"

// ReplicaContainer is the container's name of the nth replica in a compose project,
// which is a host name on its networks.
func ReplicaContainer(project, service string, n int) string {
	return project + "-" + service + "-" + strconv.Itoa(n)
}

// AppServices are the names of the long-running services of the app layer
// that a deploy starts.
func (r Release) AppServices() []string {
	return r.names(func(s Service) bool { return s.Layer == LayerApp && !s.OneShot })
}

// OneShots are the names of the services that run once before a release starts.
func (r Release) OneShots() []string {
	return r.names(func(s Service) bool { return s.Layer == LayerApp && s.OneShot })
}

func (r Release) names(of func(Service) bool) []string {
	var out []string
	for _, s := range r.Services {
		if s.Deployed && of(s) {
			out = append(out, s.Name)
		}
	}
	return out
}

// Revision is the commit that a service's image says it was built from;
// empty: it does not say.
func (r Release) Revision(service string) string {
	for _, i := range r.Images {
		if slices.Contains(i.Services, service) {
			return i.Revision
		}
	}
	return ""
}

// Service finds a service by name.
func (r Release) Service(name string) (Service, bool) {
	for _, s := range r.Services {
		if s.Name == name {
			return s, true
		}
	}
	return Service{}, false
}

// Network is one network of the compose file.
type Network struct {
	// Name is its key in the compose file, Real what the host calls it where that
	// is not PROJECT_NAME; see RealName.
	Name     string `json:"name"`
	Real     string `json:"real,omitempty"`
	Internal bool   `json:"internal"`
	External bool   `json:"external"`
	Driver   string `json:"driver"`
	// Options are the driver's.
	Options map[string]string `json:"options,omitempty"`
	// File and Line are where the compose files define it.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// RealName is what the host calls the network of a project.
func (n Network) RealName(project string) string { return realName(n.Real, project, n.Name) }

func realName(given, project, key string) string {
	if given != "" {
		return given
	}
	return project + "_" + key
}

// Volume is one named volume.
type Volume struct {
	// Name is its key in the compose file, Real what the host calls it where that
	// is not PROJECT_NAME; see RealName.
	Name     string `json:"name"`
	Real     string `json:"real,omitempty"`
	External bool   `json:"external"`
	Driver   string `json:"driver"`
	// Options are the driver's.
	Options map[string]string `json:"options,omitempty"`
	// File and Line are where the compose files define it.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// RealName is what the host calls the volume of a project.
func (v Volume) RealName(project string) string { return realName(v.Real, project, v.Name) }

// Writes are the volumes, by their names on the host, and the host's files and
// folders that a service may write to, sorted. Where those of another are not
// known (volumes_from a container) they are not among them.
func (r Release) Writes(s Service) []string {
	out := r.writes(s, map[string]bool{s.Name: true})
	slices.Sort(out)
	return slices.Compact(out)
}

func (r Release) writes(s Service, seen map[string]bool) []string {
	var out []string
	for _, m := range s.Volumes {
		if place := r.place(m); place != "" && m.Writable() {
			out = append(out, place)
		}
	}
	for _, from := range s.VolumesFrom {
		name, _, _ := strings.Cut(from, ":")
		if other, ok := r.Service(name); ok && !seen[name] {
			seen[name] = true
			out = append(out, r.writes(other, seen)...)
		}
	}
	return out
}

func (r Release) place(m Mount) string {
	if m.Type != "volume" || m.Source == "" {
		return m.Source
	}
	return r.VolumeName(m.Source)
}

// VolumeName is what the host calls the volume of a key in the compose file.
func (r Release) VolumeName(key string) string {
	for _, v := range r.Volumes {
		if v.Name == key {
			return v.RealName(r.Project)
		}
	}
	return realName("", r.Project, key)
}

// NetworkName is what the host calls the network of a key in the compose file.
func (r Release) NetworkName(key string) string {
	for _, n := range r.Networks {
		if n.Name == key {
			return n.RealName(r.Project)
		}
	}
	return realName("", r.Project, key)
}

// Writable reports whether what a mount holds outlives its container and may be
// written through it. Sockets and the kernel's own folders are no store.
func (m Mount) Writable() bool {
	if m.ReadOnly || m.Source == "" || m.Type != "volume" && m.Type != "bind" {
		return false
	}
	if m.Type == "volume" {
		return true
	}
	for _, dir := range []string{"/proc", "/sys", "/dev", "/run", "/var/run"} {
		if m.Source == dir || strings.HasPrefix(m.Source, dir+"/") {
			return false
		}
	}
	return !strings.HasSuffix(m.Source, ".sock")
}

// Secret is one file-based secret; its value is in Release.Known only.
type Secret struct {
	Name string `json:"name"`
	File string `json:"file"`
}

// File is one file to write on the host, or a folder (fs.ModeDir).
type File struct {
	Path    string
	Mode    fs.FileMode
	Content []byte
	// Source is the local file that holds the content of a large one, Sum its
	// SHA-256 in hex and Bytes its size; Content is empty then.
	Source string
	Sum    string
	Bytes  int64
	// Secret content is never shown.
	Secret bool
	// Inline reports that the compose file itself has the content.
	Inline bool
}

// Image is an image that the release runs.
type Image struct {
	// Reference is what the compose file says.
	Reference string `json:"reference"`
	// ID is the image's config digest (sha256:…); empty where only the host
	// can tell, after a pull.
	ID string `json:"id"`
	// Layers are the diff IDs, lowest first.
	Layers []string `json:"layers"`
	// Archive is the tar file that holds it; empty: pulled by the host.
	Archive string `json:"archive,omitempty"`
	// Bytes is the size of its layers in Archive, as they are stored there.
	Bytes    int64  `json:"bytes,omitempty"`
	Platform string `json:"platform,omitempty"`
	// Revision is the commit that the image says it was built from
	// (org.opencontainers.image.revision); empty: it does not say.
	Revision string   `json:"revision,omitempty"`
	Services []string `json:"services"`
	// Built reports whether its name is the hash of what it is built of, Build how; that
	// is not kept on the host.
	Built bool   `json:"built,omitempty"`
	Build *Build `json:"-"`
}

// EdgeConfig is what Traefik will read.
type EdgeConfig struct {
	// Static is traefik.yml with the target's ACME settings in place.
	Static []byte
	// Edges is how many edges of a cluster read this; 0: there is one.
	Edges int `json:",omitempty"`
	// Asked is the entry point of those at which an authority asks; empty: nothing is ordered.
	Asked string `json:",omitempty"`
	// Dynamic are the files of the provider's folder with templates rendered.
	// Upstreams still use plain service names; a switch rewrites them.
	Dynamic []File
	// Routes are the routers of Dynamic, sorted by name.
	Routes []Route
	// Flags and Env are the edge service's command and TRAEFIK_* environment.
	Flags []string
	Env   map[string]string
}

// Certified returns the hosts for which the edge asks for certificates, sorted.
func (e EdgeConfig) Certified() []string {
	var out []string
	for _, route := range e.Routes {
		if route.Resolver != "" {
			out = append(out, route.Hosts...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Route is one router of the edge.
type Route struct {
	Name        string   `json:"name"`
	Rule        string   `json:"rule"`
	Hosts       []string `json:"hosts"` // host names in Rule
	EntryPoints []string `json:"entry_points"`
	Middlewares []string `json:"middlewares"`
	// Service is the compose service behind it and Port its container port;
	// empty and 0 for Traefik's own services such as api@internal.
	Service  string `json:"service"`
	Port     int    `json:"port"`
	Resolver string `json:"resolver"`
	// File is the dynamic file that declares it.
	File string `json:"file"`
}
