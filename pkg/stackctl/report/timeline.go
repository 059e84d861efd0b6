package report

import (
	"slices"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// The page's drawing area, in SVG units.
const (
	drawWidth   = 920.0
	labelWidth  = 250.0
	tookWidth   = 70.0
	rowHeight   = 22.0
	axisHeight  = 26.0
	plotHeight  = 96.0
	minBarWidth = 2.5
)

// timeline is the run as a picture: a bar for each step and gate.
type timeline struct {
	Width, Height float64
	PlotX, PlotW  float64
	PlotH         float64
	Rows          []timelineRow
	Ticks         []tick
}

type timelineRow struct {
	Label, Took, Tone  string
	Gate               bool
	Y, TextY, X, Width float64
	Height             float64
	Title              string
}

// tick is one mark of an axis.
type tick struct {
	X     float64
	Label string
}

// newTimeline lays out what has a start; it is empty where nothing has.
func newTimeline(r stack.Report) timeline {
	t := timeline{Width: drawWidth, PlotX: labelWidth, PlotW: drawWidth - labelWidth - tookWidth}
	all := timed(r)
	if len(all) == 0 {
		return t
	}
	first, last := all[0].start, all[0].start
	if !r.Started.IsZero() && r.Started.Before(first) {
		first = r.Started
	}
	for _, e := range all {
		if end := e.start.Add(e.took); end.After(last) {
			last = end
		}
	}
	span := max(last.Sub(first), time.Millisecond)
	y := axisHeight
	for _, e := range all {
		t.Rows = append(t.Rows, t.place(e, e.start.Sub(first), span, y))
		y += rowHeight
	}
	t.PlotH, t.Height = y-axisHeight, y+6
	step := niceStep(span)
	for at := time.Duration(0); at <= span; at += step {
		t.Ticks = append(t.Ticks, tick{t.PlotX + t.PlotW*float64(at)/float64(span), tickLabel(at, step)})
	}
	return t
}

// timedRow is a row before it has its place.
type timedRow struct {
	row   timelineRow
	start time.Time
	took  time.Duration
}

// timed are the steps and gates that have a start, in order.
func timed(r stack.Report) []timedRow {
	var all []timedRow
	for _, s := range r.Steps {
		tone := "step"
		if s.Error != "" {
			tone = "bad"
		}
		label := line(string(s.Step.Kind)) + " " + line(s.Step.Subject)
		if s.Step.Kind == stack.StepGates && s.Step.Phase != "" {
			label = "gates, " + line(string(s.Step.Phase))
		}
		all = append(all, timedRow{timelineRow{Label: cut(label, 38), Tone: tone, Title: label + ": " + line(s.Step.Cause)}, s.Started, s.Took})
	}
	for _, g := range r.Gates {
		if g.Status == stack.Skipped {
			continue
		}
		label := line(g.ID) + " " + line(g.Name)
		all = append(all, timedRow{timelineRow{Label: cut(label, 36), Tone: gateTone(g.Status), Gate: true,
			Title: label + ", " + line(string(g.Phase)) + ": " + line(string(g.Status))}, g.Started, g.Took})
	}
	all = slices.DeleteFunc(all, func(e timedRow) bool { return e.start.IsZero() })
	slices.SortStableFunc(all, func(a, b timedRow) int { return a.start.Compare(b.start) })
	return all
}

// place puts a row into its place: from is its time after the beginning, y where
// it stands.
func (t timeline) place(e timedRow, from, span time.Duration, y float64) timelineRow {
	row := e.row
	row.Took = duration(e.took)
	row.Width = max(t.PlotW*float64(e.took)/float64(span), minBarWidth)
	row.X = min(t.PlotX+t.PlotW*float64(from)/float64(span), t.PlotX+t.PlotW-row.Width)
	row.Height = 12
	if row.Gate {
		row.Height = 8
	}
	row.Y, row.TextY = y+(rowHeight-row.Height)/2, y+rowHeight/2+4
	return row
}

func gateTone(s stack.Status) string {
	switch s {
	case stack.Passed:
		return "good"
	case stack.Failed:
		return "bad"
	}
	return "unsure"
}

// niceStep returns four to eight ticks.
func niceStep(span time.Duration) time.Duration {
	for unit := time.Millisecond; ; unit *= 10 {
		for _, step := range []time.Duration{unit, 2 * unit, 5 * unit} {
			if span/step <= 7 {
				return step
			}
		}
	}
}

func tickLabel(at, step time.Duration) string {
	switch {
	case at == 0:
		return "0"
	case step < time.Second && at < time.Second:
		return duration(at)
	case step < time.Second:
		return duration(at.Round(10 * time.Millisecond))
	}
	return (at).String()
}

func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
