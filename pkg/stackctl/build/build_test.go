package build

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// folder writes the files of a context; a name with a slash makes folders.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		put(t, dir, name, content)
	}
	return dir
}

func put(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

var simple = map[string]string{"Dockerfile": "FROM scratch AS base\nCOPY . /\n", "app": "1", "src/a": "a", "node_modules/x/y": "z", ".dockerignore": "node_modules\n*.log\n!keep.log\n"}

func hashOf(t *testing.T, b stack.Build) string {
	t.Helper()
	if b.Dockerfile == "" && b.Inline == "" {
		b.Dockerfile = filepath.Join(b.Context, "Dockerfile")
	}
	in, err := Digest(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Hash) != 12 || in.Files == 0 {
		t.Fatalf("%+v", in)
	}
	return in.Hash
}

func TestTheHashIsOfWhatIsBuilt(t *testing.T) {
	first := hashOf(t, stack.Build{Context: folder(t, simple)})
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string, b *stack.Build)
		same   bool
	}{
		"nothing": {func(*testing.T, string, *stack.Build) {}, true},
		"another time": {func(t *testing.T, dir string, _ *stack.Build) {
			old := time.Unix(1, 0)
			_ = os.Chtimes(filepath.Join(dir, "app"), old, old)
		}, true},
		"another umask": {func(t *testing.T, dir string, _ *stack.Build) { _ = os.Chmod(filepath.Join(dir, "app"), 0o600) }, true},
		"what is left out": {func(t *testing.T, dir string, _ *stack.Build) {
			put(t, dir, "node_modules/x/y", "other")
			put(t, dir, "a.log", "x")
		}, true},
		"a run's evidence": {func(t *testing.T, dir string, b *stack.Build) {
			put(t, dir, "artifacts/2026/x", "1")
			b.Exclude = []string{"artifacts"}
		}, true},
		"how it is deployed": {func(t *testing.T, dir string, b *stack.Build) {
			put(t, dir, "compose.yaml", "1")
			b.Beside = []string{"compose.yaml"}
		}, true},
		"an empty folder": {func(t *testing.T, dir string, _ *stack.Build) { _ = os.Mkdir(filepath.Join(dir, "empty"), 0o755) }, true},
		"a file that is named": {func(t *testing.T, dir string, b *stack.Build) {
			put(t, dir, "app.yaml", "1")
			put(t, dir, "Dockerfile", "FROM scratch AS base\nCOPY app.yaml /\n")
			b.Beside = []string{"app.yaml"}
		}, false},
		"no cache":           {func(_ *testing.T, _ string, b *stack.Build) { b.Pull, b.NoCache = true, true }, true},
		"a file":             {func(t *testing.T, dir string, _ *stack.Build) { put(t, dir, "src/a", "b") }, false},
		"one more file":      {func(t *testing.T, dir string, _ *stack.Build) { put(t, dir, "src/b", "") }, false},
		"what is kept again": {func(t *testing.T, dir string, _ *stack.Build) { put(t, dir, "keep.log", "") }, false},
		"a file that moved": {func(t *testing.T, dir string, _ *stack.Build) {
			_ = os.Rename(filepath.Join(dir, "src/a"), filepath.Join(dir, "src/c"))
		}, false},
		"the Dockerfile": {func(t *testing.T, dir string, _ *stack.Build) {
			put(t, dir, "Dockerfile", "FROM scratch AS base\nCOPY app /\n")
		}, false},
		"an argument":     {func(_ *testing.T, _ string, b *stack.Build) { b.Args = map[string]string{"V": "1"} }, false},
		"the target":      {func(_ *testing.T, _ string, b *stack.Build) { b.Target = "base" }, false},
		"a platform":      {func(_ *testing.T, _ string, b *stack.Build) { b.Platforms = []string{"linux/arm64"} }, false},
		"another context": {func(t *testing.T, _ string, b *stack.Build) { b.Contexts = map[string]string{"lib": folder(t, simple)} }, false},
		"an image as context": {func(_ *testing.T, _ string, b *stack.Build) {
			b.Contexts = map[string]string{"base": "docker-image://x:1"}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, simple)
			b := stack.Build{Context: dir}
			c.change(t, dir, &b)
			if got := hashOf(t, b); (got == first) != c.same {
				t.Errorf("%s, and at first %s", got, first)
			}
		})
	}
}

func TestWhatCanBeExecutedCounts(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no such mode here")
	}
	dir := folder(t, simple)
	first := hashOf(t, stack.Build{Context: dir})
	if err := os.Chmod(filepath.Join(dir, "app"), 0o755); err != nil {
		t.Fatal(err)
	}
	if hashOf(t, stack.Build{Context: dir}) == first {
		t.Error("the mode does not count")
	}
	if err := os.Symlink("app", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	second := hashOf(t, stack.Build{Context: dir})
	if err := os.Remove(filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("src", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if hashOf(t, stack.Build{Context: dir}) == second {
		t.Error("where a link leads does not count")
	}
}

// TestGitsOwnFiles holds that looking at a repository changes no image.
func TestGitsOwnFiles(t *testing.T) {
	dir := folder(t, simple)
	put(t, dir, ".git/HEAD", "ref: refs/heads/main")
	put(t, dir, ".git/refs/heads/main", "1")
	first := hashOf(t, stack.Build{Context: dir})
	put(t, dir, ".git/index", "x")
	put(t, dir, ".git/FETCH_HEAD", "x")
	if hashOf(t, stack.Build{Context: dir}) != first {
		t.Error("git's index counts")
	}
	put(t, dir, ".git/refs/heads/main", "2")
	if hashOf(t, stack.Build{Context: dir}) == first {
		t.Error("another commit does not count")
	}
}

func TestTheDockerfilesOwnIgnoreFileWins(t *testing.T) {
	dir := folder(t, simple)
	first := hashOf(t, stack.Build{Context: dir})
	put(t, dir, "Dockerfile.dockerignore", "src\n")
	if got := hashOf(t, stack.Build{Context: dir}); got == first {
		t.Error("it does not count")
	}
	before := hashOf(t, stack.Build{Context: dir})
	put(t, dir, "src/a", "changed")
	if hashOf(t, stack.Build{Context: dir}) != before {
		t.Error("what it leaves out counts")
	}
}

func TestProblemsAreNamed(t *testing.T) {
	dir := folder(t, map[string]string{"Dockerfile": "FROM a AS one\nFROM --platform=$BUILDPLATFORM b as Two\n", "none": "RUN x\n", "bad/.dockerignore": "a[\n", "bad/Dockerfile": "FROM x\n"})
	for _, c := range []struct {
		b         stack.Build
		key, text string
	}{
		{stack.Build{Context: dir, Dockerfile: filepath.Join(dir, "Nofile")}, "dockerfile", "there is no Nofile"},
		{stack.Build{Context: filepath.Join(dir, "gone"), Dockerfile: filepath.Join(dir, "gone", "Dockerfile")}, "context", "gone is not there"},
		{stack.Build{Context: filepath.Join(dir, "nowhere"), Inline: "FROM x"}, "context", "no folder"},
		{stack.Build{Context: dir, Dockerfile: filepath.Join(dir, "Dockerfile"), Target: "three"}, "target", "one, Two"},
		{stack.Build{Context: dir, Dockerfile: filepath.Join(dir, "none")}, "dockerfile", "no FROM"},
		{stack.Build{Context: filepath.Join(dir, "bad"), Dockerfile: filepath.Join(dir, "bad", "Dockerfile")}, "context", ".dockerignore"},
	} {
		_, err := Digest(t.Context(), c.b)
		p := new(Problem)
		if !errors.As(err, &p) || p.Key != c.key || !strings.Contains(p.Text, c.text) || p.Fix == "" {
			t.Errorf("%+v: got %v", c.b, err)
		}
	}
	for _, target := range []string{"", "one", "two", "1"} {
		if _, err := Digest(t.Context(), stack.Build{Context: dir, Dockerfile: filepath.Join(dir, "Dockerfile"), Target: target}); err != nil {
			t.Errorf("target %q: %v", target, err)
		}
	}
}

func TestFilesThatHoldSecretsAreNamed(t *testing.T) {
	dir := folder(t, map[string]string{"Dockerfile": "FROM x\n", ".env": "A=1", ".env.example": "A=", "web/.env.production": "B=2"})
	in, err := Digest(t.Context(), stack.Build{Context: dir, Dockerfile: filepath.Join(dir, "Dockerfile")})
	if err != nil || strings.Join(in.Secrets, " ") != ".env web/.env.production" {
		t.Errorf("%v %v", in.Secrets, err)
	}
	put(t, dir, ".dockerignore", "**/.env*\n")
	if in, err = Digest(t.Context(), stack.Build{Context: dir, Dockerfile: filepath.Join(dir, "Dockerfile")}); err != nil || len(in.Secrets) > 0 {
		t.Errorf("%v %v", in.Secrets, err)
	}
}

func TestRemoteContexts(t *testing.T) {
	for at, want := range map[string]bool{"https://x/y.git#v1": true, "git@x:y.git": true, "docker-image://x": true, "./web": false, "/srv/web": false, "web": false} {
		if Remote(at) != want {
			t.Errorf("%s: %t", at, !want)
		}
	}
	if _, err := Digest(t.Context(), stack.Build{Context: "https://example.org/x.git#v1", Dockerfile: "Dockerfile"}); err != nil {
		t.Error(err)
	}
}
