package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// Manifest is manifest.json: what the run consists of.
type Manifest struct {
	Format   int           `json:"format"`
	Run      string        `json:"run"`
	Verb     string        `json:"verb"`
	Project  string        `json:"project"`
	Target   string        `json:"target"`
	Release  string        `json:"release"`
	Commit   string        `json:"commit"`
	Verdict  stack.Verdict `json:"verdict"`
	ExitCode int           `json:"exit_code"`
	Sealed   time.Time     `json:"sealed"`
	// Chain is the number of lines of run.jsonl and the hash of the last.
	Chain ChainHead `json:"chain"`
	// Artifacts are sorted by path; manifest and attestation are not in it.
	Artifacts []stack.FileSum `json:"artifacts"`
}

// ChainHead identifies a whole chain.
type ChainHead struct {
	Lines int    `json:"lines"`
	Head  string `json:"head"` // SHA-256 of the last line, in hex
}

// manifestFormat is the version of Manifest.
const manifestFormat = 1

// seal writes manifest and attestation. The caller holds the lock.
func (e *Run) seal(r stack.Report, signer *Signer) error {
	log, err := os.ReadFile(filepath.Join(e.dir, runLog))
	if err != nil {
		return fmt.Errorf("write %s: %w", manifest, plainError(err))
	}
	m := Manifest{Format: manifestFormat, Run: e.id, Verb: r.Verb, Project: r.Project, Target: r.Target, Release: r.Release,
		Commit: r.Commit, Verdict: r.Verdict, ExitCode: r.ExitCode, Sealed: e.now().UTC(),
		Chain: ChainHead{Lines: e.seq, Head: e.head}, Artifacts: []stack.FileSum{{Path: runLog, Bytes: int64(len(log)), SHA256: sum(log)}}}
	for _, s := range e.written {
		m.Artifacts = append(m.Artifacts, s)
	}
	sort.Slice(m.Artifacts, func(i, j int) bool { return m.Artifacts[i].Path < m.Artifacts[j].Path })
	content, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", manifest, err)
	}
	content = append(e.r.Bytes(content), '\n')
	if !json.Valid(bytes.TrimSpace(content)) {
		return fmt.Errorf("write %s: a known secret equals one of its numbers; give that secret a longer value", manifest)
	}
	envelope, err := attest(r, content, signer, e.r)
	if err != nil {
		return err
	}
	if err := replaceFile(filepath.Join(e.dir, manifest), content, true); err != nil {
		return fmt.Errorf("write %s: %w", manifest, err)
	}
	if err := replaceFile(filepath.Join(e.dir, attestation), envelope, true); err != nil {
		return fmt.Errorf("write %s: %w", attestation, err)
	}
	return nil
}
