package release_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/release"
)

// look surveys a project.
func (s shop) look(t *testing.T) release.Survey {
	t.Helper()
	survey, err := release.Look(context.Background(), s.config, s.target.Domain)
	must(t, err)
	return survey
}

func TestProgramTextThatAServiceMayWriteToIsTold(t *testing.T) {
	files := map[string]string{
		"compose.yaml": "services:\n  web:\n    image: acme/web:1\n    volumes: [\"./src:/app/src\"]\n  db:\n    image: postgres:16\n    volumes: [\"./sql:/sql\"]\n    environment: {POSTGRES_HOST_AUTH_METHOD: trust}\n",
		"src/main.py":  "print()\n", "sql/dump.py": "print()\n",
	}
	s := newProject(t, files)
	survey := s.look(t)
	if notes := strings.Join(survey.Notes["web"], " "); !strings.Contains(notes, "it may write to the program's text in ./src:/app/src") {
		t.Errorf("notes of web: %q", notes)
	}
	if notes := survey.Notes["db"]; len(notes) > 0 { // a release never replaces a store
		t.Errorf("notes of db: %q", notes)
	}
	d, err := release.Read(context.Background(), s.config, s.target)
	must(t, err)
	warnings := strings.Join(d.Warnings(), "\n")
	for _, want := range []string{"compose.yaml:4: ./src holds a program's text, and web may write to it", "write :ro at its end", "compose.yaml:7: ./sql is writable for db"} {
		if !strings.Contains(warnings, want) {
			t.Errorf("%q is not in\n%s", want, warnings)
		}
	}
}

func TestEvidenceIsNoProgramText(t *testing.T) {
	s := newProject(t, map[string]string{
		"compose.yaml":           "services:\n  web:\n    image: acme/web:1\n    volumes: [\"./data:/data\"]\n",
		"data/cat.jpg":           "cat\n",
		"data/evidence/index.py": "print()\n", "data/evidence/page.html": "<p>\n",
	})
	s.config.Evidence.Dir = filepath.Join(s.config.Root, "data", "evidence")
	if notes := s.look(t).Notes["web"]; len(notes) > 0 {
		t.Errorf("notes of web: %q", notes)
	}
}
