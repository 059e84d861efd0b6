package release

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/infer"
	"stackctl/pkg/stackctl/stack"
)

// hides reports whether a writable mount lies over what the image of its service is
// built of: then the code of the mount runs, not the image's.
func (d Draft) hides(use bindUse) bool {
	build := d.project.Services[use.service].Build
	if build == nil || use.readOnly || path.IsAbs(use.source) || build.Context == "" || strings.Contains(build.Context, "://") {
		return false
	}
	return within(d.path(use.source), d.path(build.Context))
}

// mostLooked bounds how many files of a folder are looked at to tell a program's
// text from what it keeps.
const mostLooked = 2000

// programText reports whether a mount of the project may be written to and holds a
// program's text: the server keeps what the first deploy brought, so that later
// releases would not change what runs.
func (d Draft) programText(use bindUse, one bind) bool {
	if one.kind != persistent || one.missing || d.layers[use.service].Layer != stack.LayerApp || database(one.local) {
		return false
	}
	var names []string
	err := filepath.WalkDir(one.local, func(at string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (slices.Contains(foreign, entry.Name()) || at == d.config.Evidence.Dir):
			return fs.SkipDir
		case entry.Type().IsRegular():
			names = append(names, entry.Name())
		}
		if len(names) == mostLooked {
			return fs.SkipAll
		}
		return nil
	})
	return err == nil && infer.ProgramText(names)
}

// foreign are folders beside a program's text that are not its own.
var foreign = []string{".git", "node_modules", "vendor", "venv", ".venv", "__pycache__"}

// noteText notes the mounts with a program's text, at the first of the services
// that have the same ones.
func (s Survey) noteText() {
	binds, _ := s.draft.bound() // what can't be bound, check explains
	found, left := map[string][]string{}, infer.LeftOut(s.draft.subjects())
	for _, use := range s.draft.bindUses() {
		one, read := binds.of[use.source]
		if read && s.Hidden[use.service] == "" && left[use.service] == "" && s.draft.deployed(s.draft.project.Services[use.service]) && s.draft.programText(use, one) {
			found[use.service] = append(found[use.service], use.source+":"+use.target)
		}
	}
	services := map[string][]string{}
	for _, service := range sortedKeys(found) {
		mounts := strings.Join(found[service], ", ")
		services[mounts] = append(services[mounts], service)
	}
	for mounts, all := range services {
		who := stack.Listed(append([]string{"it"}, all[1:]...))
		s.Notes[all[0]] = append(s.Notes[all[0]], fmt.Sprintf("%s may write to the program's text in %s. %s", who, mounts, textFix))
	}
}

// textFix is what follows for a mount with a program's text, and what to do.
const textFix = "The server keeps what the first deploy brings, and later releases would not change what runs. Remove the mount where the image has the text, or write :ro at its end to send it with each release"
