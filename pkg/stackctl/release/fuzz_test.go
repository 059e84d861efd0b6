package release

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/template"

	"stackctl/pkg/stackctl/stack"
)

// soon fails where reading takes longer than any file of this size may.
func soon(t *testing.T, run func()) {
	t.Helper()
	begun := time.Now()
	run()
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

func FuzzEnvFile(f *testing.F) {
	for _, text := range []string{"A=b\n", "\ufeffA=b", "A=\"b\nc\"\n", "A='$x'\nB=$A${C:-d}", "export A: b", "A=${B?no}", "A=\"", "A='", "A", "=b", "A=${", "A=$$", "A=${X:-${Y:-${Z}}}", strings.Repeat("A=$B\n", 300)} {
		f.Add(text, "")
		f.Add(text, "raw")
	}
	f.Fuzz(func(t *testing.T, text, format string) {
		file := filepath.Join(t.TempDir(), ".env")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		soon(t, func() {
			if _, err := readEnvFile(file, format, os.LookupEnv); err != nil && stack.CauseOf(err) != stack.CauseUsage {
				t.Errorf("%q: %v", text, err)
			}
		})
	})
}

func FuzzComposeFile(f *testing.F) {
	list, err := filepath.Glob("testdata/field/*.yaml")
	if err != nil || len(list) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range list[:8] {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(raw))
	}
	bomb := "a0: &a0 {k: v}\n"
	for _, n := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		before := "*a" + string(n[0]-1)
		bomb += "a" + n + ": &a" + n + " {<<: [" + strings.Repeat(before+", ", 9) + before + "]}\n"
	}
	for _, text := range []string{bomb + "services:\n  a: {<<: *a9, image: b}\n", "services: *x", "services:\n  a: &a\n    image: *a\n", "include: [compose.yaml]\n",
		"services:\n  a: {extends: {file: compose.yaml, service: a}}\n", "services:\n  a: {image: b, volumes: [\"./:/x\", \".:/y:ro\", \":/z\", \"./w:/w\"]}\n", "---\n---\nservices: {a: {image: b}}", "[]", "\ufeffservices: {a: {image: b}}",
		"services:\n  a: {image: \"${A:-${B:-\", x-stackctl: [1]}\n", "services:\n  a: {image: b, environment: {? [1] : 2}}\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "../") || strings.Contains(text, "/..") {
			t.Skip() // leads to folders of this machine
		}
		root := t.TempDir()
		file := filepath.Join(root, "compose.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := stack.Config{Project: "shop", Root: root, File: filepath.Join(root, "stackctl.yaml"), Compose: stack.Compose{Files: []string{file}}}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		soon(t, func() {
			target := stack.Target{Name: "prod", Domain: "shop.example", Path: "/srv/shop"}
			d, err := Read(ctx, c, target)
			if err == nil {
				_, err = d.Freeze(Inputs{})
			}
			if err != nil && stack.CauseOf(err) != stack.CauseUsage {
				t.Errorf("%q: %v", text, err)
			}
			Known(c, target)
			ServiceNames(c)
		})
	})
}

// What this package finds in a template is what the library leaves empty.
func FuzzReferences(f *testing.F) {
	for _, text := range []string{"$A", "${A}", "$$A", "${A:-b}", "${A-${B}}", "${A:?no}", "${A:+${B}}", "x${A}y$B", "${A", "$", "${}", "${A:-}}", "${A}${B:-c}", "$A$$B"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		asked := map[string]bool{}
		of := func(name string) (string, bool) { asked[name] = true; return "v", true }
		var err error
		_ = quietly(func() error { _, err = template.Substitute(text, of); return nil })
		if err != nil {
			return
		}
		found := map[string]bool{}
		for _, name := range uses(text) {
			found[name] = true
		}
		for name := range asked {
			if !found[name] {
				t.Errorf("%q uses %s", text, name)
			}
		}
	})
}
