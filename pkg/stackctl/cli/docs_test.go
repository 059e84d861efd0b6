package cli

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	command = regexp.MustCompile("(?m)(?:^|`)[ \t]*(?:build/)?stackctl ([a-z][^`#\n]*)")
	target  = regexp.MustCompile("(?m)(?:^|`)[ \t]*make ([a-z-]+(?: [a-z-]+)*)")
)

// pages are the documents that tell people what to type.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range append(files, "../../../README.md", "../../../CONTRIBUTING.md", "../../../artifacts/README.md") {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = string(raw)
	}
	return out
}

func TestEveryCommandInTheDocsExistsWithItsFlags(t *testing.T) {
	found := 0
	for page, text := range pages(t) {
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			words := strings.Fields(strings.NewReplacer("[", "", "]", "", ",", " ", "…", "x").Replace(m[1]))
			root := newRoot(newSession(nil, io.Discard, io.Discard))
			root.InitDefaultCompletionCmd() // cobra adds it when it runs
			cmd, rest, err := root.Find(words)
			if err != nil || cmd.Parent() == nil {
				t.Errorf("%s: stackctl %s: %v", page, m[1], err)
				continue
			}
			if err := cmd.ParseFlags(rest); err != nil {
				t.Errorf("%s: stackctl %s: %v", page, m[1], err)
			}
			found++
		}
	}
	if found < 20 {
		t.Errorf("only %d commands were found", found)
	}
}

func TestEveryMakeTargetInTheDocsExists(t *testing.T) {
	makefile, err := os.ReadFile("../../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllStringSubmatch(string(makefile), -1) {
		targets = append(targets, m[1])
	}
	found := 0
	for page, text := range pages(t) {
		for _, m := range target.FindAllStringSubmatch(text, -1) {
			for _, name := range strings.Fields(m[1]) {
				if !slices.Contains(targets, name) {
					t.Errorf("%s: make %s: there is no such target", page, name)
				}
				found++
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d targets were found", found)
	}
}
