package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// entry is one line of run.jsonl. Exactly one of Run, Event and Artifact is set.
type entry struct {
	Seq int `json:"seq"`
	// Prev is the SHA-256 of the line before, in hex; of nothing for the first.
	Prev     string          `json:"prev"`
	At       time.Time       `json:"at"`
	Run      string          `json:"run,omitempty"`
	Event    json.RawMessage `json:"event,omitempty"` // a stack.Event, redacted
	Artifact *stack.FileSum  `json:"artifact,omitempty"`
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// noLine is the hash before the first line.
var noLine = sum(nil)

// link is what a check needs of one line.
type link struct {
	seq  int
	prev string
	hash string
	body entry
}

// readChain parses run.jsonl. The last line may be cut off by a crash; cut
// says so.
func readChain(content []byte) (links []link, cut bool, err error) {
	lines := bytes.Split(content, []byte("\n"))
	tail := lines[len(lines)-1]
	for i, l := range lines[:len(lines)-1] {
		var e entry
		if err := json.Unmarshal(l, &e); err != nil {
			return links, false, fmt.Errorf("line %d is not JSON", i+1)
		}
		links = append(links, link{seq: e.Seq, prev: e.Prev, hash: sum(l), body: e})
	}
	return links, len(tail) > 0, nil
}

// judgeChain names what is wrong with a chain.
func judgeChain(content []byte) (links []link, problems []Problem) {
	links, cut, err := readChain(content)
	if err != nil {
		return links, []Problem{{Changed, runLog, err.Error()}}
	}
	if cut {
		problems = append(problems, Problem{Truncated, runLog, "the last line is cut off"})
	}
	if len(links) == 0 {
		return links, append(problems, Problem{Truncated, runLog, "it holds no line"})
	}
	hashes := map[string]bool{noLine: true}
	for _, l := range links {
		hashes[l.hash] = true
	}
	prev := noLine
	for i, l := range links {
		if l.prev != prev {
			return links, append(problems, broken(i, l, hashes))
		}
		if l.seq != i {
			return links, append(problems, Problem{Changed, runLog, fmt.Sprintf("line %d says that it is number %d", i+1, l.seq+1)})
		}
		prev = l.hash
	}
	return links, problems
}

// broken names a break of the chain: a line whose forerunner stands elsewhere
// was moved; one whose number is too high lost lines before it; else the line
// before was changed.
func broken(i int, l link, hashes map[string]bool) Problem {
	switch {
	case hashes[l.prev]:
		return Problem{Reordered, runLog, fmt.Sprintf("line %d does not follow the line before it", i+1)}
	case l.seq > i:
		return Problem{Missing, runLog, fmt.Sprintf("%d lines are missing before line %d", l.seq-i, i+1)}
	case i == 0:
		return Problem{Changed, runLog, "the first line follows another"}
	}
	return Problem{Changed, runLog, fmt.Sprintf("line %d is not the one that line %d was written after", i, i+1)}
}
