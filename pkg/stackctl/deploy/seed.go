package deploy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// absentPersistent are the persistent folders and files that the host lacks.
func absentPersistent(r stack.Release, seen stack.Observed) []stack.Persistent {
	var out []stack.Persistent
	for _, p := range r.Persistent {
		if _, there := seen.Files[p.Path]; !there {
			out = append(out, p)
		}
	}
	return out
}

// placeScript puts what was written under a temporary name ($2) where a
// persistent folder or file ($3) belongs below $1, unless something is there:
// what services wrote is never touched.
const placeScript = `umask 022; cd -- "$1" || exit 1
dir=$(dirname -- "$3")
if [ -e "$3" ] || [ -L "$3" ] || [ -d "$dir" -a ! -x "$dir" ]; then rm -rf -- "$2"; exit 0; fi
[ -d "${3%%/*}" ] || [ "$dir" = . ] || mkdir -m 700 -- "${3%%/*}" || exit 1
mkdir -p -- "$dir" && mv -T -- "$2" "$3"`

// seed makes the persistent folders and files that the host lacks, with what
// the project has for them. Each appears as a whole or not at all: a deploy
// that is cut off leaves none that a later one would take for complete.
func seed(ctx context.Context, server node.Host, root string, list []stack.Persistent) error {
	for _, p := range list { // sorted: a folder comes before those in it
		tmp := path.Join(host.Scratch, "seed-"+rand.Text()[:10])
		files := make([]stack.File, 0, len(p.Seed)+1)
		for _, f := range p.Seed {
			f.Path = path.Join(tmp, f.Path)
			files = append(files, f)
		}
		if len(files) == 0 {
			files = append(files, emptySeed(tmp, p))
		}
		what := "make " + path.Join(root, p.Path) + " for " + strings.Join(p.Services, ", ")
		if _, err := server.WriteFiles(ctx, root, files); err != nil {
			return stack.Fault(stack.CauseStep, what, err, "")
		}
		out, err := server.Run(ctx, "sh", "-c", placeScript, "sh", root, tmp, p.Path)
		if err == nil && out.Exit != 0 {
			err = errors.New(strings.TrimSpace(string(out.Stderr)))
		}
		if err != nil {
			return stack.Fault(stack.CauseStep, what, err, node.GiveFolders)
		}
	}
	return nil
}

func emptySeed(tmp string, p stack.Persistent) stack.File {
	f := stack.File{Path: tmp, Mode: 0o644}
	if !p.File {
		f.Mode = fs.ModeDir | 0o755
	}
	return f
}

// persistentDetail is what a step says of persistent folders that it made.
func persistentDetail(made []stack.Persistent) string {
	if len(made) == 0 {
		return ""
	}
	var names []string
	for _, p := range made {
		names = append(names, p.Path)
	}
	return fmt.Sprintf(", made %s", strings.Join(names, ", "))
}
