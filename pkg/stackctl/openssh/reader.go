package openssh

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
)

// Bounds of what is read.
const (
	maxFile  = 1 << 20
	maxDepth = 16
	maxFiles = 512
)

// several are the keywords that count every time they stand; of all others the
// first one does.
var several = []string{"identityfile", "certificatefile"}

// wanted are the keywords that mean something here. ssh has many more.
var wanted = []string{"hostname", "user", "port", "identityfile", "identitiesonly", "identityagent", "certificatefile",
	"proxyjump", "proxycommand", "userknownhostsfile", "globalknownhostsfile", "hostkeyalias", "tag"}

// value is what a keyword was set to, and where.
type value struct {
	words []string
	lines []place
	order int
}

// place is a line of a file.
type place struct {
	file string
	line int
}

// at is where the value was set first.
func (v value) at() string {
	if len(v.lines) == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", v.lines[0].file, v.lines[0].line)
}

// part is one word of a value.
func (v value) part(i int) value { return value{words: v.words[i : i+1], lines: v.lines[i : i+1]} }

// fault makes an error one of the value's line.
func (v value) fault(err error) error {
	if err == nil {
		return nil
	}
	return stack.Usage(v.lines[0].file, v.lines[0].line, err.Error(), "correct the line; `ssh -G HOST` refuses it too")
}

// source is where a file comes from, which decides what relative names in it
// mean.
type source struct {
	user  bool
	depth int
	// never reports whether the Include stood in a block that does not apply.
	never bool
}

// reader evaluates files line by line.
type reader struct {
	places Places
	query  Query
	values map[string]value
	order  int
	files  int
	// final is the host's name in the pass for which `Match final` applies.
	final      string
	wantsFinal bool
}

func (r *reader) one(key string) string {
	if v, set := r.values[key]; set {
		return v.words[0]
	}
	return ""
}

// file evaluates one file; one that is not there says nothing.
func (r *reader) file(name string, from source) error {
	if name == "" {
		return nil
	}
	if r.files++; r.files > maxFiles {
		return stack.Usage(name, 0, fmt.Sprintf("more than %d files are included", maxFiles), "include fewer")
	}
	raw, err := given.Read(name, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil // ssh passes over it, too
	case err != nil:
		return stack.Usage(name, 0, rootCause(err), "ssh reads it for every host; make it an ordinary file")
	}
	if err := guarded(name, from); err != nil {
		return err
	}
	active := !from.never
	n := 0
	for line := range strings.Lines(string(raw)) {
		n++
		if err := r.line(line, place{name, n}, from, &active); err != nil {
			return err
		}
	}
	return nil
}

// guarded refuses a file of the operator's that others may write: it names
// commands.
func guarded(name string, from source) error {
	info, err := os.Stat(name)
	if err != nil || !from.user || runtime.GOOS == "windows" || info.Mode().Perm()&0o022 == 0 {
		return nil // it was read a moment ago
	}
	return stack.Usage(name, 0, fmt.Sprintf("others may write it (mode %04o)", info.Mode().Perm()), "`chmod go-w "+name+"`; ssh refuses it too")
}

// line evaluates one line.
func (r *reader) line(line string, at place, from source, active *bool) error {
	bad := func(err error) error { return value{lines: []place{at}}.fault(err) }
	name, rest := keyword(line)
	if name == "" {
		return nil
	}
	if !slices.Contains(wanted, name) && name != "host" && name != "match" && name != "include" {
		return nil
	}
	if rest == "" {
		return bad(fmt.Errorf("%s has no value", name))
	}
	args, err := words(rest)
	if err != nil {
		return bad(err)
	}
	if len(args) == 0 {
		return bad(fmt.Errorf("%s has no value", name))
	}
	switch name {
	case "host":
		*active = !from.never && listed(r.query.Host, args)
		return nil
	case "match":
		applies, err := r.match(args, from.never)
		*active = applies && !from.never
		return bad(err)
	case "include":
		return r.include(args, at, from, *active)
	case "proxycommand", "proxyjump":
		args = []string{rest}
	}
	if err := judge(name, args); err != nil {
		return bad(err)
	}
	if *active {
		r.set(name, args, at)
	}
	return nil
}

// judge refuses values that ssh refuses, also in a block that does not apply.
func judge(name string, args []string) error {
	switch name {
	case "port":
		if n, err := strconv.Atoi(args[0]); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("port %q is no port", args[0])
		}
	case "identitiesonly":
		if !slices.Contains([]string{"yes", "no", "true", "false"}, strings.ToLower(args[0])) {
			return fmt.Errorf("IdentitiesOnly %q is neither yes nor no", args[0])
		}
	case "proxyjump":
		if !strings.EqualFold(args[0], "none") && !strings.Contains(args[0], "%") {
			_, err := jumps(args[0])
			return err
		}
	}
	return nil
}

// set notes a value, unless an earlier one counts.
func (r *reader) set(name string, args []string, at place) {
	v, set := r.values[name]
	if set && !slices.Contains(several, name) {
		return
	}
	if slices.Contains(several, name) {
		if args = args[:1]; slices.Contains(v.words, args[0]) {
			return
		}
	}
	if !set {
		r.order++
		v.order = r.order
	}
	for _, w := range args {
		v.words, v.lines = append(v.words, w), append(v.lines, at)
	}
	r.values[name] = v
}

// include evaluates the files that patterns name, in the order of their names.
func (r *reader) include(patterns []string, at place, from source, active bool) error {
	if from.depth >= maxDepth {
		return stack.Usage(at.file, at.line, fmt.Sprintf("files are included %d deep", maxDepth), "a file may include itself; remove that line")
	}
	for _, p := range patterns {
		names, err := filepath.Glob(r.included(p, from))
		if err != nil {
			return stack.Usage(at.file, at.line, fmt.Sprintf("%q is no pattern of file names", p), "")
		}
		slices.Sort(names)
		for _, name := range names {
			if err := r.file(name, source{user: from.user, depth: from.depth + 1, never: !active}); err != nil {
				return err
			}
		}
	}
	return nil
}

// included is the path that a name in an Include means.
func (r *reader) included(name string, from source) string {
	switch {
	case strings.HasPrefix(name, "~/") && from.user:
		return filepath.Join(r.places.Home, name[2:])
	case filepath.IsAbs(name):
		return name
	case from.user:
		return filepath.Join(r.places.Home, ".ssh", name)
	}
	return filepath.Join(filepath.Dir(r.places.System), name)
}

// rootCause drops the operation and path that a file error repeats.
func rootCause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
