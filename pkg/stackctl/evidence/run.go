// Package evidence owns what a run leaves: its folder of artifacts, the
// hash-chained log of events, the manifest, the signature, and the check of
// all that without a network. It must not know how a deployment is made or
// judged; what it is given, it redacts and keeps.
package evidence

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/report"
	"stackctl/pkg/stackctl/stack"
)

// maxArtifact bounds one artifact; a longer one is cut, and says so.
const maxArtifact = 32 << 20

// ErrClosed is what a run says that is written to after Close.
var ErrClosed = errors.New("the run's evidence is closed")

// Run is one run's evidence while it is made. It is safe for concurrent use.
type Run struct {
	id  string
	dir string
	r   *redact.Redactor
	now func() time.Time

	mu      sync.Mutex
	log     *os.File
	seq     int
	head    string
	written map[string]stack.FileSum
	// nothing maps an artifact that nothing wrote to the reason.
	nothing map[string]string
	// size is that of the log; lost counts the lines that found no room in it,
	// and hindered is why the first one did not.
	size     int64
	lost     int
	hindered error
	closed   bool
}

// NewID makes a run's name: sortable by time, unique, such as
// 20260314T092653Z-deploy-7c21.
func NewID(now time.Time, verb string) string {
	var b [2]byte
	_, _ = rand.Read(b[:]) // it never fails
	return fmt.Sprintf("%s-%s-%s", now.UTC().Format("20060102T150405Z"), verb, hex.EncodeToString(b[:]))
}

var runID = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[a-z][a-z-]{0,30}-[0-9a-f]{4,16}$`)

// Open makes the folder dir/run and begins its log. Everything that is
// written through it passes r. A folder that cannot be written is a usage
// error.
func Open(dir, run string, r *redact.Redactor, now func() time.Time) (*Run, error) {
	if !runID.MatchString(run) {
		return nil, stack.Fault(stack.CauseUsage, "open the evidence of run "+run, errors.New("not a run's name"), "make one with evidence.NewID")
	}
	path := filepath.Join(dir, run)
	fail := func(err error) (*Run, error) {
		fix := "make " + dir + " a folder that this user may write to"
		if errors.Is(err, syscall.ENOSPC) {
			fix = "free space there"
			_ = os.RemoveAll(path) // it has no room to say anything
		}
		return nil, stack.Fault(stack.CauseUsage, "make the artifact folder "+path, plainError(err),
			fix+", or name another folder as evidence.dir in stackctl.yaml")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		return fail(err)
	}
	log, err := os.OpenFile(filepath.Join(path, runLog), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fail(err)
	}
	e := &Run{id: run, dir: path, r: r, now: now, log: log, head: noLine,
		written: map[string]stack.FileSum{}, nothing: map[string]string{}}
	if err := e.append(entry{Run: run}, true); err != nil {
		log.Close()
		return fail(err)
	}
	return e, nil
}

// plainError is err without the path that the message names already.
func plainError(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Dir is the run's folder.
func (e *Run) Dir() string { return e.dir }

// ID is the run's name.
func (e *Run) ID() string { return e.id }

// Artifact keeps one artifact, without secrets. A later one of the same name
// replaces it.
func (e *Run) Artifact(name string, content []byte) error {
	if err := checkName(name); err != nil {
		return fmt.Errorf("keep artifact: %w", err)
	}
	return e.keep(name, content)
}

// keep redacts and writes one artifact and notes its sum in the chain.
func (e *Run) keep(name string, content []byte) error {
	if len(content) > maxArtifact {
		content = append(content[:maxArtifact:maxArtifact], fmt.Sprintf("\n… cut here: %d bytes in all\n", len(content))...)
	}
	content, err := e.r.Document(content)
	if err != nil {
		return fmt.Errorf("keep artifact %s: %w", name, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return fmt.Errorf("keep artifact %s: %w", name, ErrClosed)
	}
	if err := replaceFile(filepath.Join(e.dir, name), content, false); err != nil {
		return fmt.Errorf("keep artifact %s: %w", name, err)
	}
	s := stack.FileSum{Path: name, Bytes: int64(len(content)), SHA256: sum(content)}
	e.written[name] = s
	delete(e.nothing, name)
	return e.append(entry{Artifact: &s}, false)
}

// Event appends an event to run.jsonl. The report that a verdict carries is
// left out: report.json holds it.
func (e *Run) Event(ev stack.Event) error {
	ev.Report = nil
	raw, err := json.Marshal(ev)
	if err != nil {
		return fmt.Errorf("keep event %s: %w", ev.Kind, err)
	}
	if raw, err = e.r.Document(raw); err != nil {
		return fmt.Errorf("keep event %s: %w", ev.Kind, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return fmt.Errorf("keep event %s: %w", ev.Kind, ErrClosed)
	}
	return e.append(entry{Event: raw}, important(ev.Kind))
}

// important events are on the disk before anything else happens: what a run
// is about to change, and what went wrong.
func important(k stack.EventKind) bool {
	switch k {
	case stack.EventStep, stack.EventFailed, stack.EventVerdict:
		return true
	}
	return false
}

// append writes one line of the chain. The caller holds the lock.
func (e *Run) append(x entry, durable bool) error {
	x.Seq, x.Prev, x.At = e.seq, e.head, e.now().UTC()
	raw, err := json.Marshal(x) // also lays a redacted event on one line
	if err != nil {
		return fmt.Errorf("write %s: %w", runLog, err)
	}
	line := e.r.Bytes(raw)
	n, err := e.log.Write(append(line, '\n'))
	if err != nil {
		return e.miss(err)
	}
	e.size += int64(n)
	if durable {
		if err := e.log.Sync(); err != nil {
			return fmt.Errorf("write %s: %w", runLog, plainError(err))
		}
	}
	e.seq++
	e.head = sum(line)
	return nil
}

// miss notes that a line was lost. What is there of it goes, so that the chain
// stays whole for the lines after it.
func (e *Run) miss(err error) error {
	err = fmt.Errorf("write %s: %w", runLog, plainError(err))
	if e.lost++; e.hindered == nil {
		e.hindered = err
	}
	_ = e.log.Truncate(e.size)              // where it fails, the check of the chain tells
	_, _ = e.log.Seek(e.size, io.SeekStart) // as above
	return err
}

// missed says how many lines were lost; nil: none.
func (e *Run) missed() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.lost == 0 {
		return nil
	}
	return fmt.Errorf("%d lines of %s are lost: %w", e.lost, runLog, e.hindered)
}

// replaceFile writes a file so that it is there whole or not at all. durable
// ones survive a loss of power; the others survive the end of this program.
func replaceFile(path string, content []byte, durable bool) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".part-*")
	if err != nil {
		return plainError(err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // not there any more once it is renamed
	if _, err := f.Write(content); err != nil {
		f.Close()
		return plainError(err)
	}
	if durable {
		if err := f.Sync(); err != nil {
			f.Close()
			return plainError(err)
		}
	}
	if err := f.Close(); err != nil {
		return plainError(err)
	}
	return os.Rename(f.Name(), path)
}

// Judge completes the folder for r and answers gate G10 over it: every
// artifact there, sums right, chain unbroken, no secret in any encoding. Add
// the answer to r.Gates, settle the verdict, then Close. The reports that it
// writes are provisional; Close writes them again with this answer in them.
func (e *Run) Judge(r stack.Report) stack.GateResult {
	start := e.now()
	result := evidenceGate()
	result.Started = start
	if err := e.complete(r); err != nil {
		result.Status, result.Reason = stack.CouldNotJudge, err.Error()
		return result
	}
	if err := e.reports(e.annotate(r)); err != nil {
		result.Status, result.Reason = stack.CouldNotJudge, err.Error()
		return result
	}
	result = judge(e.dir, e.r, e.cleared())
	if err := e.missed(); err != nil && result.Status == stack.Passed {
		result.Status, result.Reason = stack.CouldNotJudge, err.Error()
	}
	result.Started, result.Took = start, e.now().Sub(start)
	return result
}

// complete writes every artifact that nothing wrote, with the reason.
func (e *Run) complete(r stack.Report) error {
	for _, name := range required {
		e.mu.Lock()
		_, done := e.written[name]
		_, nothing := e.nothing[name]
		e.mu.Unlock()
		if done && !nothing {
			continue
		}
		reason := e.r.String(why(name, r))
		if err := e.keep(name, absent(name, reason)); err != nil {
			return err
		}
		e.mu.Lock()
		e.nothing[name] = reason
		e.mu.Unlock()
	}
	return nil
}

// annotate adds what the folder knows to a report.
func (e *Run) annotate(r stack.Report) stack.Report {
	e.mu.Lock()
	defer e.mu.Unlock()
	reasons := map[string]string{}
	maps.Copy(reasons, r.Artifacts) // what the run could not keep
	maps.Copy(reasons, e.nothing)
	r.Artifacts = reasons
	r.Manifest = nil
	for _, s := range e.written {
		if !isReport(s.Path) {
			r.Manifest = append(r.Manifest, s)
		}
	}
	sort.Slice(r.Manifest, func(i, j int) bool { return r.Manifest[i].Path < r.Manifest[j].Path })
	return r
}

func isReport(name string) bool {
	for _, n := range reports {
		if n == name {
			return true
		}
	}
	return false
}

func (e *Run) reports(r stack.Report) error {
	for name, format := range map[string]func(stack.Report) ([]byte, error){
		"report.json": report.JSON, "report.html": report.HTML, "report.md": report.Markdown, "junit.xml": report.JUnit,
	} {
		content, err := format(r)
		if err != nil {
			return err
		}
		if err := e.keep(name, content); err != nil {
			return err
		}
	}
	return nil
}

// cleared are the sums of what passed the pattern net when it was written.
func (e *Run) cleared() map[string]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make(map[string]bool, len(e.written))
	for _, s := range e.written {
		out[s.SHA256] = true
	}
	return out
}

// Close completes the folder, writes the reports of r, the manifest and its
// attestation, signed where signer is not nil. Nothing can be added after.
func (e *Run) Close(r stack.Report, signer *Signer) error {
	if err := e.complete(r); err != nil {
		return err
	}
	if err := e.reports(e.annotate(r)); err != nil {
		return err
	}
	if err := e.Event(stack.Event{At: e.now(), Kind: stack.EventVerdict, Name: r.Verb, Message: string(r.Verdict), Took: r.Took}); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	if err := e.log.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", runLog, plainError(err))
	}
	if err := e.log.Close(); err != nil {
		return fmt.Errorf("write %s: %w", runLog, plainError(err))
	}
	return e.seal(r, signer)
}

// Abandon closes the log of a run that cannot be closed well. Its evidence
// stays incomplete.
func (e *Run) Abandon() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.closed = true
		_ = e.log.Close() // nothing more can be done about it
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(redact.Line(s)), " ") }
