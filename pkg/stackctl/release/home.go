package release

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// homeMount is a mount of a home folder as it is written: ~/data.
type homeMount struct {
	service, source string
	at              place
}

const (
	homeProblem = "of a home folder: it is that of whoever deploys, holds their secrets, and is not on the server"
	homeFix     = "declare what the service needs under secrets: with `file:`, or mount a folder of the project"
)

// keyFolders are what tools keep their keys in, below a home folder.
var keyFolders = []string{".ssh", ".aws", ".azure", ".kube", ".docker", ".gnupg", ".netrc", ".npmrc", ".pypirc", ".gitconfig", ".git-credentials", ".vault-token", ".config"}

// fix names the two folders that may be meant.
func (m homeMount) fix() string {
	rest := strings.Trim(strings.TrimPrefix(m.source, "~"), "/")
	first, _, _ := strings.Cut(rest, "/")
	if rest == "" || slices.Contains(keyFolders, first) {
		return homeFix
	}
	rest = strings.TrimPrefix(rest, ".")
	return "write ./" + rest + " for a folder of the project, kept on the server, or the server's own by its absolute path, such as /srv/" + rest
}

// homes refuses mounts of a home folder.
func (d Draft) homes() error {
	var faults []error
	for _, m := range d.homeMounts() {
		if _, there := d.project.Services[m.service]; !there {
			continue // the edge takes its place
		}
		faults = append(faults, stack.Usage(m.at.file, m.at.line, "service "+m.service+" mounts "+m.source+" "+homeProblem, m.fix()))
	}
	return together("mounts are of a home folder", faults)
}

// homeMounts are the mounts of a home folder as they are written: the library
// puts the path of whoever deploys in the place of ~ in files that others include.
func (d Draft) homeMounts() []homeMount {
	var out []homeMount
	for _, s := range d.sources {
		services := s.services()
		for _, name := range sortedKeys(services) {
			if s.only != "" && s.only != name {
				continue
			}
			_, volumes := lookupNode(services[name], "volumes")
			if volumes = resolved(volumes); volumes == nil {
				continue
			}
			for _, item := range volumes.Content {
				line := item.Line
				if item = resolved(item); item.Kind == yaml.MappingNode {
					_, item = lookupNode(item, "source")
				}
				if source := strings.Join(scalars(resolved(item), s.of), ""); strings.HasPrefix(source, "~") {
					source, _, _ = strings.Cut(source, ":")
					out = append(out, homeMount{name, source, place{s.file, line}})
				}
			}
		}
	}
	return out
}
