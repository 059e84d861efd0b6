package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// recognized is how much of a file, in percent, must be the text of licences.
const recognized = 75

// modules returns the folder of each module that is on this machine, by
// "path@version". Nothing is downloaded: a program holds only what was there.
func modules(ctx context.Context, root string) (map[string]string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-json=Path,Version,Dir,Replace", "all")
	cmd.Dir = root
	text, err := output(cmd)
	if err != nil {
		return nil, err
	}
	known := map[string]string{}
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		type module struct {
			Path, Version, Dir string
			Replace            *module
		}
		var m module
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return known, nil
		} else if err != nil {
			return nil, err
		}
		if m.Replace != nil {
			m = *m.Replace
		}
		if m.Dir != "" && m.Dir != root {
			known[m.Path+"@"+m.Version] = m.Dir
		}
	}
}

// recognize names the licences in the files of a module's folder, as SPDX does;
// none where the texts are no known ones, or the folder is not there.
func recognize(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var ids []string
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if !e.Type().IsRegular() || !slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING"}, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		found := licensecheck.Scan(text)
		if found.Percent < recognized {
			continue
		}
		for _, m := range found.Match {
			if !m.IsURL && !slices.Contains(ids, m.ID) {
				ids = append(ids, m.ID)
			}
		}
	}
	slices.Sort(ids)
	return ids
}
