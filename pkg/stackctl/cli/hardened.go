package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/harden"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// override is the file that harden writes.
type override struct {
	// path is where it is; empty: it is printed. name is how it is told.
	path, name string
	// before is what it holds, listed that compose.files names it, others are the
	// compose files beside it.
	before []byte
	listed bool
	others []string
	// services are those of the project.
	services []string
}

// openOverride reads the file that is to be written. One that harden did not write is
// refused: before anything is tried.
func (o *hardenOptions) openOverride(c stack.Config) (override, error) {
	f := override{path: o.write, name: o.write, others: c.Compose.Files}
	if o.write == "-" {
		return override{others: f.others}, nil
	}
	if o.write == "" {
		return f, usageOf("stackctl harden", errors.New("--write names no file"))
	}
	if !filepath.IsAbs(f.path) {
		f.path = filepath.Join(c.Root, f.path)
	}
	f.others = slices.DeleteFunc(slices.Clone(f.others), func(other string) bool { return filepath.Clean(other) == filepath.Clean(f.path) })
	f.listed = len(f.others) < len(c.Compose.Files)
	raw, err := given.Read(f.path, given.Most)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return f, stack.Usage(f.path, 0, err.Error(), "")
	case len(f.others) == 0, !harden.Written(raw) && !o.force:
		return f, stack.Usage(f.path, 0, "the file is not one that harden wrote, and nothing was tried", "name another with --write, or let harden replace it with --force")
	}
	f.before = raw
	return f, nil
}

// hardened is what harden tells a program.
type hardened struct {
	Project string `json:"project"`
	// File is the override, Text what it holds, Written that it was written.
	File    string `json:"file,omitempty"`
	Text    string `json:"text"`
	Written bool   `json:"written"`
	// Files are what compose.files in stackctl.yaml lists for it to count.
	Files    []string         `json:"compose_files,omitempty"`
	Services []harden.Verdict `json:"services"`
}

// cleanVerdicts takes secrets out of what services said.
func (o *hardenOptions) cleanVerdicts(verdicts []harden.Verdict) {
	for i := range verdicts {
		v := &verdicts[i]
		v.Line = o.clean(v.Line)
		for j := range v.Left {
			v.Left[j].Line = o.clean(v.Left[j].Line)
		}
		for name, line := range v.Needs {
			v.Needs[name] = o.clean(line)
		}
	}
}

// conclude writes the override and tells what was found.
func (o *hardenOptions) conclude(ctx context.Context, c stack.Config, t stack.Target, f override, verdicts []harden.Verdict) error {
	told := hardened{Project: c.Project, File: f.path, Services: verdicts}
	var failure error
	if !slices.ContainsFunc(verdicts, harden.Verdict.Tried) {
		failure = stack.Fault(stack.CauseUnjudged, "try the hardening", errors.New("no service could be tried"), "see why above; what does not get ready as it is, `stackctl deploy` tells more of")
	} else {
		text := harden.Override(verdicts, f.before, f.services)
		told.Text = string(text)
		if failure = merges(ctx, c, t, text, verdicts); failure == nil && f.path != "" {
			told.Files = o.listed(c, f)
			if !bytes.Equal(text, f.before) {
				failure = writeOverride(f.path, text)
			}
			told.Written = failure == nil
		}
	}
	if o.output == "json" {
		return errors.Join(o.json(told), failure)
	}
	o.printHardened(f, told)
	return failure
}

// merges reads the project with the override, as Compose merges it.
func merges(ctx context.Context, c stack.Config, t stack.Target, text []byte, verdicts []harden.Verdict) (err error) {
	const what = "read the override with the compose files"
	dir, err := os.MkdirTemp("", "stackctl-harden")
	if err != nil {
		return stack.Fault(stack.CauseStep, what, err, "")
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, hardenFile)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return stack.Fault(stack.CauseStep, what, err, "")
	}
	c.Compose.Files = append(slices.Clone(c.Compose.Files), file)
	draft, err := release.Read(ctx, c, t)
	if err != nil {
		return err
	}
	for _, s := range draft.Services() {
		for _, v := range verdicts {
			if v.Service == s.Name && v.Tried() && (v.Bears.ReadOnly && !s.ReadOnly || v.Bears.User != "" && s.User != v.Bears.User || v.Bears.Memory > 0 && s.MemoryLimit != v.Bears.Memory) {
				return stack.Fault(stack.CauseStep, what, fmt.Errorf("service %s is not as the override says", s.Name), "nothing was written")
			}
		}
	}
	return nil
}

// writeOverride replaces the file as a whole.
func writeOverride(path string, text []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".harden-*.tmp")
	if err != nil {
		return stack.Usage(path, 0, err.Error(), "make its folder writable, or name another with --write")
	}
	_, err = tmp.Write(text)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(stack.Usage(path, 0, err.Error(), "make its folder writable, or name another with --write"), os.Remove(tmp.Name()))
	}
	return nil
}

// listed are the compose files with the override, as stackctl.yaml names them.
func (o *hardenOptions) listed(c stack.Config, f override) []string {
	var out []string
	for _, file := range append(slices.Clone(f.others), f.path) {
		if rel, err := filepath.Rel(c.Root, file); err == nil && !strings.HasPrefix(rel, "..") {
			file = filepath.ToSlash(rel)
		}
		out = append(out, file)
	}
	return out
}

// printHardened prints what was found: the text of the override alone where it goes to
// the output.
func (o *hardenOptions) printHardened(f override, told hardened) {
	out := o.out
	if f.path == "" {
		out = o.errs
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SERVICE\tSTARTS\tBEARS")
	for _, v := range told.Services {
		if v.Tried() {
			fmt.Fprintf(table, "%s\t%d\t%s\n", v.Service, v.Starts, v.Bears)
		} else {
			fmt.Fprintf(table, "%s\t%d\tnot tried: %s\n", v.Service, v.Starts, v.Untried)
		}
	}
	_ = table.Flush()
	fmt.Fprintln(out)
	for _, v := range told.Services {
		if v.Line != "" {
			fmt.Fprintf(out, "%s: %s\n", v.Service, v.Line)
		}
		for _, name := range slices.Sorted(maps.Keys(v.Needs)) {
			fmt.Fprintf(out, "%s keeps %s: %s\n", v.Service, name, or(v.Needs[name], "it does not get ready without"))
		}
		for _, l := range v.Left {
			fmt.Fprintf(out, "%s without %s: %s\n", v.Service, l.Measure, l.Why)
			if l.Line != "" {
				fmt.Fprintf(out, "  %s\n", l.Line)
			}
		}
	}
	switch {
	case told.Text == "":
	case f.path == "":
		fmt.Fprint(o.out, told.Text)
	case told.Written:
		o.printWritten(f, told)
	}
}

// printWritten prints what became of the file, and how it counts.
func (o *hardenOptions) printWritten(f override, told hardened) {
	switch {
	case told.Text == string(f.before):
		fmt.Fprintf(o.out, "\n%s is as harden would write it\n", f.name)
	case f.before != nil:
		fmt.Fprintf(o.out, "\nchanged %s:\n", f.name)
		for _, line := range changes(string(f.before), told.Text) {
			fmt.Fprintln(o.out, "  "+line)
		}
	default:
		fmt.Fprintf(o.out, "\nwrote %s\n", f.name)
	}
	if !f.listed {
		fmt.Fprintf(o.out, "for it to count, write in %s:\n\ncompose:\n  files: [%s]\n\n", filepath.Base(o.project.file), strings.Join(told.Files, ", "))
	}
	fmt.Fprintln(o.out, "next: `stackctl check`, then a deploy to the sandbox")
}
