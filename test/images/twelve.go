package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// app is the image of a program in test/projects/twelve, as its team's own
// pipeline would have made it with a Dockerfile.
type app struct {
	name, ref string
	// base is the recipe of the image that it is made on.
	base string
	// source is the program's folder below test/projects/twelve; to is where its
	// files lie in the image, as its working folder.
	source, to string
	cmd        []string
	user       string
	// chown gives further folders to a user.
	chown map[string]int
}

// apps lists the images of programs in Python, PHP and JavaScript.
func apps() []app {
	gunicorn := []string{"gunicorn", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "8", "app:app"}
	return []app{
		{name: "board", ref: "acme/board:1", base: "python", source: "board/app", to: "/app", cmd: gunicorn, user: "app"},
		{name: "gallery", ref: "acme/gallery:1", base: "php", source: "gallery/www", to: "/var/www/html",
			cmd: []string{"sh", "-c", "chown www-data uploads && exec apache2-foreground"}},
		{name: "press", ref: "acme/press:1", base: "python", source: "press/app", to: "/app", cmd: gunicorn},
		{name: "tracks", ref: "acme/tracks:1", base: "node", source: "tracks/app", to: "/usr/src/app", cmd: []string{"node", "server.js"}, chown: map[string]int{"/var/lib/tracks": 0}},
		{name: "tickets", ref: "acme/tickets:1", base: "python", source: "tickets/api", to: "/app", cmd: gunicorn},
		{name: "recipes", ref: "acme/recipes:1", base: "node", source: "recipes/app", to: "/usr/src/app", cmd: []string{"node", "server.js"}, user: "node"},
		{name: "notes", ref: "registry.acme.test:5443/team/notes:1", base: "node", source: "notes/app", to: "/app", cmd: []string{"node", "server.js"}, user: "node", chown: map[string]int{"/data": 1000}},
		{name: "chat", ref: "acme/chat:1", base: "node", source: "chat/app", to: "/app", cmd: []string{"server.js"}, user: "node", chown: map[string]int{"/history": 1000}},
	}
}

// twelve makes what the projects of test/projects/twelve run beside public images.
func twelve() []recipe {
	list := []recipe{
		{name: "workers", ref: "acme/workers:1", folder: projectFolder, group: projectsGroup, inputs: []string{"twelve.go"}, prepare: compileWorkers, build: buildWorkers},
		{name: "gitbox", ref: "acme/gitbox:1", folder: projectFolder, group: twelveGroup, inputs: []string{"twelve.go"}, prepare: compileGitbox, build: buildGitbox},
	}
	for _, a := range apps() {
		list = append(list, recipe{name: a.name, ref: a.ref, folder: projectFolder, group: twelveGroup, inputs: []string{"twelve.go"}, prepare: a.prepare, build: a.make})
	}
	return list
}

// prepare makes the image below, and lists it and the program's files.
func (a app) prepare(ctx context.Context, m *maker) ([]string, error) {
	base, err := m.made(ctx, a.base)
	if err != nil {
		return nil, err
	}
	inputs, err := filesBelow(m.root, filepath.Join("test", "projects", "twelve", a.source))
	return append(inputs, base), err
}

// made makes another recipe's image and returns where it lies, from the repository.
func (m *maker) made(ctx context.Context, name string) (string, error) {
	all := recipes()
	i := slices.IndexFunc(all, func(r recipe) bool { return r.name == name })
	if i < 0 {
		return "", fmt.Errorf("no image %q", name)
	}
	if err := m.one(ctx, all[i]); err != nil {
		return "", err
	}
	file, err := filepath.Abs(m.archive(all[i]))
	if err != nil {
		return "", err
	}
	return filepath.Rel(m.root, file)
}

// make puts the program on its base.
func (a app) make(ctx context.Context, j *job) (v1.Image, error) {
	source := filepath.Join(j.root, "test", "projects", "twelve", a.source)
	if _, err := os.Stat(filepath.Join(source, "package.json")); err == nil {
		j.progress.say(j.name, "fetching npm packages")
		work := filepath.Join(j.work, "app")
		if err := os.CopyFS(work, os.DirFS(source)); err != nil {
			return nil, err
		}
		if _, err := command(ctx, work, nil, "npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--no-bin-links"); err != nil {
			return nil, err
		}
		source = work
	}
	i := slices.IndexFunc(recipes(), func(r recipe) bool { return r.name == a.base })
	return a.on(j.archive(recipes()[i]), source)
}

// on puts the files of a folder on the image in an archive.
func (a app) on(archive, source string) (v1.Image, error) {
	high := tree{}
	if err := high.copyIn(source, a.to[1:], func(fs.FileInfo) int64 { return 0o644 }); err != nil {
		return nil, err
	}
	delete(high, path.Join(a.to[1:], "node_modules", ".package-lock.json"))
	for dir, owner := range a.chown {
		high.dir(dir[1:], 0o755, owner)
	}
	base, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		return nil, err
	}
	layer, err := high.layer()
	if err != nil {
		return nil, err
	}
	img, err := mutate.Append(base, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: epoch}, CreatedBy: "test/images"}})
	if err != nil {
		return nil, err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.Config.Cmd, file.Config.User, file.Config.WorkingDir, file.Config.Labels = a.cmd, a.user, a.to, nil
	return mutate.ConfigFile(img, file)
}

// filesBelow lists the files of a folder of the repository.
func filesBelow(root, dir string) (list []string, err error) {
	err = filepath.WalkDir(filepath.Join(root, dir), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, p)
		list = append(list, rel)
		return err
	})
	return list, err
}

// Static programs that are projects' own images.
const (
	workersBinary = "build/workers"
	gitboxBinary  = "build/gitbox"
)

func compileWorkers(ctx context.Context, m *maker) ([]string, error) {
	return []string{workersBinary}, compileStatic(ctx, m.root, "./test/projects/twelve/workers/app", workersBinary)
}

// compileGitbox builds a module of its own, as its team's repository has it.
func compileGitbox(ctx context.Context, m *maker) ([]string, error) {
	return []string{gitboxBinary}, compileStatic(ctx, filepath.Join(m.root, "test", "projects", "twelve", "gitbox", "app"), ".", filepath.Join(m.root, gitboxBinary))
}

func buildWorkers(_ context.Context, j *job) (v1.Image, error) {
	return j.static(workersBinary, tree{}, v1.Config{User: "65532", Entrypoint: []string{"/workers"}})
}

// buildGitbox packs a program that keeps everything in /data, by a user of its own.
func buildGitbox(_ context.Context, j *job) (v1.Image, error) {
	high := tree{}
	high.dir("data", 0o755, 65532)
	return j.static(gitboxBinary, high, v1.Config{User: "app", Entrypoint: []string{"/gitbox"}, Volumes: map[string]struct{}{"/data": {}}, ExposedPorts: ports("3000", "2222")})
}

// static packs a program that needs nothing of an image.
func (j *job) static(binary string, high tree, config v1.Config) (v1.Image, error) {
	content, err := os.ReadFile(filepath.Join(j.root, binary))
	if err != nil {
		return nil, err
	}
	high.file(filepath.Base(binary), 0o755, content)
	config.Env = []string{searchPath}
	return assemble(config, scratch(), high)
}
