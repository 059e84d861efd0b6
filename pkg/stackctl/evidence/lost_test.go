package evidence

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestALineThatFindsNoRoomIsToldAndLeavesTheChainWhole(t *testing.T) {
	run := open(t, known())
	event := func() error { return run.Event(stack.Event{Kind: stack.EventDone, Name: "ship files"}) }
	if err := event(); err != nil {
		t.Fatal(err)
	}
	log := run.log
	closed, err := os.Open(filepath.Join(run.Dir(), runLog)) // nothing can be written through it
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = closed.Close() }()
	run.log = closed
	if err := event(); err == nil {
		t.Fatal("a line that was not written was not told")
	}
	run.log = log
	// A write that the disk cut off leaves a part of its line.
	if _, err := log.WriteString(`{"seq":2,"pr`); err != nil {
		t.Fatal(err)
	}
	run.mu.Lock()
	_ = run.miss(os.ErrClosed)
	run.mu.Unlock()
	if err := event(); err != nil {
		t.Fatal(err)
	}
	r := sampleReport(run.ID())
	g := run.Judge(r)
	if g.Status != stack.CouldNotJudge || !strings.Contains(g.Reason, "2 lines of run.jsonl are lost") {
		t.Errorf("G10 is %s: %s %+v", g.Status, g.Reason, g.Findings)
	}
	r.Gates = append(r.Gates, g)
	signer := testSigner(t)
	if err := run.Close(r, signer); err != nil {
		t.Fatal(err)
	}
	if c, err := Verify(run.Dir(), signer.Public()); err != nil || len(c.Problems) > 0 {
		t.Errorf("the chain is not whole: %v %+v", err, c.Problems)
	}
}
