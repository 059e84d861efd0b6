package release

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestEnvFilesAreReadOrRefusedWithTheirLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	read := func(text string) (map[string]string, error) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		read, err := readEnvFile(file, "", func(string) (string, bool) { return "", false })
		return read.values, err
	}
	if env, err := read("A=b\r\n# words\r\nC=\"d e\"\r\n"); err != nil || env["A"] != "b" || env["C"] != "d e" {
		t.Errorf("saved on Windows: %q, %v", env, err)
	}
	if env, err := read("\ufeffA=b\n"); err != nil || env["A"] != "b" {
		t.Errorf("with a byte order mark: %q, %v", env, err)
	}
	for text, line := range map[string]string{"A=b\nC=\xff\n": ".env:2", "A=b\x00c\n": ".env:1", "A=b\nwords without a name\n": ".env:2"} {
		if _, err := read(text); err == nil || stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), line) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
