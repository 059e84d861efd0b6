package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/sync/errgroup"
)

// maker gets images: from the cache, from a registry, or by building.
type maker struct {
	root, out, cache   string
	neverPull, refresh bool
	progress           *progress

	mu       sync.Mutex
	registry map[string]error // registry host → why it does not answer
	making   sync.Map         // recipe → a lock, since an image may be made on another
}

// job is one recipe being built.
type job struct {
	*maker
	recipe
	// work is a scratch folder that is removed afterwards.
	work string
}

// all makes the recipes, two at a time: one waits for the network while
// another uses the processor.
func (m *maker) all(ctx context.Context, chosen []recipe) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2)
	for _, r := range chosen {
		g.Go(func() error {
			if err := m.one(ctx, r); err != nil {
				return fmt.Errorf("%s (%s): %w", r.name, r.ref, err)
			}
			return nil
		})
	}
	return g.Wait()
}

func (m *maker) one(ctx context.Context, r recipe) error {
	turn, _ := m.making.LoadOrStore(r.name, new(sync.Mutex))
	turn.(*sync.Mutex).Lock()
	defer turn.(*sync.Mutex).Unlock()
	target := m.archive(r)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	var further []string
	if r.prepare != nil {
		made, err := r.prepare(ctx, m)
		if err != nil {
			return err
		}
		further = append(further, made...)
	}
	key, err := r.key(m.root, further...)
	if err != nil {
		return err
	}
	kept := filepath.Join(m.cache, r.name+"-"+key+".tar")
	if _, err := os.Stat(kept); err != nil || m.refresh {
		if err := os.MkdirAll(m.cache, 0o755); err != nil {
			return err
		}
		if err := m.make(ctx, r, kept); err != nil {
			return err
		}
		m.forgetOlder(r, kept)
	}
	fresh, err := place(kept, target)
	if err == nil && fresh {
		m.progress.say(r.name, "%s → %s", r.ref, target)
	}
	return err
}

// archive is where the archive of a recipe's image lies.
func (m *maker) archive(r recipe) string { return filepath.Join(m.out, r.folder, r.name+".tar") }

// make pulls or builds one image into the file.
func (m *maker) make(ctx context.Context, r recipe, file string) error {
	tag, err := name.NewTag(r.ref)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(workParent(), "stackctl-image-"+r.name+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	defer m.progress.heartbeat(r.name, "working")()
	img, err := m.image(ctx, &job{maker: m, recipe: r, work: work}, tag)
	if err != nil {
		return err
	}
	temporary := file + ".part"
	defer os.Remove(temporary)
	if err := tarball.WriteToFile(temporary, tag, img); err != nil {
		return fmt.Errorf("write %s: %w", temporary, err)
	}
	info, err := os.Stat(temporary)
	if err != nil {
		return err
	}
	m.progress.say(r.name, "done, %.1f MB compressed", float64(info.Size())/1e6)
	return os.Rename(temporary, file)
}

// image pulls where that is possible. Layers may be read from the job's
// folder or the network only when the image is written.
func (m *maker) image(ctx context.Context, j *job, tag name.Tag) (v1.Image, error) {
	if j.public && !m.neverPull {
		why := m.answers(ctx, tag.Registry)
		if why == nil {
			m.progress.say(j.name, "pulling %s", j.ref)
			return remote.Image(tag, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain),
				remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}))
		}
		m.progress.say(j.name, "no registry within reach (%v); building a stand-in", why)
	}
	return j.build(ctx, j)
}

// answers asks a registry once whether it is there; any HTTP answer will do.
func (m *maker) answers(ctx context.Context, registry name.Registry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if why, asked := m.registry[registry.Name()]; asked {
		return why
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, registry.Scheme()+"://"+registry.RegistryStr()+"/v2/", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err == nil {
		res.Body.Close()
		if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusUnauthorized {
			err = fmt.Errorf("it answers %s", res.Status)
		}
	}
	var wrapped interface{ Unwrap() error }
	if errors.As(err, &wrapped) && wrapped.Unwrap() != nil {
		err = wrapped.Unwrap() // the URL is noise in a progress line
	}
	if m.registry == nil {
		m.registry = make(map[string]error)
	}
	m.registry[registry.Name()] = err
	return err
}

// forgetOlder removes what earlier versions of the recipe left in the cache.
func (m *maker) forgetOlder(r recipe, kept string) {
	old, err := filepath.Glob(filepath.Join(m.cache, r.name+"-*.tar"))
	if err != nil {
		return
	}
	for _, f := range old {
		if f != kept {
			_ = os.Remove(f) // only space is lost
		}
	}
}

// place puts a kept file at the target: a second name where the filesystem
// allows, else a copy. It says whether anything changed.
func place(kept, target string) (bool, error) {
	from, err := os.Stat(kept)
	if err != nil {
		return false, err
	}
	if to, err := os.Stat(target); err == nil {
		if os.SameFile(from, to) || to.Size() == from.Size() && to.ModTime().Equal(from.ModTime()) {
			return false, nil
		}
	}
	temporary := target + ".part"
	_ = os.Remove(temporary) // left by an interrupted run
	if os.Link(kept, temporary) != nil {
		if err := copyFile(kept, temporary, from.ModTime()); err != nil {
			return false, err
		}
	}
	return true, os.Rename(temporary, target)
}

func copyFile(from, to string, modified time.Time) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Chtimes(to, modified, modified)
}

// workParent is a folder where programs may be executed; /tmp may forbid it.
func workParent() string {
	if os.Getenv("TMPDIR") == "" {
		if _, err := os.Stat("/var/tmp"); err == nil {
			return "/var/tmp"
		}
	}
	return ""
}

// command runs a program in a folder and gives its standard output; an error
// carries the last lines that the program wrote.
func command(ctx context.Context, dir string, env []string, argv ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, lastLines(complaint.String()+string(out), 12))
	}
	return out, nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return "  " + strings.Join(lines, "\n  ")
}
