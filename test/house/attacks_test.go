package house

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	attackTest = regexp.MustCompile(`(?m)^func (TestAttack\d\w*)\(`)
	// A row that names no folder is of the table of end-to-end tests.
	attackRow = regexp.MustCompile("`(TestAttack\\w+)`(?: in `([^`]+)`)?")
)

// attackTests finds the tests that try an attack, with the folder of each.
func attackTests(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"../../pkg/server/*/*_test.go", "../e2e/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range attackTest.FindAllStringSubmatch(string(text), -1) {
				found[m[1]] = strings.TrimPrefix(filepath.ToSlash(filepath.Join("test/house", filepath.Dir(f))), "./")
			}
		}
	}
	return found
}

// Every row of docs/security.md names a test that is there, and every such test
// has its row.
func TestEveryAttackHasItsRowAndItsTest(t *testing.T) {
	text, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, rows := attackTests(t), map[string]bool{}
	for _, m := range attackRow.FindAllStringSubmatch(string(text), -1) {
		rows[m[1]] = true
		folder := m[2]
		if folder == "" {
			folder = "test/e2e"
		}
		if tests[m[1]] != folder {
			t.Errorf("docs/security.md names %s in %s; it is in %q", m[1], folder, tests[m[1]])
		}
	}
	for name := range tests {
		if !rows[name] {
			t.Errorf("docs/security.md has no row for %s", name)
		}
	}
	if len(rows) < 57 {
		t.Errorf("only %d rows were found", len(rows))
	}
}
