package node

import (
	"context"
	"errors"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// mounts is what a resolved compose file mounts from the host.
type mounts struct {
	Services map[string]struct {
		Volumes []struct{ Type, Source string }
	}
	Secrets, Configs map[string]struct{ File string }
}

// MountedBy returns what a resolved compose file mounts from below root, relative
// to it and sorted. service limits it to what is mounted as a volume of one.
func MountedBy(compose []byte, root, service string) ([]string, error) {
	var doc mounts
	if err := yaml.Unmarshal(compose, &doc); err != nil {
		return nil, err
	}
	var sources []string
	for name, s := range doc.Services {
		for _, v := range s.Volumes {
			if v.Type == "bind" && (service == "" || service == name) {
				sources = append(sources, v.Source)
			}
		}
	}
	if service == "" {
		for _, files := range []map[string]struct{ File string }{doc.Secrets, doc.Configs} {
			for _, f := range files {
				sources = append(sources, f.File)
			}
		}
	}
	var out []string
	for _, source := range sources {
		if name, ours := strings.CutPrefix(source, root+"/"); ours {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// absentScript names those of some paths that are not there.
const absentScript = `cd -- "$1" || exit 1; shift
for f do [ -e "$f" ] || printf '%s\n' "$f"; done`

// CheckMounts refuses a release that was read back from the host where a file
// that its containers mount is gone, before anything is changed.
func CheckMounts(ctx context.Context, server Server, t stack.Target, r stack.Release) error {
	argv := []string{"sh", "-c", absentScript, "sh", t.Path}
	for _, compose := range [][]byte{r.Base, r.App} {
		names, err := MountedBy(compose, t.Path, "")
		if err != nil {
			return stack.Fault(stack.CauseStep, "read the compose files of release "+r.ID+" on "+t.Where(), err, "deploy that release again: it writes what differs")
		}
		argv = append(argv, slices.DeleteFunc(names, func(n string) bool { return n == stack.EdgeDynamic })...) // that is made anew
	}
	out, err := server.Run(ctx, argv...)
	if err != nil {
		return err
	}
	gone := strings.FieldsFunc(string(out.Stdout), func(c rune) bool { return c == '\n' })
	if len(gone) == 0 {
		return nil
	}
	return stack.Fault(stack.CauseStep, "check the files of release "+r.ID+" in "+t.Path, errors.New("they are not there: "+strings.Join(gone, ", ")),
		"deploy that release again: it writes what is missing")
}
