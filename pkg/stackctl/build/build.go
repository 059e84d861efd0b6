// Package build owns what goes into an image that a compose file builds: its
// files, as .dockerignore leaves them, and the hash that names it. It must not
// know of servers or engines, and builds nothing.
package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"

	"stackctl/pkg/stackctl/stack"
)

// format is the version of what Digest hashes. Another one makes every image anew.
const format = "stackctl build 1"

// Inputs are what a build depends on.
type Inputs struct {
	// Hash is 12 hex digits over everything that decides what the image is.
	Hash string
	// Files and Bytes are what would be sent to the builder.
	Files int
	Bytes int64
	// Secrets are files of the context that commonly hold secrets and that
	// nothing leaves out, sorted.
	Secrets []string
	// Copied are the places in the image at which its instructions put files.
	Copied []string
}

// Digest reads the inputs of a build. The same files in another folder, with
// other times and owners, have the same hash; what .dockerignore leaves out
// does not count. Secrets do not either: BuildKit keeps them out of its cache.
func Digest(ctx context.Context, b stack.Build) (Inputs, error) {
	h := hasher{sum: sha256.New(), beside: map[string]bool{}}
	h.text(format)
	for _, part := range []struct{ name, value string }{
		{"target", b.Target}, {"network", b.Network}, {"inline", b.Inline}, {"shm", fmt.Sprint(b.ShmSize)},
	} {
		h.text(part.name, part.value)
	}
	h.pairs("arg", b.Args)
	h.pairs("label", b.Labels)
	h.list("secret", slices.Sorted(maps.Keys(b.Secrets)))
	h.list("ssh", slices.Sorted(maps.Keys(b.SSH)))
	h.list("platform", b.Platforms)
	h.list("host", b.ExtraHosts)
	h.list("ulimit", b.Ulimits)
	if err := h.dockerfile(b); err != nil {
		return Inputs{}, err
	}
	if err := h.context(ctx, "", b.Context, b); err != nil {
		return Inputs{}, err
	}
	for _, name := range slices.Sorted(maps.Keys(b.Contexts)) {
		if err := h.context(ctx, name, b.Contexts[name], stack.Build{Exclude: b.Exclude}); err != nil {
			return Inputs{}, err
		}
	}
	h.in.Hash = hex.EncodeToString(h.sum.Sum(nil))[:12]
	slices.Sort(h.in.Secrets)
	return h.in, nil
}

// Remote reports whether a context is read by the builder itself: a repository,
// an archive behind a URL, an image.
func Remote(context string) bool {
	for _, prefix := range []string{"git://", "git@", "ssh://", "github.com/"} {
		if strings.HasPrefix(context, prefix) {
			return true
		}
	}
	return strings.Contains(context, "://")
}

// FS is a folder as the builder may see it: without what is stackctl's own.
func FS(dir string, exclude []string) (fsutil.FS, error) {
	files, err := fsutil.NewFS(dir)
	seen := fsutil.FilterOpt{ExcludePatterns: exclude}
	if runtime.GOOS == "windows" {
		seen.Map = executables(dir)
	}
	if err != nil || len(exclude) == 0 && seen.Map == nil {
		return files, err
	}
	return fsutil.NewFilterFS(files, &seen)
}

// hasher hashes the parts of a build, each with its length, so that no two
// different lists of parts read the same.
type hasher struct {
	sum hash.Hash
	in  Inputs
	// beside are files that do not count.
	beside map[string]bool
}

func (h *hasher) text(parts ...string) {
	for _, p := range parts {
		_, _ = fmt.Fprintf(h.sum, "%d %s\n", len(p), p) // a hash never fails
	}
}

func (h *hasher) list(name string, values []string) {
	h.text(name, fmt.Sprint(len(values)))
	h.text(values...)
}

func (h *hasher) pairs(name string, values map[string]string) {
	h.text(name, fmt.Sprint(len(values)))
	for _, k := range slices.Sorted(maps.Keys(values)) {
		h.text(k, values[k])
	}
}

// dockerfile hashes the instructions, and judges what can be judged of them.
func (h *hasher) dockerfile(b stack.Build) error {
	switch {
	case b.Inline != "":
		h.deployment(b, b.Inline)
		h.in.Copied = copied(b.Inline, b.Target)
		return checkTarget(b.Target, []byte(b.Inline))
	case Remote(b.Context):
		h.text("dockerfile", b.Dockerfile)
		return nil
	}
	raw, err := os.ReadFile(filepath.Clean(b.Dockerfile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(b.Context); errors.Is(err, fs.ErrNotExist) {
			return &Problem{Key: "context", Text: "the folder " + b.Context + " is not there", Fix: "make it, or name the folder of the program under build.context"}
		}
		return &Problem{Key: "dockerfile", Text: "there is no " + filepath.Base(b.Dockerfile) + " in " + filepath.Dir(b.Dockerfile), Fix: "write it, or name it under build.dockerfile"}
	case err != nil:
		return &Problem{Key: "dockerfile", Text: err.Error(), Fix: "make it readable"}
	}
	h.text("dockerfile", string(raw))
	h.deployment(b, string(raw))
	h.in.Copied = copied(string(raw), b.Target)
	return checkTarget(b.Target, raw)
}

// deployment takes the files out that a build has beside it, but for those that
// its instructions name.
func (h *hasher) deployment(b stack.Build, instructions string) {
	for _, path := range b.Beside {
		h.beside[path] = !strings.Contains(instructions, filepath.Base(path))
	}
}

// context hashes the files of a context, or the name of one that is elsewhere.
func (h *hasher) context(ctx context.Context, name, at string, b stack.Build) error {
	h.text("context", name)
	if Remote(at) {
		h.text("remote", at)
		return nil
	}
	if info, err := os.Stat(at); err != nil || !info.IsDir() {
		return &Problem{Key: "context", Text: "the build context " + at + " is no folder of this machine", Fix: "correct the path, or make the folder"}
	}
	ignored, err := patterns(at, b.Dockerfile)
	if err != nil {
		return &Problem{Key: "context", Text: err.Error(), Fix: "correct the pattern"}
	}
	files, err := FS(at, append(ignored, b.Exclude...))
	if err == nil {
		err = files.Walk(ctx, "", func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return h.entry(files, filepath.ToSlash(path), entry)
		})
	}
	if err != nil {
		return &Problem{Key: "context", Text: "the build context " + at + " cannot be read: " + err.Error(), Fix: "make it readable, or leave it out in .dockerignore"}
	}
	return nil
}

// entry hashes one file of a context: its path, its kind, whether it can be
// executed, and its content.
func (h *hasher) entry(files fsutil.FS, path string, entry fs.DirEntry) error {
	if volatile(path) || h.beside[path] || entry.IsDir() { // git keeps no empty folder either
		return nil
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	h.in.Files++
	mode := info.Mode()
	switch {
	case mode&fs.ModeSymlink != 0:
		h.text("link", path, link(info))
		return nil
	case !mode.IsRegular():
		h.text("other", path)
		return nil
	}
	h.in.Bytes += info.Size()
	if secretFile(path) {
		h.in.Secrets = append(h.in.Secrets, path)
	}
	f, err := files.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	h.text("file", path, fmt.Sprint(mode&0o111 != 0), hex.EncodeToString(sum.Sum(nil)))
	return nil
}

// patterns are what a context leaves out: NAME.dockerignore beside the
// Dockerfile, else .dockerignore.
func patterns(dir, dockerfile string) ([]string, error) {
	names := []string{filepath.Join(dir, ".dockerignore")}
	if dockerfile != "" {
		names = append([]string{dockerfile + ".dockerignore"}, names...)
	}
	for _, name := range names {
		raw, err := os.ReadFile(filepath.Clean(name))
		if err != nil {
			continue
		}
		list, err := ignorefile.ReadAll(bytes.NewReader(raw))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if _, err := fsutil.NewFilterFS(nil, &fsutil.FilterOpt{ExcludePatterns: list}); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return list, nil
	}
	return nil, nil
}

// volatile reports whether git changes a file without a change of what is
// checked out: its index, its logs, what it fetched.
func volatile(path string) bool {
	rest, is := strings.CutPrefix(path, ".git/")
	return is && rest != "HEAD" && rest != "packed-refs" && !strings.HasPrefix(rest, "refs/heads") && !strings.HasPrefix(rest, "refs/tags")
}

// secretFile reports whether a file is one that people keep secrets in.
func secretFile(path string) bool {
	name := path[strings.LastIndexByte(path, '/')+1:]
	switch name {
	case ".env", ".npmrc", ".netrc", "id_rsa", "id_ed25519", "credentials.json":
		return true
	}
	return strings.HasPrefix(name, ".env.") && !strings.HasSuffix(name, "example") && !strings.HasSuffix(name, "sample") &&
		!strings.HasSuffix(name, "template") && !strings.HasSuffix(name, "dist") && !strings.HasSuffix(name, "test")
}
