package release

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/stack"
)

// bind is what a bind mount means.
type bind struct {
	// written is the path as the compose files have it, local where it is on
	// this machine, at its path below the project's root with forward slashes.
	written, local, at string
	kind               bindKind
	// isFile means that it is a file, missing that nothing is there.
	isFile, missing bool
}

// bindKind is whose a mounted file or folder is.
type bindKind int

const (
	hosts      bindKind = iota // the server's own
	shipped                    // sent with each release
	persistent                 // on the server for good
)

// binds are the bind mounts of all services.
type binds struct {
	of map[string]bind // by the path as it is written
	// kept are the persistent ones, by their path below the root.
	kept map[string]*stack.Persistent
}

// bound judges what each bind mount means: an absolute path is the server's
// own; what a service may write to is one folder of the project on the server;
// the rest is sent with the release.
func (d *Draft) bound() (binds, error) {
	b := binds{of: map[string]bind{}, kept: map[string]*stack.Persistent{}}
	var faults []error
	for _, use := range d.bindUses() {
		one, err := d.bindOf(use)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if before, seen := b.of[one.written]; seen && before.kind == persistent {
			one.kind = persistent
		}
		b.of[one.written] = one
		if one.kind == persistent {
			b.kept[one.at] = &stack.Persistent{Path: path.Join(stack.DataFolder, one.at), File: one.isFile}
		}
	}
	for written, one := range b.of {
		if one.kind == shipped && b.held(one.at) && !d.edgeFile(one.local) {
			one.kind = persistent // one service writes what another reads
			b.of[written] = one
			if b.kept[one.at] == nil {
				b.kept[one.at] = &stack.Persistent{Path: path.Join(stack.DataFolder, one.at), File: one.isFile}
			}
		}
	}
	for _, use := range d.bindUses() {
		one, read := b.of[use.source]
		if !read {
			continue
		}
		if one.kind == persistent {
			k := b.kept[one.at]
			if !contains(k.Services, use.service) {
				k.Services = append(k.Services, use.service)
				slices.Sort(k.Services)
			}
		}
		if one.missing && one.kind == shipped {
			faults = append(faults, d.refuseBind(use, "mounts "+one.written+", which does not exist", "create it, or correct the path"))
		}
	}
	if len(faults) > 0 {
		return b, together("mounts cannot be carried", faults)
	}
	return b, d.seed(b)
}

// held reports whether a path is persistent or lies in one that is.
func (b binds) held(at string) bool {
	for p := at; ; p = path.Dir(p) {
		if p == "." {
			p = ""
		}
		if b.kept[p] != nil || p == "" {
			return b.kept[p] != nil
		}
	}
}

// within are the persistent paths inside a path, relative to it.
func (b binds) within(at string) map[string]bool {
	out := map[string]bool{}
	for kept := range b.kept {
		rest, is := strings.CutPrefix(kept, at+"/")
		if at == "" {
			rest, is = kept, kept != ""
		}
		if is {
			out[rest] = true
		}
	}
	return out
}

// bindUse is one bind mount of a service, or of a volume that is one.
type bindUse struct {
	service, volume, source, target string
	image                           string
	readOnly, demanded              bool
}

// bindUses are all bind mounts, in a fixed order.
func (d Draft) bindUses() []bindUse {
	var out []bindUse
	for _, name := range sortedKeys(d.project.Services) {
		s := d.project.Services[name]
		for _, v := range s.Volumes {
			use := bindUse{service: name, image: s.Image, source: v.Source, target: v.Target, readOnly: v.ReadOnly}
			switch {
			case v.Type == types.VolumeTypeBind:
				use.demanded = v.Bind != nil && !bool(v.Bind.CreateHostPath)
			case v.Type == types.VolumeTypeVolume && bindDevice(d.project.Volumes[v.Source]) != "":
				use.volume, use.source = v.Source, bindDevice(d.project.Volumes[v.Source])
			default:
				continue
			}
			if use.source != "" {
				out = append(out, use)
			}
		}
	}
	return out
}

// bindDevice is the folder that a volume of the local driver binds, or "".
func bindDevice(v types.VolumeConfig) string {
	if v.Driver != "" && v.Driver != "local" || !contains(strings.Split(v.DriverOpts["o"], ","), "bind") {
		return ""
	}
	return v.DriverOpts["device"]
}

func (d Draft) refuseBind(use bindUse, problem, fix string) error {
	at := d.bindPlace(use)
	return stack.Usage(at.file, at.line, "service "+use.service+" "+problem, fix)
}

// bindPlace is where a service names a mount.
func (d Draft) bindPlace(use bindUse) place {
	at := d.places[use.service]
	for _, s := range d.sources {
		_, volumes := lookupNode(s.services()[use.service], "volumes")
		if volumes = resolved(volumes); volumes == nil {
			continue
		}
		for _, item := range volumes.Content {
			item = resolved(item)
			_, target := lookupNode(item, "target")
			if target != nil && target.Value == use.target || strings.Contains(expand(item.Value, s.of), ":"+use.target) {
				at = place{s.file, item.Line}
			}
		}
	}
	return at
}

var drive = regexp.MustCompile(`^(?:[A-Za-z]:[\\/]|\\\\)`)

// bindOf judges one bind mount by itself.
func (d Draft) bindOf(use bindUse) (bind, error) {
	b := bind{written: use.source}
	switch {
	case drive.MatchString(use.source):
		return b, d.refuseBind(use, "mounts "+use.source+", a path of Windows, which no server has", "write a path relative to the compose file, or one of the server")
	case path.IsAbs(use.source):
		return b, nil
	case strings.HasPrefix(use.source, "~"):
		return b, d.refuseBind(use, "mounts "+use.source+" "+homeProblem, homeMount{source: use.source}.fix())
	}
	b.local = d.path(use.source)
	if d.config.Traefik.Own && d.edgeFile(b.local) { // they are made, and lie nowhere here
		b.at, b.kind, b.isFile = d.below(b.local), shipped, b.local == d.config.Traefik.Static
		return b, nil
	}
	if d.inHome(b.local) {
		return b, d.refuseBind(use, "mounts "+use.source+" of a home folder, which holds secrets of whoever deploys", homeFix)
	}
	b.at, b.kind = d.below(b.local), shipped
	info, err := os.Stat(b.local)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		b.missing = true
		if link, _ := os.Lstat(b.local); link != nil {
			to, _ := os.Readlink(b.local)
			return b, d.refuseBind(use, "mounts the link "+use.source+" that leads to "+to+", which is not there", "correct the link")
		}
		if use.demanded || fileLike(use.source, use.target) {
			return b, d.refuseBind(use, "mounts "+use.source+", which does not exist", "create it: Compose would mount an empty folder in the place of a file")
		}
	case err != nil:
		return b, d.refuseBind(use, "mounts "+use.source+", which cannot be read: "+plainError(err), "correct the path or its rights")
	case !info.IsDir() && !info.Mode().IsRegular():
		return b, d.refuseBind(use, "mounts "+use.source+", which is no file and no folder", "mount a file or a folder; a socket or device of the server by its absolute path")
	default:
		b.isFile = info.Mode().IsRegular()
		if err := d.inProject(b.local); err != nil {
			return b, d.refuseBind(use, "mounts "+use.source+": "+err.Error(), "put a copy into the project")
		}
	}
	if !use.readOnly && !d.edgeFile(b.local) && !configuration(use, b) {
		b.kind = persistent
	}
	return b, nil
}

// edgeFile reports whether a path is one of Traefik's, which stackctl renders.
func (d Draft) edgeFile(local string) bool {
	return local == d.config.Traefik.Dynamic || local == d.config.Traefik.Static
}

// inHome reports whether a path outside the project is a hidden one of the home
// folder of whoever deploys, or the home folder itself.
func (d Draft) inHome(local string) bool {
	home, err := os.UserHomeDir()
	if err != nil || home == "" || within(d.root(), local) || !within(home, local) {
		return false
	}
	rel, _ := filepath.Rel(home, local)
	return rel == "." || strings.HasPrefix(rel, ".")
}

// inProject refuses a link that leads out of the project.
func (d Draft) inProject(local string) error {
	if !within(d.root(), local) {
		return nil // it is named outright
	}
	t := tree{bounds: d.root()}
	_, err := t.follow(local)
	return err
}

func (d Draft) root() string {
	if d.config.Root != "" {
		return d.config.Root
	}
	return d.folder()
}

// below is a local path's place on the server: its path below the project's
// root, a step up written "_up"; "" is the root.
func (d Draft) below(local string) string {
	rel, err := filepath.Rel(d.root(), local)
	if err != nil {
		rel = filepath.Base(local)
	}
	return slashed(rel, filepath.Separator)
}

// slashed is a relative path as it is written on the server, whatever the
// separator is on this machine.
func slashed(rel string, separator rune) string {
	if rel == "." {
		return ""
	}
	steps := strings.FieldsFunc(rel, func(r rune) bool { return r == '/' || r == separator })
	for i, step := range steps {
		if step == ".." {
			steps[i] = "_up"
		}
	}
	return strings.Join(steps, "/")
}

var ending = regexp.MustCompile(`\.[A-Za-z][A-Za-z0-9]{0,7}$`)

// fileLike reports whether a mount of something that is not there was meant to be
// one of a file: both sides have the same ending, as files do.
func fileLike(source, target string) bool {
	of := ending.FindString(path.Base(strings.ReplaceAll(source, `\`, "/")))
	return of != "" && of != ".d" && strings.EqualFold(of, ending.FindString(path.Base(target))) && of != path.Base(source)
}

// dataEnding are endings of files that programs write to.
var dataEnding = regexp.MustCompile(`(?i)\.(db|db3|sqlite|sqlite3|rdb|mdb|lmdb|log|pid|sock|lock|dat|data)$`)

// configuration reports whether a mount that could be written to is one of
// configuration: a file that is no program's data, or a folder that the image
// only reads. It is mounted read-only, so that a program which writes to it
// after all fails at once instead of losing that with the release.
func configuration(use bindUse, b bind) bool {
	if b.missing {
		return false
	}
	if b.isFile {
		raw, err := readFile(b.local, "")
		return err == nil && len(raw.Content)+int(raw.Bytes) > 0 && !dataEnding.MatchString(b.local) && path.Base(use.target) != "acme.json" &&
			!bytes.HasPrefix(raw.Content, []byte("SQLite format 3\x00"))
	}
	if strings.HasPrefix(use.target, "/docker-entrypoint-initdb.d") {
		return true
	}
	image := path.Base(strings.SplitN(strings.SplitN(use.image, "@", 2)[0], ":", 2)[0])
	for _, dir := range onlyRead[image] {
		if use.target == dir || strings.HasPrefix(use.target, dir+"/") {
			return true
		}
	}
	return false
}

// onlyRead are folders that an image reads and never writes.
var onlyRead = map[string][]string{
	"nginx":      {"/etc/nginx", "/usr/share/nginx/html"},
	"httpd":      {"/usr/local/apache2/htdocs", "/usr/local/apache2/conf"},
	"prometheus": {"/etc/prometheus"},
	"grafana":    {"/etc/grafana"},
}
