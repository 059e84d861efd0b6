package release

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"stackctl/pkg/stackctl/stack"
)

// seed reads what the project has for its persistent folders, and says what a
// deploy will not do with it.
func (d *Draft) seed(b binds) error {
	for _, use := range d.bindUses() {
		one := b.of[use.source]
		if one.kind != persistent || one.missing || b.kept[one.at].Seed != nil {
			continue
		}
		kept := b.kept[one.at]
		if one.isFile {
			f, err := readFile(one.local, "")
			if err != nil {
				return d.refuseBind(use, "mounts "+use.source+": "+plainError(err), "mount a smaller file, or one of the server by its absolute path")
			}
			kept.Seed = []stack.File{writable(f)}
			continue
		}
		if err := d.seedFolder(use, one, kept); err != nil {
			return err
		}
	}
	return nil
}

// unhide is what to do about a mount that hides an image's own code.
const unhide = "a server needs no such mount: remove it, or keep it in compose.override.yaml and name the other file alone under compose.files"

func (d *Draft) seedFolder(use bindUse, one bind, kept *stack.Persistent) error {
	at := d.bindPlace(use).String() + ":"
	if database(one.local) {
		d.warn([]string{at + " " + use.source + " on this machine is a database, which is not sent: the server keeps its own in " + kept.Path})
		return nil
	}
	t, err := d.tree(one.local, nil)
	switch {
	case os.IsPermission(err):
		d.warn([]string{at + " what " + use.source + " holds on this machine is not sent, because it cannot be read: the server keeps its own in " + kept.Path})
		return nil
	case err != nil:
		return d.refuseBind(use, "mounts "+use.source+": "+err.Error(), "remove what cannot be sent, mount a smaller folder, or one of the server by its absolute path")
	case len(t.files) == 0:
		return nil
	}
	for _, f := range t.files {
		kept.Seed = append(kept.Seed, writable(f))
	}
	if d.hides(use) {
		d.warn([]string{at + " " + use.source + " lies over what the image of " + use.service + " is built of: the server runs the copy of the first deploy in " + kept.Path + ", and later releases do not change it; " + unhide})
		return nil
	}
	if d.programText(use, one) {
		d.warn([]string{at + " " + use.source + " holds a program's text, and " + use.service + " may write to it, in " + kept.Path + " on the server. " + textFix})
		return nil
	}
	d.warn([]string{at + " " + use.source + " is writable for " + use.service + ": the server keeps its own copy in " + kept.Path + ", which later deploys leave as it is; mount it with :ro to send it with each release"})
	return nil
}

// bounds is the folder that links in a mounted folder must not lead out of.
func (d Draft) bounds(local string) string {
	if within(d.root(), local) {
		return d.root()
	}
	return local
}

// tree reads a folder of the project, but for what is no part of it: git's own
// folder and the artifacts of runs, which are new each time.
func (d Draft) tree(local string, without map[string]bool) (tree, error) {
	return readTree(tree{bounds: d.bounds(local), without: without, skip: []string{filepath.Join(d.root(), ".git"), d.config.Evidence.Dir}}, local)
}

// writable is a file for a folder that services write to.
func writable(f stack.File) stack.File {
	if f.Mode&fs.ModeDir == 0 {
		f.Mode |= 0o200
	}
	return f
}

// persistentList are the persistent folders and files that the chosen services
// mount, sorted by path.
func (d Draft) persistentList() []stack.Persistent {
	var out []stack.Persistent
	for _, at := range sortedKeys(d.binds.kept) {
		k := *d.binds.kept[at]
		k.Services = nil
		for _, name := range d.binds.kept[at].Services {
			if d.deployed(d.project.Services[name]) {
				k.Services = append(k.Services, name)
			}
		}
		if len(k.Services) > 0 {
			out = append(out, k)
		}
	}
	return out
}

// onServer is where a persistent path is on the server.
func (d Draft) onServer(at string) string { return path.Join(d.target.Path, stack.DataFolder, at) }
