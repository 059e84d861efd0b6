package projects_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// decided are projects of which init must say certain things, and must not say
// others.
var decided = map[string]struct{ says, never []string }{
	"swarm-restart-none": {[]string{
		"configurator  app    once ",
		"create-site   app    once ",
		"backend       app    recreate ",
	}, nil},
}

func TestInitDecidesAsTheTeamWould(t *testing.T) {
	files, err := filepath.Abs("files")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range decided {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(files, name))); err != nil {
			t.Fatal(err)
		}
		t.Chdir(dir)
		_, text := run("init", "--host", "203.0.113.7", "--domain", "example.org", "--yes")
		for _, says := range want.says {
			if !strings.Contains(text, says) {
				t.Errorf("%s: %q is not in\n%s", name, says, text)
			}
		}
		for _, says := range want.never {
			if strings.Contains(text, says) {
				t.Errorf("%s: %q is in\n%s", name, says, text)
			}
		}
	}
}
