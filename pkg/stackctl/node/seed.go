package node

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"path"
	"strings"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/stack"
)

// placeScript puts what was written under a temporary name ($2) where a
// persistent folder or file ($3) belongs below $1, unless something is there:
// what services wrote is never touched. Whatever user a service runs as may
// write there: nobody else on the host gets past the folder above, which is
// the deploy user's alone.
const placeScript = `umask 022; cd -- "$1" || exit 1
dir=$(dirname -- "$3")
if [ -e "$3" ] || [ -L "$3" ] || [ -d "$dir" -a ! -x "$dir" ]; then rm -rf -- "$2"; exit 0; fi
[ -d "${3%%/*}" ] || [ "$dir" = . ] || mkdir -m 700 -- "${3%%/*}" || exit 1
if [ -d "$2" ]; then find "$2" -type d -exec chmod 777 -- {} +; else chmod 666 -- "$2"; fi &&
mkdir -p -- "$dir" && mv -T -- "$2" "$3"`

// Seed makes the persistent folders and files that the host lacks, with what
// the project has for them. Each appears as a whole or not at all: a deploy
// that is cut off leaves none that a later one would take for complete.
func Seed(ctx context.Context, server Host, root string, list []stack.Persistent) error {
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
			return stack.Fault(stack.CauseStep, what, err, GiveFolders)
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
