package engine

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

const hostPlatform = "linux/" + runtime.GOARCH

// context writes the files of a build context.
func contextOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func built(t *testing.T, b stack.Build, progress func(string)) (stack.Built, *Engine, string, error) {
	t.Helper()
	e, err := Open(t.Context(), unix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	if b.Dockerfile == "" && b.Inline == "" {
		b.Dockerfile = filepath.Join(b.Context, "Dockerfile")
	}
	name := "stackctl-engine-test/built:" + random()
	out, err := e.Build(t.Context(), b, hostPlatform, []string{name}, progress)
	if err == nil {
		t.Cleanup(func() {
			if err := e.RemoveImage(context.Background(), name); err != nil {
				t.Error(err)
			}
		})
	}
	return out, e, name, err
}

func TestAnImageIsBuiltOfAContext(t *testing.T) {
	dir := contextOf(t, map[string]string{"Dockerfile": "FROM scratch AS base\nARG WHO\nLABEL who=$WHO\nCOPY app /app\nCOPY seed /seed\nENTRYPOINT [\"/app\"]\nFROM base AS other\nLABEL stage=other\n", "app": string(app), "seed": random()})
	var lines []string
	out, e, name, err := built(t, stack.Build{Context: dir, Target: "base", Args: map[string]string{"WHO": "team"}, Labels: map[string]string{"from": "compose"}}, func(l string) { lines = append(lines, l) })
	if err != nil {
		t.Fatal(err)
	}
	raw, err := e.InspectImage(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"who":"team"`, `"from":"compose"`, out.ID} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("the image lacks %s: %s", want, raw)
		}
	}
	if strings.Contains(string(raw), `"stage"`) {
		t.Error("the target was not heeded")
	}
	if !strings.Contains(strings.Join(lines, "\n"), "COPY seed /seed") { // the cache has the rest
		t.Errorf("progress: %q", lines)
	}
	if !e.Has(t.Context(), name, hostPlatform) || e.Has(t.Context(), name, "linux/riscv64") || !e.CanBuild(t.Context(), hostPlatform) {
		t.Error("the image or its platform is not known")
	}
	var archive bytes.Buffer
	if err := e.Save(t.Context(), name, &archive); err != nil || archive.Len() < len(app) {
		t.Errorf("%d bytes were saved: %v", archive.Len(), err)
	}
}

// TestABaseImageThatIsHereIsUsed builds on an image that no registry has, runs
// a program in it, and gives it a secret that stays out of the image.
func TestABaseImageThatIsHereIsUsed(t *testing.T) {
	dir := contextOf(t, map[string]string{"Dockerfile": "FROM " + imageA + "\nRUN --mount=type=secret,id=token,target=/token,required=true [\"/app\", \"print\", \"hello\"]\nLABEL on=top\n"})
	_, e, name, err := built(t, stack.Build{Context: dir, Secrets: map[string][]byte{"token": []byte("hunter2-is-not-kept")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := e.InspectImage(t.Context(), name)
	if err != nil || !strings.Contains(string(raw), `"on":"top"`) || strings.Contains(string(raw), "hunter2") {
		t.Errorf("%v: %s", err, raw)
	}
}

func TestABuildThatFailsShowsItsLastLines(t *testing.T) {
	dir := contextOf(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY nothing /nothing\n"})
	_, _, _, err := built(t, stack.Build{Context: dir}, nil)
	if err == nil || !strings.Contains(err.Error(), "nothing") || stack.CauseOf(err) != stack.CauseStep {
		t.Errorf("got %v", err)
	}
}

func TestAnInlineDockerfileIsBuilt(t *testing.T) {
	dir := contextOf(t, map[string]string{"app": string(app), "artifacts/run": "x"})
	_, _, _, err := built(t, stack.Build{Context: dir, Inline: "FROM scratch\nCOPY . /\n", Exclude: []string{"artifacts"}}, nil)
	if err != nil {
		t.Error(err)
	}
}

// TestABuildEndsWithItsContext holds that Ctrl-C ends a build that would run on.
func TestABuildEndsWithItsContext(t *testing.T) {
	dir := contextOf(t, map[string]string{"Dockerfile": "FROM " + imageA + "\nCOPY seed /seed\nRUN [\"/app\", \"sleep\"]\n", "seed": random()})
	e, err := Open(t.Context(), unix)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = e.Build(ctx, stack.Build{Context: dir, Dockerfile: filepath.Join(dir, "Dockerfile")}, hostPlatform, []string{"stackctl-engine-test/built:" + random()}, func(line string) {
		if strings.Contains(line, "RUN") {
			cancel()
		}
	})
	if stack.CauseOf(err) != stack.CauseInterrupted {
		t.Errorf("got %v", err)
	}
}
