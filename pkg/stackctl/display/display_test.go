package display

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

const secret = "hunter2-and-more"

var start = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

func redactor() func([]byte) []byte {
	return redact.New(map[string]string{"pw": secret}).Bytes
}

// deploy is the story of a deploy whose last gate fails.
func deploy() []stack.Event {
	ship := stack.Step{Kind: stack.StepShipImage, Subject: "stackctl/server:dev", Cause: "the host lacks 1 of 1 layers"}
	gates := stack.Step{Kind: stack.StepGates, Subject: "post-switch", Phase: stack.PhasePost, Cause: "users see it now"}
	events := []stack.Event{
		{Kind: stack.EventPhase, Name: "freeze"},
		{Kind: stack.EventDone, Name: "freeze", Message: "release 3f9ac01be27d", Took: 120 * time.Millisecond},
		{Kind: stack.EventStep, Name: "ship", Step: &ship},
		{Kind: stack.EventProgress, Name: "ship", Done: 100, Total: 9_800_000, Unit: "bytes"},
		{Kind: stack.EventProgress, Name: "ship", Done: 200, Total: 9_800_000, Unit: "bytes"},
		{Kind: stack.EventProgress, Name: "ship", Done: 9_800_000, Total: 9_800_000, Unit: "bytes"},
		{Kind: stack.EventDone, Name: "ship", Step: &ship, Took: 2900 * time.Millisecond},
		{Kind: stack.EventNote, Message: "password " + secret + " and \x1b[2J\x1b[31mred"},
		{Kind: stack.EventStep, Name: "gates", Step: &gates, Message: gates.String()},
		{Kind: stack.EventGate, Name: "G3", Gate: &stack.GateResult{ID: "G3", Name: "Health", Phase: stack.PhasePost, Status: stack.Passed, Inspected: 3, Of: "endpoints", Took: time.Second}},
		{Kind: stack.EventGate, Name: "G8", Gate: &stack.GateResult{ID: "G8", Name: "Headers", Phase: stack.PhasePost, Status: stack.Failed, Inspected: 41, Of: "answers",
			Findings: []stack.Finding{{Subject: "404 /x", Problem: "no nosniff"}, {Subject: "b"}}}},
		{Kind: stack.EventFailed, Name: "gates", Step: &gates, Took: 1500 * time.Millisecond},
		{Kind: stack.EventVerdict, Name: "deploy", Message: "gate-failed", Report: &stack.Report{Run: "r", Verdict: stack.VerdictGateFailed, Reason: secret}},
	}
	for i := range events {
		events[i].At = start.Add(time.Duration(i) * 100 * time.Millisecond)
	}
	return events
}

func show(t *testing.T, kind Kind, o Options, events []stack.Event) (out, err string) {
	t.Helper()
	var a, b bytes.Buffer
	o.Redact = redactor()
	o.Now = func() time.Time { return start }
	o.Width = func() int { return 100 }
	o.Tick = time.Hour
	d := New(kind, &a, &b, o)
	for _, e := range events {
		d.Emit(e)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal("a second Close:", err)
	}
	return a.String(), b.String()
}

func TestPlainWritesOneLineForEachEvent(t *testing.T) {
	out, _ := show(t, Plain, Options{}, deploy())
	want := `2026-03-14T09:26:53.000Z phase    freeze
2026-03-14T09:26:53.100Z done     freeze – release 3f9ac01be27d (120 ms)
2026-03-14T09:26:53.200Z step     ship-image stackctl/server:dev – the host lacks 1 of 1 layers
2026-03-14T09:26:53.300Z progress ship – 100 B of 9.8 MB
2026-03-14T09:26:53.500Z progress ship – 9.8 MB of 9.8 MB
2026-03-14T09:26:53.600Z done     ship-image stackctl/server:dev (2.9 s)
2026-03-14T09:26:53.700Z note     – password [redacted:pw] and red
2026-03-14T09:26:53.800Z step     gates, post-switch – users see it now
2026-03-14T09:26:53.900Z gate     G3 Health – passed, inspected 3 endpoints
2026-03-14T09:26:54.000Z gate     G8 Headers – failed, inspected 41 answers; 404 /x: no nosniff (and 1 more)
2026-03-14T09:26:54.100Z failed   gates, post-switch (1.5 s)
2026-03-14T09:26:54.200Z verdict  deploy – gate-failed
`
	if out != want {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
	verbose, _ := show(t, Plain, Options{Verbose: true}, deploy())
	if strings.Count(verbose, "\n") != len(deploy()) {
		t.Errorf("verbose has %d lines for %d events", strings.Count(verbose, "\n"), len(deploy()))
	}
}

func TestJSONEndsWithTheReport(t *testing.T) {
	out, _ := show(t, JSON, Options{}, deploy())
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != len(deploy()) {
		t.Fatalf("%d lines for %d events", len(lines), len(deploy()))
	}
	var last stack.Event
	for _, l := range lines {
		last = stack.Event{}
		if err := json.Unmarshal([]byte(l), &last); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
	}
	if last.Kind != stack.EventVerdict || last.Report == nil || last.Report.Reason != "[redacted:pw]" {
		t.Errorf("last = %+v", last)
	}
}

func TestJSONStaysJSONWhereASecretIsANumber(t *testing.T) {
	var b bytes.Buffer
	d := New(JSON, &b, nil, Options{Redact: redact.New(map[string]string{"n": "98765432"}).Bytes})
	d.Emit(stack.Event{Kind: stack.EventProgress, Done: 98765432})
	d.Emit(stack.Event{Kind: stack.EventNote, Message: "c1 \u009b31m \u202e end"})
	for _, l := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		if !json.Valid([]byte(l)) || strings.Contains(l, "98765432") || strings.ContainsAny(l, "\u009b\u202e") {
			t.Errorf("got %q", l)
		}
	}
}

func TestQuietShowsFailuresOnly(t *testing.T) {
	out, err := show(t, Quiet, Options{}, deploy())
	if out != "" || err != "G8 Headers: failed, inspected 41 answers; 404 /x: no nosniff (and 1 more)\ngates, post-switch: failed\n" {
		t.Errorf("out %q, err %q", out, err)
	}
	refused := []stack.Event{{Kind: stack.EventVerdict, Name: "deploy", Message: "refused", Report: &stack.Report{Verdict: stack.VerdictRefused, Reason: "lock: " + secret + " holds it", Fix: "wait"}}}
	if out, err = show(t, Quiet, Options{}, refused); out != "" || err != "deploy: lock: [redacted:pw] holds it; wait\n" {
		t.Errorf("refused: out %q, err %q", out, err)
	}
}

func TestTerminalLeavesOnlyWhatIsDone(t *testing.T) {
	out, _ := show(t, Terminal, Options{NoColor: true}, deploy())
	got := screen(t, out, 100)
	want := []string{
		"✓ freeze                                      release 3f9ac01be27d                         120 ms",
		"✓ ship-image stackctl/server:dev              9.8 MB of 9.8 MB                              2.9 s",
		"· password [redacted:pw] and red",
		"✗ G8 Headers                                  failed, inspected 41 answers; 404 /x: no nosniff …",
		"✗ gates, post-switch                          1 passed, 1 failed                            1.5 s",
		"",
	}
	if len(got) != len(want) {
		t.Fatalf("got:\n%s", strings.Join(got, "\n"))
	}
	for i := range want {
		if strings.TrimRight(got[i], " ") != want[i] {
			t.Errorf("line %d:\ngot  %q\nwant %q", i, got[i], want[i])
		}
	}
}

func TestTerminalKeepsNoModeToRestore(t *testing.T) {
	out, _ := show(t, Terminal, Options{}, deploy())
	for _, mode := range []string{"\x1b[?25l", "\x1b[?1049h", "\x1b[?2004h", "\x1b[?1000h"} {
		if strings.Contains(out, mode) {
			t.Errorf("it switches %q, which a killed program would leave", mode)
		}
	}
}

func TestInterruptedTerminalTellsWhatWasNotFinished(t *testing.T) {
	out, _ := show(t, Terminal, Options{NoColor: true}, deploy()[:4])
	live := out[:strings.LastIndex(out, "\r")]
	out = live + "^C" + out[len(live):] // as a terminal echoes it
	got := screen(t, out+"Interrupted\n", 100)
	if len(got) != 4 || !strings.HasPrefix(got[1], "– ship-image") || !strings.Contains(got[1], "not finished") || got[2] != "Interrupted" {
		t.Errorf("got %q", got)
	}
}

func TestNarrowTerminalNeverWraps(t *testing.T) {
	for _, width := range []int{24, 40, 60, 80} {
		var b bytes.Buffer
		d := New(Terminal, &b, nil, Options{Width: func() int { return width }, Now: func() time.Time { return start }, Tick: time.Hour, NoColor: true})
		for _, e := range deploy() {
			e.Message += strings.Repeat(" long", 40)
			d.Emit(e)
		}
		_ = d.Close()
		for _, l := range strings.Split(strings.ReplaceAll(b.String(), "\r", "\n"), "\n") {
			if n := len([]rune(strings.ReplaceAll(l, "\x1b[J", ""))); n > width-2 && !strings.HasPrefix(l, "·") {
				t.Errorf("width %d: %d cells: %q", width, n, l)
			}
		}
	}
}

func TestNoColourMeansNoColour(t *testing.T) {
	out, _ := show(t, Terminal, Options{NoColor: true}, deploy())
	if strings.Contains(out, "m✓") || strings.Contains(out, "\x1b[3") {
		t.Errorf("colours in %q", out)
	}
	out, _ = show(t, Terminal, Options{}, deploy())
	if !strings.Contains(out, "\x1b[32m") {
		t.Error("no colours without NO_COLOR")
	}
	if !NoColor(func(string) string { return "1" }) || NoColor(func(string) string { return "" }) {
		t.Error("NO_COLOR is not followed")
	}
}

func TestNothingLeaks(t *testing.T) {
	split := secret[:5] + "\x1b[0m" + secret[5:]
	events := []stack.Event{{Kind: stack.EventNote, Message: split}, {Kind: stack.EventFailed, Name: split, Message: secret},
		{Kind: stack.EventPhase, Name: secret}, {Kind: stack.EventGate, Gate: &stack.GateResult{Name: secret, Status: stack.Failed, Reason: split}}}
	for _, kind := range []Kind{Terminal, Plain, JSON, Quiet} {
		out, err := show(t, kind, Options{Verbose: true, NoColor: true}, events)
		if strings.Contains(out+err, secret) {
			t.Errorf("%s: %q", kind, out+err)
		}
		if kind != Terminal && strings.Contains(out+err, "\x1b") {
			t.Errorf("%s: an escape sequence came through", kind)
		}
	}
}

func TestConcurrentEvents(t *testing.T) {
	for _, kind := range []Kind{Terminal, Plain, JSON, Quiet} {
		var b safeBuffer
		d := New(kind, &b, &b, Options{Tick: time.Millisecond})
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for k := range 50 {
					name := fmt.Sprint(i, k)
					d.Emit(stack.Event{Kind: stack.EventPhase, Name: name})
					d.Emit(stack.Event{Kind: stack.EventDone, Name: name})
				}
			})
		}
		wg.Wait()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// screen is what a terminal shows after out: text, newline, return, cursor up
// and erase below are understood; anything else fails the test.
func screen(t *testing.T, out string, width int) []string {
	t.Helper()
	lines := [][]rune{nil}
	row, col := 0, 0
	for i := 0; i < len(out); {
		switch {
		case strings.HasPrefix(out[i:], "\x1b["):
			end := i + 2
			for out[end] < 0x40 {
				end++
			}
			arg := out[i+2 : end]
			switch out[end] {
			case 'A':
				n, err := strconv.Atoi(arg)
				if arg != "" && err != nil {
					t.Fatalf("bad sequence %q", out[i:end+1])
				}
				row -= max(n, 1)
			case 'J':
				lines = append(lines[:row], lines[row][:min(col, len(lines[row]))])
			default:
				t.Fatalf("unknown sequence %q", out[i:end+1])
			}
			i = end + 1
		case out[i] == '\n':
			row, col = row+1, 0
			if row == len(lines) {
				lines = append(lines, nil)
			}
			i++
		case out[i] == '\r':
			col = 0
			i++
		default:
			r := []rune(out[i:min(i+4, len(out))])[0]
			for len(lines[row]) <= col {
				lines[row] = append(lines[row], ' ')
			}
			lines[row][col] = r
			col++
			if col > width {
				t.Fatalf("line %d is wider than the terminal", row)
			}
			i += len(string(r))
		}
	}
	text := make([]string, len(lines))
	for i, l := range lines {
		text[i] = string(l)
	}
	return text
}
