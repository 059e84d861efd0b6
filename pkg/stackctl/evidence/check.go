package evidence

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"

	"stackctl/pkg/stackctl/stack"
)

// ProblemKind is the name of what is wrong with evidence.
type ProblemKind string

// The kinds of problems.
const (
	Changed    ProblemKind = "changed"
	Missing    ProblemKind = "missing"
	Added      ProblemKind = "added"
	Reordered  ProblemKind = "reordered"
	Truncated  ProblemKind = "truncated"
	Incomplete ProblemKind = "incomplete"
	Link       ProblemKind = "link"
	OddName    ProblemKind = "odd-name"
	Folder     ProblemKind = "folder"
	Special    ProblemKind = "special-file"
	Unsigned   ProblemKind = "unsigned"
	WrongKey   ProblemKind = "wrong-key"
	NoKey      ProblemKind = "no-key"
)

// Problem is one reason not to trust a run's evidence.
type Problem struct {
	Kind ProblemKind `json:"kind"`
	Path string      `json:"path"`
	What string      `json:"what"`
}

// Check is what Verify found.
type Check struct {
	Dir string `json:"dir"`
	Run string `json:"run"`
	// Manifest is nil where the run was never sealed.
	Manifest *Manifest `json:"manifest,omitempty"`
	// Signer is the fingerprint of the key that signed, if one did and fits.
	Signer   string    `json:"signer,omitempty"`
	Files    int       `json:"files"`
	Lines    int       `json:"lines"`
	Problems []Problem `json:"problems"`
}

// Good reports whether nothing was altered and the given key signed it.
func (c Check) Good() bool { return len(c.Problems) == 0 && c.Manifest != nil && c.Signer != "" }

// Status is one word: good, incomplete, unsigned (whole, but nobody vouches
// for it) or refused.
func (c Check) Status() string {
	if c.Good() {
		return "good"
	}
	return worst(c.Problems)
}

// worst is the status that problems leave.
func worst(problems []Problem) string {
	status := "unsigned"
	for _, p := range problems {
		switch p.Kind {
		case Unsigned, NoKey:
		case Incomplete:
			status = "incomplete"
		default:
			return "refused"
		}
	}
	return status
}

// Err is nil for good evidence. Evidence that is whole but not signed, or not
// checked against a key, could not be judged; all else failed.
func (c Check) Err() error {
	if c.Good() {
		return nil
	}
	cause, fix := stack.CauseGate, "do not rely on this run"
	if c.Status() == "unsigned" {
		cause, fix = stack.CauseUnjudged, "set evidence.key for the next run, and give its public half with --key"
	}
	return stack.Fault(cause, "verify the evidence in "+c.Dir, first(c.Problems), fix)
}

// first returns the first problem, and how many there are beside it.
func first(problems []Problem) error {
	p := problems[0]
	text := fmt.Sprintf("%s: %s: %s", p.Kind, p.Path, p.What)
	if n := len(problems) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return errors.New(text)
}

// Bounds of what Verify reads and says.
const (
	maxFile     = 256 << 20
	maxProblems = 100
)

// Verify checks a run's folder without a network. pub is the key that must
// have signed it; without one everything else is checked, and the answer is
// at best "unsigned". The error is for a folder that cannot be read at all.
func Verify(dir string, pub ed25519.PublicKey) (Check, error) {
	c := Check{Dir: dir, Problems: []Problem{}}
	files, err := c.list(dir)
	if err != nil {
		return c, stack.Fault(stack.CauseUsage, "read the evidence in "+dir, plainError(err), "name the folder of one run, such as artifacts/20260314T092653Z-deploy-7c21")
	}
	c.Files = len(files)
	links := c.chain(dir, files)
	content, ok := c.manifest(dir, files)
	if ok {
		c.artifacts(dir, files)
		c.chainMatches(links)
		c.signature(dir, content, pub)
	}
	c.settle()
	return c, nil
}

func (c *Check) problem(kind ProblemKind, path, format string, args ...any) {
	c.Problems = append(c.Problems, Problem{kind, oneLine(path), fmt.Sprintf(format, args...)})
}

// settle bounds the list of problems.
func (c *Check) settle() {
	if n := len(c.Problems); n > maxProblems {
		c.Problems = append(c.Problems[:maxProblems], Problem{c.Problems[maxProblems].Kind, "…", fmt.Sprintf("%d problems more", n-maxProblems)})
	}
}

// list names the regular files with good names; the rest are problems.
func (c *Check) list(dir string) (map[string]bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string]bool{}
	for _, e := range entries {
		switch name := e.Name(); {
		case e.Type()&fs.ModeSymlink != 0:
			c.problem(Link, name, "a link, not a file")
		case e.IsDir():
			c.problem(Folder, name, "a folder; a run has none")
		case !e.Type().IsRegular():
			c.problem(Special, name, "not a regular file")
		case !extra.MatchString(name):
			c.problem(OddName, name, "not the name of an artifact")
		default:
			files[name] = true
		}
	}
	return files, nil
}

func (c *Check) chain(dir string, files map[string]bool) []link {
	if !files[runLog] {
		c.problem(Missing, runLog, "the log of events is not there")
		return nil
	}
	content, err := readRegular(filepath.Join(dir, runLog))
	if err != nil {
		c.problem(Changed, runLog, "%v", plainError(err))
		return nil
	}
	links, problems := judgeChain(content)
	c.Problems = append(c.Problems, problems...)
	c.Lines = len(links)
	if len(links) > 0 {
		c.Run = oneLine(links[0].body.Run)
	}
	return links
}

// manifest reads manifest.json; without it the run is incomplete at best.
func (c *Check) manifest(dir string, files map[string]bool) ([]byte, bool) {
	if !files[manifest] {
		if files[attestation] {
			c.problem(Missing, manifest, "there is an attestation, but not what it attests")
			return nil, false
		}
		c.problem(Incomplete, manifest, "the run was never sealed: it was cut off, or still runs")
		return nil, false
	}
	content, err := readRegular(filepath.Join(dir, manifest))
	if err != nil {
		c.problem(Changed, manifest, "%v", plainError(err))
		return nil, false
	}
	var m Manifest
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		c.problem(Changed, manifest, "not a manifest: %v", err)
		return nil, false
	}
	if m.Format != manifestFormat {
		c.problem(Changed, manifest, "format %d is not known; this stackctl reads %d", m.Format, manifestFormat)
		return nil, false
	}
	if c.Run != "" && m.Run != c.Run {
		c.problem(Changed, manifest, "it is of run %s, the log of %s", oneLine(m.Run), c.Run)
	}
	if base := filepath.Base(filepath.Clean(dir)); runID.MatchString(base) && base != m.Run {
		c.problem(Changed, manifest, "it is of run %s, the folder of %s", oneLine(m.Run), base)
	}
	c.Run, c.Manifest = m.Run, &m
	return content, true
}

// artifacts compares the files with the manifest.
func (c *Check) artifacts(dir string, files map[string]bool) {
	declared := map[string]bool{manifest: true, attestation: true}
	for _, a := range c.Manifest.Artifacts {
		if declared[a.Path] {
			c.problem(Changed, manifest, "it lists %s twice, or itself", oneLine(a.Path))
			continue
		}
		declared[a.Path] = true
		switch {
		case !extra.MatchString(a.Path):
			c.problem(OddName, a.Path, "the manifest lists it; not the name of an artifact")
		case !files[a.Path]:
			c.problem(Missing, a.Path, "the manifest lists it")
		default:
			c.artifact(dir, a)
		}
	}
	for _, name := range Names() {
		if !declared[name] {
			c.problem(Missing, name, "every run holds it; the manifest does not list it")
		}
	}
	if !files[attestation] {
		c.problem(Missing, attestation, "nothing says who vouches for the manifest")
	}
	var more []string
	for name := range files {
		if !declared[name] {
			more = append(more, name)
		}
	}
	sort.Strings(more)
	for _, name := range more {
		c.problem(Added, name, "the manifest does not list it")
	}
}

func (c *Check) artifact(dir string, a stack.FileSum) {
	content, err := readRegular(filepath.Join(dir, a.Path))
	switch {
	case err != nil:
		c.problem(Changed, a.Path, "%v", plainError(err))
	case int64(len(content)) < a.Bytes:
		c.problem(Truncated, a.Path, "%d bytes, %d in the manifest", len(content), a.Bytes)
	case int64(len(content)) != a.Bytes:
		c.problem(Changed, a.Path, "%d bytes, %d in the manifest", len(content), a.Bytes)
	case sum(content) != a.SHA256:
		c.problem(Changed, a.Path, "its SHA-256 is not the manifest's")
	}
}

// chainMatches compares the log with the manifest.
func (c *Check) chainMatches(links []link) {
	m := c.Manifest
	switch {
	case len(links) == 0:
		return
	case len(links) < m.Chain.Lines:
		c.problem(Truncated, runLog, "%d lines, %d in the manifest", len(links), m.Chain.Lines)
		return
	case len(links) > m.Chain.Lines:
		c.problem(Added, runLog, "%d lines, %d in the manifest", len(links), m.Chain.Lines)
		return
	case links[len(links)-1].hash != m.Chain.Head:
		c.problem(Changed, runLog, "its last line is not the manifest's")
		return
	}
	last := chainSums(links)
	for _, a := range m.Artifacts {
		if a.Path == runLog {
			continue
		}
		if s, ok := last[a.Path]; !ok {
			c.problem(Added, a.Path, "the log does not tell that it was written")
		} else if s != a {
			c.problem(Changed, a.Path, "the manifest and the log disagree on its sum")
		}
	}
}

// chainSums are the sums of the artifacts as the log has them last.
func chainSums(links []link) map[string]stack.FileSum {
	out := map[string]stack.FileSum{}
	for _, l := range links {
		if a := l.body.Artifact; a != nil {
			out[a.Path] = *a
		}
	}
	return out
}

// readRegular reads a file that must be a regular one, not a link, of a
// bounded size.
func readRegular(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if opened, err := f.Stat(); err != nil || !os.SameFile(info, opened) {
		return nil, errors.New("it was replaced while it was read")
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("longer than %d MiB", maxFile>>20)
	}
	return content, nil
}
