package backup

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/infer"
	"stackctl/pkg/stackctl/stack"
)

// Place is one place where a project keeps data, and how it is backed up.
type Place struct {
	// Name is the service of a store, or the name of a volume or folder.
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// Service is the one whose container is asked.
	Service string `json:"service"`
	// Target is where that container has the volume or folder.
	Target string `json:"target,omitempty"`
	// While is what the services that write to it do meanwhile: run, or be
	// paused or stopped while a copy is made beside it. Empty: they run, unless
	// there is a database of SQLite.
	While While `json:"while,omitempty"`
	// User, Schema (the database's name) and PasswordFile (in the container) are
	// what its container says where they are empty.
	User         string `json:"user,omitempty"`
	Schema       string `json:"database,omitempty"`
	PasswordFile string `json:"password_file,omitempty"`
	// store marks the folder of a store that has no dump.
	store bool
	// password is one that stands in the service's command.
	password string
	// Writers are the services of the compose files that write to it.
	Writers []string `json:"writers,omitempty"`
	// Reason is why it is backed up like that, or not at all.
	Reason string `json:"reason"`
}

// Database reports whether the place is one, which migrations may change.
func (p Place) Database() bool { return p.Kind == PostgreSQL || p.Kind == MySQL || p.store }

// While is what services do while their files are copied.
type While string

// What services may do while their files are copied.
const (
	Running While = "running"
	Paused  While = "paused"
	Stopped While = "stopped"
)

// Places decides what of a release is backed up, and how. It returns also what
// is not, with the reason. Places that backup.places names and the release
// does not have are refused; file is the stackctl.yaml. root is the project's
// folder on the host.
func Places(c stack.Backup, file, root string, services []stack.Service) ([]Place, error) {
	d := &deciding{config: c, root: root, covered: map[string]bool{}}
	for _, s := range services {
		d.store(s)
	}
	for _, s := range services {
		for _, m := range s.Volumes {
			d.mount(s, m)
		}
	}
	d.name()
	for _, w := range c.Places {
		if !slices.ContainsFunc(d.places, func(p Place) bool { return p.Name == w.Name }) {
			return nil, stack.Usage(file, w.Line, fmt.Sprintf("backup.places names %q, which is no service, volume or folder of the compose files", w.Name), "name one of "+or(d.names(), "none"))
		}
	}
	for i := range d.places {
		d.settle(&d.places[i])
	}
	slices.SortStableFunc(d.places, func(a, b Place) int { return cmp.Compare(a.Name, b.Name) })
	return d.places, nil
}

// Taken are the places that are backed up.
func Taken(places []Place) []Place {
	return slices.DeleteFunc(slices.Clone(places), func(p Place) bool { return p.Kind == None })
}

type deciding struct {
	config  stack.Backup
	root    string
	places  []Place
	sources []string        // what each place is on the host; empty: a store
	covered map[string]bool // sources that a store's dump covers
}

// wish finds what stackctl.yaml says of a name.
func (d *deciding) wish(name string) (stack.BackupPlace, bool) {
	for _, w := range d.config.Places {
		if w.Name == name {
			return w, true
		}
	}
	return stack.BackupPlace{}, false
}

// store adds a service that is dumped by its own tools.
func (d *deciding) store(s stack.Service) {
	kind := Kind(infer.Dump(s.Image))
	known := kind != ""
	reason := fmt.Sprintf("image %s is known: %s", s.Image, words[kind].tool)
	if w, ok := d.wish(s.Name); ok && w.As != "" {
		kind, known, reason = Kind(w.As), Kind(w.As) != Files, "backup.places says so"
	}
	if d.config.Service == s.Name && s.Name != "" {
		if !known {
			kind = PostgreSQL
		}
		known, reason = true, "backup.service names it: "+words[kind].tool
	}
	if !known || s.OneShot || d.copied(s) {
		return
	}
	p := Place{Name: s.Name, Kind: kind, Service: s.Name, Writers: []string{s.Name}, Reason: reason}
	if d.config.Service == s.Name {
		p.User, p.Schema = d.config.User, d.config.Database
	}
	if kind == Redis {
		p.PasswordFile, p.password = passwordOf(s)
	}
	keeps := false
	for _, m := range s.Volumes {
		if m.Type != "tmpfs" && !m.ReadOnly {
			d.covered[m.Source] = true
			keeps = true
		}
	}
	if _, ok := d.wish(s.Name); kind == Redis && !keeps && !ok {
		p.Kind, p.Reason = None, "it has no volume: it keeps nothing"
	}
	d.add(p, "")
}

var (
	secretFile  = regexp.MustCompile(`/run/secrets/[A-Za-z0-9._-]+`)
	requirePass = regexp.MustCompile(`(?:^|\s)(?:--)?requirepass\s+["']?([^\s"'$]+)`)
)

// passwordOf finds the password of Redis where its command names it: as a secret's
// file in the container, or as it is.
func passwordOf(s stack.Service) (file, password string) {
	command := strings.Join(append(slices.Clone(s.Entrypoint), s.Command...), " ")
	if _, rest, ok := strings.Cut(command, "requirepass"); ok {
		if file := secretFile.FindString(rest); file != "" {
			return file, ""
		}
	}
	if found := requirePass.FindStringSubmatch(command); found != nil {
		return "", found[1]
	}
	return "", ""
}

// copied reports whether stackctl.yaml wants a store's own files instead of a dump.
func (d *deciding) copied(s stack.Service) bool {
	return slices.ContainsFunc(s.Volumes, func(m stack.Mount) bool {
		w, ok := d.wish(safe(path.Base(m.Source)))
		return ok && w.As == string(Files) && m.Source != ""
	})
}

// safe makes a name fit to be a place's.
func safe(name string) string { return strings.Trim(unsafeName.ReplaceAllString(name, "-"), "-") }

func (d *deciding) add(p Place, source string) {
	d.places, d.sources = append(d.places, p), append(d.sources, source)
}

// mount adds a volume or folder that a service can write to.
func (d *deciding) mount(s stack.Service, m stack.Mount) {
	if m.ReadOnly || m.Type == "tmpfs" || d.covered[m.Source] && m.Source != "" {
		return
	}
	if i := slices.Index(d.sources, m.Source); i >= 0 && m.Source != "" {
		d.places[i].Writers = append(d.places[i].Writers, s.Name)
		return
	}
	p := Place{Kind: Files, Service: s.Name, Writers: []string{s.Name}, Target: m.Target, Reason: fmt.Sprintf("service %s writes to it at %s", s.Name, m.Target)}
	switch {
	case m.Type == "volume" && m.Source == "":
		p.Name, p.Kind, p.Reason = s.Name+strings.ReplaceAll(m.Target, "/", "-"), None, "a volume without a name goes with its container"
	case m.Type == "volume":
		p.Name = m.Source
	case m.Type == "bind" && !foreign(m.Source) && !d.shipped(m.Source):
		p.Name = path.Base(m.Source)
	default:
		return
	}
	if s.Layer == stack.LayerEdge && p.Kind == Files {
		p.Kind, p.Reason = None, "the edge keeps certificates there, which are fetched again"
	}
	if infer.Paused(s.Image) {
		p.store, p.While, p.Reason = true, Paused, fmt.Sprintf("%s writes to it at any time: it is paused for a moment", path.Base(infer.Repository(s.Image)))
	}
	d.add(p, m.Source)
}

// shipped reports whether a path of the host holds files that a release brought.
func (d *deciding) shipped(source string) bool {
	for _, dir := range []string{"releases", "files", "secrets", "backups"} {
		if strings.HasPrefix(source+"/", path.Join(d.root, dir)+"/") {
			return true
		}
	}
	return false
}

// foreign reports whether a path of the host is the system's own.
func foreign(source string) bool {
	if source == "/" || strings.HasSuffix(source, ".sock") {
		return true
	}
	for _, dir := range []string{"/etc", "/proc", "/sys", "/dev", "/run", "/var/run", "/var/lib/docker", "/usr", "/bin", "/sbin", "/lib", "/boot", "/tmp", "/var/log"} {
		if source == dir || strings.HasPrefix(source, dir+"/") {
			return true
		}
	}
	return false
}

// unsafeName is what a place may not be called.
var unsafeName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// name gives each place a name of its own.
func (d *deciding) name() {
	seen := map[string]bool{}
	for i := range d.places {
		p := &d.places[i]
		p.Name = safe(p.Name)
		if seen[p.Name] && strings.HasPrefix(d.sources[i], "/") {
			p.Name = safe(d.sources[i])
		}
		for seen[p.Name] {
			p.Name += "-files"
		}
		seen[p.Name] = true
	}
}

func (d *deciding) names() string {
	var out []string
	for _, p := range d.places {
		out = append(out, p.Name)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// settle puts what stackctl.yaml says on top of what was found.
func (d *deciding) settle(p *Place) {
	w, named := d.wish(p.Name)
	if !named && d.config.Service != "" && p.Name != d.config.Service && p.Kind != None {
		p.Kind, p.Reason = None, "backup.service names another one; backup.places adds it"
	}
	if !named {
		return
	}
	if w.As != "" && p.Target != "" {
		p.Kind, p.Reason = Kind(w.As), "backup.places says so"
	}
	p.User, p.Schema, p.PasswordFile = or(w.User, p.User), or(w.Database, p.Schema), or(w.PasswordFile, p.PasswordFile)
	if w.While != "" {
		p.While = While(w.While)
	}
}
