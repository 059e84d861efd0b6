// Package display owns how a run is shown while it goes on: live on a
// terminal, as plain lines, as JSON, or not at all. It draws events and
// nothing else; it must not know who makes them. Nothing that it writes holds
// a known secret or steers the terminal.
package display

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/charmbracelet/x/term"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

// Kind is a way of showing.
type Kind string

// The kinds of displays.
const (
	Terminal Kind = "terminal" // live, redrawn in place
	Plain    Kind = "plain"    // one line for each event, no escape sequences
	JSON     Kind = "json"     // one JSON object for each event
	Quiet    Kind = "quiet"    // failures and why a run is not good, on the error stream
)

// Display shows events. Both methods are safe for concurrent use. Close takes
// the live part off the screen and returns once everything is written; what is
// written to the same stream after that stands below it. It may be called
// more than once.
type Display interface {
	Emit(stack.Event)
	Close() error
}

// Options say how to show.
type Options struct {
	// Redact takes secrets out of a text; nil changes nothing.
	Redact func([]byte) []byte
	// Verbose shows notes of every step and each progress event.
	Verbose bool
	// NoColor shows no colours.
	NoColor bool
	// Width is the terminal's width in cells; nil asks the terminal.
	Width func() int
	// Now is the clock of what runs; nil is the real one.
	Now func() time.Time
	// Tick is the time between two frames; 0 is a tenth of a second.
	Tick time.Duration
}

// New makes a display that writes to out; a quiet one writes to err.
func New(kind Kind, out, err io.Writer, o Options) Display {
	if o.Now == nil {
		o.Now = time.Now
	}
	w := words{redact: o.Redact}
	switch kind {
	case Terminal:
		return newTerminal(out, o, w)
	case JSON:
		return &jsonDisplay{out: out, words: w}
	case Quiet:
		return &quietDisplay{err: err, words: w, said: map[string]bool{}}
	}
	return &plainDisplay{out: out, words: w, verbose: o.Verbose, shown: map[string]int64{}}
}

// Detect is Terminal where out is a terminal that can move its cursor, else
// Plain. CI systems get plain lines even where they give a terminal.
func Detect(out io.Writer, env func(string) string) Kind {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(f.Fd()) || env("TERM") == "dumb" || env("CI") != "" {
		return Plain
	}
	return Terminal
}

// NoColor follows https://no-color.org: set and not empty means no colours.
func NoColor(env func(string) string) bool { return env("NO_COLOR") != "" }

// words make text from outside fit to be shown.
type words struct{ redact func([]byte) []byte }

// line is s without secrets and control characters, on one line. It is
// redacted again after escape sequences are out, since one may have split a
// secret.
func (w words) line(s string) string { return w.hide(redact.Line(w.hide(s))) }

func (w words) hide(s string) string {
	if w.redact == nil || s == "" {
		return s
	}
	return string(w.redact([]byte(s)))
}

// title is what an event is about.
func (w words) title(e stack.Event) string {
	switch {
	case e.Gate != nil:
		return w.line(e.Gate.ID + " " + e.Gate.Name)
	case e.Step != nil && e.Step.Kind == stack.StepGates && e.Step.Phase != "":
		return w.line("gates, " + string(e.Step.Phase))
	case e.Step != nil:
		return w.line(string(e.Step.Kind) + " " + e.Step.Subject)
	}
	return w.line(e.Name)
}

// begins is what is said beside the title of what begins: a step's cause, since
// its text says again what the title says.
func (w words) begins(e stack.Event) string {
	if e.Step != nil && (e.Message == "" || e.Message == e.Step.String()) {
		return w.line(e.Step.Cause)
	}
	return w.line(e.Message)
}

// gate is how a gate ended, in a few words.
func (w words) gate(g *stack.GateResult) string {
	s := fmt.Sprintf("%s, inspected %d %s", g.Status, g.Inspected, g.Of)
	switch {
	case len(g.Findings) > 0:
		f := g.Findings[0]
		s += "; " + f.Subject + ": " + f.Problem
		if n := len(g.Findings) - 1; n > 0 {
			s += fmt.Sprintf(" (and %d more)", n)
		}
	case g.Reason != "":
		s = string(g.Status) + ": " + g.Reason
	}
	return w.line(s)
}

// progress is how far something is: "8.1 of 9.8 MB", "3 of 7 containers".
func (w words) progress(e stack.Event) string {
	unit := w.line(e.Unit)
	if e.Unit == "bytes" || e.Unit == "B" {
		if e.Total <= 0 {
			return byteCount(e.Done)
		}
		return byteCount(e.Done) + " of " + byteCount(e.Total)
	}
	if e.Total <= 0 {
		return fmt.Sprintf("%d %s", e.Done, unit)
	}
	return fmt.Sprintf("%d of %d %s", e.Done, e.Total, unit)
}

func byteCount(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000*1000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1000*1000*1000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}

// took is a time as people read it.
func took(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < time.Second:
		return fmt.Sprintf("%d ms", max(d.Milliseconds(), 1))
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
}
