package projects_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// A server that is shared breaks no rule that one of its own keeps.
func TestASharedServerChangesNoVerdict(t *testing.T) {
	files, err := filepath.Abs("files")
	if err != nil {
		t.Fatal(err)
	}
	rule := regexp.MustCompile(`\brule +([a-z0-9]+/[a-z0-9-]+)`)
	for _, name := range []string{"nginx-golang-postgres", "traefik-guards", "wordpress-mysql"} {
		verdict := func(more ...string) (int, []string) {
			dir := filepath.Join(t.TempDir(), name)
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(files, name))); err != nil {
				t.Fatal(err)
			}
			t.Chdir(dir)
			if exit, text := run(append([]string{"init", "--host", "203.0.113.7", "--domain", "example.org", "--policy", "strict", "--yes"}, more...)...); exit != 0 {
				t.Fatal(text)
			}
			exit, text := run("check")
			var rules []string
			for _, m := range rule.FindAllStringSubmatch(text, -1) {
				rules = append(rules, m[1])
			}
			slices.Sort(rules)
			return exit, slices.Compact(rules)
		}
		alone, ruled := verdict("--shared=false")
		shared, sharing := verdict()
		if len(ruled) == 0 || alone != shared || !slices.Equal(ruled, sharing) {
			t.Errorf("%s: exit code %d and %v, shared %d and %v", name, alone, ruled, shared, sharing)
		}
	}
}
