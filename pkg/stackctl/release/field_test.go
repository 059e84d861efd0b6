package release_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Compose files as teams have them. Comments say which files lie beside one
// ("# file: name=content"), what outlives its releases ("# persistent: path"),
// and what it is refused with, where it is ("# refused: text").
func TestComposeFilesOfTheFieldAreReadOrRefusedWithTheirPlace(t *testing.T) {
	list, err := filepath.Glob("testdata/field/*.yaml")
	must(t, err)
	if len(list) < 30 {
		t.Fatalf("there are %d files", len(list))
	}
	for _, name := range list {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".yaml"), func(t *testing.T) {
			raw, err := os.ReadFile(name)
			must(t, err)
			said := map[string][]string{}
			for line := range strings.Lines(string(raw)) {
				if key, value, is := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "# "), ": "); is && strings.HasPrefix(line, "# ") {
					said[key] = append(said[key], value)
				}
			}
			files := map[string]string{filepath.Base(name): string(raw)}
			for _, f := range said["file"] {
				at, content, has := strings.Cut(f, "=")
				if !has {
					content = "content\n"
				}
				files[at] = content
			}
			s := newProject(t, files)
			s.config.Compose.Files = []string{filepath.Join(s.config.Root, filepath.Base(name))}
			if want := said["refused"]; len(want) > 0 {
				s.refused(t, want...)
				return
			}
			r, err := s.read()
			must(t, err)
			var kept []string
			for _, p := range r.Persistent {
				kept = append(kept, p.Path)
			}
			if strings.Join(kept, " ") != strings.Join(said["persistent"], " ") {
				t.Errorf("persistent are %q, want %q", kept, said["persistent"])
			}
			for _, svc := range r.Services {
				if svc.Image == "" || svc.File == "" || svc.Line == 0 {
					t.Errorf("service %s: image %q at %s:%d", svc.Name, svc.Image, svc.File, svc.Line)
				}
			}
		})
	}
}
