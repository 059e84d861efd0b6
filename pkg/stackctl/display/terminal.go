package display

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
	"github.com/muesli/termenv"

	"stackctl/pkg/stackctl/stack"
)

// terminal shows what is done as lines that stay, and what runs below them,
// redrawn in place. It neither hides the cursor nor changes the terminal's
// mode, so there is nothing to restore if the program is killed.
type terminal struct {
	mu    sync.Mutex
	out   io.Writer
	words words
	o     Options
	style styles

	running []*item
	gates   tally
	frame   int
	// drawn are the widths of the live lines on the screen.
	drawn  []int
	closed bool
	stop   chan struct{}
	ended  chan struct{}
	// restore gives a Windows console its mode back.
	restore func() error
	err     error
}

// item is one thing that runs.
type item struct {
	name, title, note string
	since             time.Time
	last              stack.Event // of its progress
}

// tally counts the gates that ended since the last line about gates.
type tally struct{ passed, failed, unjudged, skipped int }

type styles struct{ good, bad, unsure, faint, strong, bar lipgloss.Style }

func newTerminal(out io.Writer, o Options, w words) *terminal {
	profile := termenv.ANSI
	if o.NoColor {
		profile = termenv.Ascii
	}
	r := lipgloss.NewRenderer(out)
	r.SetColorProfile(profile)
	r.SetHasDarkBackground(true) // else it would ask the terminal and wait
	color := func(c string) lipgloss.Style { return r.NewStyle().Foreground(lipgloss.Color(c)) }
	if o.Tick == 0 {
		o.Tick = 100 * time.Millisecond
	}
	if o.Width == nil {
		o.Width = func() int { return widthOf(out) }
	}
	t := &terminal{out: out, words: w, o: o, stop: make(chan struct{}), ended: make(chan struct{}),
		style: styles{good: color("2"), bad: color("1").Bold(!o.NoColor), unsure: color("3"), faint: color("8"), strong: r.NewStyle().Bold(!o.NoColor), bar: color("4")}}
	t.restore, t.err = termenv.EnableVirtualTerminalProcessing(termenv.NewOutput(out))
	if t.err != nil {
		t.restore, t.err = nil, nil // not a console: nothing to switch on
	}
	go t.animate()
	return t
}

// widthOf asks the terminal; 80 where it does not say.
func widthOf(out io.Writer) int {
	if f, ok := out.(*os.File); ok {
		if w, _, err := term.GetSize(f.Fd()); err == nil && w > 0 {
			return w
		}
	}
	return 80
}

// animate redraws until the display is closed.
func (t *terminal) animate() {
	defer close(t.ended)
	ticker := time.NewTicker(t.o.Tick)
	defer ticker.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-ticker.C:
			t.mu.Lock()
			t.frame++
			if len(t.running) > 0 && !t.closed {
				t.draw(nil)
			}
			t.mu.Unlock()
		}
	}
}

// Emit takes an event.
func (t *terminal) Emit(e stack.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.draw(t.take(e))
}

// take changes what is shown and gives the lines that stay.
func (t *terminal) take(e stack.Event) []string {
	switch e.Kind {
	case stack.EventPhase, stack.EventStep:
		return t.begin(e)
	case stack.EventProgress:
		if i := t.find(e.Name); i >= 0 {
			t.running[i].last = e
		}
		return nil
	case stack.EventDone, stack.EventFailed:
		it := t.end(e)
		if t.gates != (tally{}) && e.Step != nil && e.Step.Kind == stack.StepGates {
			return []string{t.gatesLine(it, e)}
		}
		return append(t.counted(), t.doneLine(t.sign(e.Kind == stack.EventFailed), it, e))
	case stack.EventGate:
		return t.gate(e)
	case stack.EventNote:
		if !t.o.Verbose && e.Name != "" && t.find(e.Name) >= 0 {
			t.running[t.find(e.Name)].note = t.words.line(e.Message)
			return nil
		}
		return []string{t.style.faint.Render("· " + strings.TrimSpace(t.words.title(e)+" "+t.words.line(e.Message)))}
	}
	return t.counted() // the verdict: the summary below tells it
}

func (t *terminal) begin(e stack.Event) []string {
	title := t.words.title(e)
	note := t.words.begins(e)
	if i := t.find(e.Name); i >= 0 {
		t.running[i].title, t.running[i].note = title, note
		return nil
	}
	t.running = append(t.running, &item{name: e.Name, title: title, note: note, since: t.o.Now()})
	return nil
}

func (t *terminal) find(name string) int {
	for i, it := range t.running {
		if it.name == name {
			return i
		}
	}
	return -1
}

// end takes what ended off the list; an event about something that never
// began makes its own item.
func (t *terminal) end(e stack.Event) *item {
	i := t.find(e.Name)
	if i < 0 {
		return &item{name: e.Name, title: t.words.title(e)}
	}
	it := t.running[i]
	t.running = append(t.running[:i], t.running[i+1:]...)
	return it
}

func (t *terminal) sign(bad bool) string {
	if bad {
		return t.style.bad.Render("✗")
	}
	return t.style.good.Render("✓")
}

// gatesLine ends a step of gates with how they ended.
func (t *terminal) gatesLine(it *item, e stack.Event) string {
	g := t.gates
	t.gates = tally{}
	sign := t.sign(e.Kind == stack.EventFailed || g.failed > 0)
	if g.failed == 0 && g.unjudged > 0 {
		sign = t.style.unsure.Render("?")
	}
	e.Message = g.String()
	return t.doneLine(sign, it, e)
}

func (t *terminal) doneLine(sign string, it *item, e stack.Event) string {
	d := e.Took
	if d == 0 && !it.since.IsZero() {
		d = t.o.Now().Sub(it.since)
	}
	detail := t.words.line(e.Message)
	if detail == "" {
		detail = it.note
		if it.last.Total > 0 {
			detail = t.words.progress(it.last)
		}
	}
	return t.row(sign+" "+it.title, detail, took(d))
}

// gate keeps what went wrong as a line of its own; the rest is counted.
func (t *terminal) gate(e stack.Event) []string {
	g := e.Gate
	if g == nil {
		return nil
	}
	switch g.Status {
	case stack.Passed:
		t.gates.passed++
	case stack.Skipped:
		t.gates.skipped++
	case stack.Failed:
		t.gates.failed++
		return []string{t.row(t.style.bad.Render("✗")+" "+t.words.title(e), t.words.gate(g), took(g.Took))}
	default:
		t.gates.unjudged++
		return []string{t.row(t.style.unsure.Render("?")+" "+t.words.title(e), t.words.gate(g), took(g.Took))}
	}
	if t.o.Verbose {
		return []string{t.row(t.style.faint.Render("✓")+" "+t.words.title(e), t.words.gate(g), took(g.Took))}
	}
	return nil
}

// counted is the line about the gates that ended, if any did.
func (t *terminal) counted() []string {
	g := t.gates
	if g == (tally{}) {
		return nil
	}
	t.gates = tally{}
	return []string{t.row("  "+t.style.faint.Render("gates"), g.String(), "")}
}

func (g tally) String() string {
	var parts []string
	for _, c := range []struct {
		n    int
		word string
	}{{g.passed, "passed"}, {g.failed, "failed"}, {g.unjudged, "could not judge"}, {g.skipped, "skipped"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.word))
		}
	}
	return strings.Join(parts, ", ")
}

// titleWidth is the column in which details begin.
const titleWidth = 44

// margin is free at a line's end: a terminal echoes Ctrl-C as ^C there, and a
// line that wrapped could not be taken back.
const margin = 3

// row lays out title, detail and time on one line of the terminal's width.
func (t *terminal) row(title, detail, right string) string {
	width := max(t.o.Width()-margin, 20)
	room := width - ansi.StringWidth(right) - 1
	left := ansi.Truncate(title, min(titleWidth, room), "…")
	if pad := min(titleWidth, room) - ansi.StringWidth(left); pad > 0 {
		left += strings.Repeat(" ", pad)
	}
	if rest := room - ansi.StringWidth(left) - 2; rest > 8 && detail != "" {
		left += "  " + t.style.faint.Render(ansi.Truncate(detail, rest, "…"))
	}
	if pad := width - ansi.StringWidth(left) - ansi.StringWidth(right); right != "" && pad > 0 {
		left += strings.Repeat(" ", pad)
	}
	return strings.TrimRight(left+t.style.faint.Render(right), " ")
}

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// live are the lines of what runs.
func (t *terminal) live() []string {
	sign := t.style.bar.Render(string(spinner[t.frame%len(spinner)]))
	var out []string
	for _, it := range t.running {
		detail := it.note
		if it.last.Kind != "" {
			detail = t.words.progress(it.last)
			if it.last.Total > 0 {
				detail = t.bar(it.last) + " " + detail
			}
		} else if t.gates != (tally{}) && it == t.running[len(t.running)-1] {
			detail = t.gates.String()
		}
		out = append(out, t.row(sign+" "+t.style.strong.Render(it.title), detail, took(t.o.Now().Sub(it.since))))
	}
	return out
}

const barWidth = 16

func (t *terminal) bar(e stack.Event) string {
	full := min(max(int(barWidth*e.Done/e.Total), 0), barWidth)
	return strings.Repeat("━", full) + strings.Repeat("╌", barWidth-full)
}

// draw puts the lines that stay where the live ones were, and the live ones
// below. One write, so that frames do not tear.
func (t *terminal) draw(stay []string) {
	var b strings.Builder
	if rows := t.rows(); rows > 0 {
		b.WriteString("\r")
		if rows > 1 {
			b.WriteString(ansi.CursorUp(rows - 1))
		}
		b.WriteString(ansi.EraseScreenBelow)
	}
	t.drawn = t.drawn[:0]
	for _, line := range stay {
		b.WriteString(line + "\n")
	}
	if !t.closed {
		for i, line := range t.live() {
			if i > 0 {
				b.WriteString("\n")
			}
			b.WriteString(line)
			t.drawn = append(t.drawn, ansi.StringWidth(line))
		}
	}
	if b.Len() == 0 {
		return
	}
	if _, err := io.WriteString(t.out, b.String()); err != nil && t.err == nil {
		t.err = err
	}
}

// rows is how many rows the live lines take now; a window that was made
// narrower has wrapped them.
func (t *terminal) rows() int {
	width, rows := max(t.o.Width(), 1), 0
	for _, w := range t.drawn {
		rows += max((w+width-1)/width, 1)
	}
	return rows
}

// Close leaves what still runs as a line each, and stops drawing.
func (t *terminal) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return t.err
	}
	t.closed = true
	stay := t.counted()
	for _, it := range t.running {
		stay = append(stay, t.row(t.style.unsure.Render("–")+" "+it.title, "not finished", took(t.o.Now().Sub(it.since))))
	}
	t.draw(stay)
	close(t.stop)
	t.mu.Unlock()
	<-t.ended
	if t.restore != nil {
		return t.restore()
	}
	return t.err
}
