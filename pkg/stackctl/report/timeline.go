package report

import (
	"math"
	"sort"
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
	type entry struct {
		row   timelineRow
		start time.Time
		took  time.Duration
	}
	var all []entry
	for _, s := range r.Steps {
		tone := "step"
		if s.Error != "" {
			tone = "bad"
		}
		label := line(string(s.Step.Kind)) + " " + line(s.Step.Subject)
		if s.Step.Kind == stack.StepGates && s.Step.Phase != "" {
			label = "gates, " + line(string(s.Step.Phase))
		}
		all = append(all, entry{timelineRow{Label: cut(label, 38), Tone: tone, Title: label + ": " + line(s.Step.Cause)}, s.Started, s.Took})
	}
	for _, g := range r.Gates {
		if g.Status == stack.Skipped {
			continue
		}
		label := line(g.ID) + " " + line(g.Name)
		all = append(all, entry{timelineRow{Label: cut(label, 36), Tone: gateTone(g.Status), Gate: true,
			Title: label + ", " + line(string(g.Phase)) + ": " + line(string(g.Status))}, g.Started, g.Took})
	}
	var first, last time.Time
	for _, e := range all {
		if e.start.IsZero() {
			continue
		}
		if first.IsZero() || e.start.Before(first) {
			first = e.start
		}
		if end := e.start.Add(e.took); end.After(last) {
			last = end
		}
	}
	if first.IsZero() {
		return t
	}
	if !r.Started.IsZero() && r.Started.Before(first) {
		first = r.Started
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].start.Before(all[j].start) })
	span := max(last.Sub(first), time.Millisecond)
	y := axisHeight
	for _, e := range all {
		if e.start.IsZero() {
			continue
		}
		row := e.row
		row.Took = duration(e.took)
		row.X = t.PlotX + t.PlotW*float64(e.start.Sub(first))/float64(span)
		row.Width = max(t.PlotW*float64(e.took)/float64(span), minBarWidth)
		row.X = min(row.X, t.PlotX+t.PlotW-row.Width)
		row.Height = 12
		if row.Gate {
			row.Height = 8
		}
		row.Y, row.TextY = y+(rowHeight-row.Height)/2, y+rowHeight/2+4
		t.Rows = append(t.Rows, row)
		y += rowHeight
	}
	t.PlotH = y - axisHeight
	t.Height = y + 6
	step := niceStep(span)
	for at := time.Duration(0); at <= span; at += step {
		t.Ticks = append(t.Ticks, tick{t.PlotX + t.PlotW*float64(at)/float64(span), tickLabel(at, step)})
	}
	return t
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

// niceStep gives four to eight ticks.
func niceStep(span time.Duration) time.Duration {
	for unit := time.Millisecond; ; unit *= 10 {
		for _, k := range []time.Duration{1, 2, 5} {
			if span/(unit*k) <= 7 {
				return unit * k
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

// picture is the latency distribution of one endpoint, on a logarithmic axis.
type picture struct {
	Endpoint, Gate, Legend string
	Over                   bool
	Width, Height, PlotH   float64
	Bars                   []bar
	Lines                  []mark
	Ticks                  []tick
}

type bar struct {
	X, Y, Width, Height float64
	Over                bool
}

// mark is a line across a picture: p50, p95, threshold.
type mark struct {
	X     float64
	Class string
}

func pictures(r stack.Report) []picture {
	var out []picture
	for _, g := range r.Gates {
		for _, l := range g.Latencies {
			out = append(out, newPicture(g, l))
		}
	}
	return out
}

// bins is how many bars a distribution has at most.
const bins = 60

func newPicture(g stack.GateResult, l stack.Latency) picture {
	p := picture{Endpoint: line(l.Endpoint), Gate: line(g.ID), Width: drawWidth, PlotH: plotHeight, Height: plotHeight + 26,
		Over: l.Threshold > 0 && l.P95 > l.Threshold}
	p.Legend = legend(l)
	if len(l.Samples) == 0 {
		return p
	}
	low, high := l.Samples[0], max(l.Samples[0], l.Threshold)
	for _, s := range l.Samples {
		low, high = min(low, s), max(high, s)
	}
	scale := newScale(low, high)
	count := make([]int, bins)
	most := 0
	for _, s := range l.Samples {
		k := min(int(scale.at(s)*bins), bins-1)
		count[k]++
		most = max(most, count[k])
	}
	width := drawWidth / bins
	for k, n := range count {
		if n == 0 {
			continue
		}
		h := (plotHeight - 10) * float64(n) / float64(most)
		from := scale.value(float64(k) / bins)
		p.Bars = append(p.Bars, bar{X: float64(k)*width + 1, Y: plotHeight - h, Width: width - 2, Height: h,
			Over: l.Threshold > 0 && from >= l.Threshold})
	}
	p.Lines = append(p.Lines, mark{scale.at(l.P50) * drawWidth, "p50"}, mark{scale.at(l.P95) * drawWidth, "p95"})
	if l.Threshold > 0 {
		p.Lines = append(p.Lines, mark{scale.at(l.Threshold) * drawWidth, "threshold"})
	}
	for _, v := range scale.ticks() {
		p.Ticks = append(p.Ticks, tick{scale.at(v) * drawWidth, duration(v)})
	}
	return p
}

func legend(l stack.Latency) string {
	s := plural(len(l.Samples), "sample") + ", " + plural(l.Errors, "error")
	if len(l.Samples) > 0 {
		s = "p50 " + duration(l.P50) + " · p95 " + duration(l.P95) + " · slowest " + duration(l.Max) + " · " + s
	}
	if l.Threshold > 0 {
		s += " · p95 may be " + duration(l.Threshold)
	}
	return s
}

// scale maps times to 0…1, logarithmically.
type scale struct{ low, high float64 }

func newScale(low, high time.Duration) scale {
	low = max(low, 50*time.Microsecond)
	high = max(high, 2*low)
	return scale{math.Log10(float64(low) * 0.8), math.Log10(float64(high) * 1.25)}
}

func (s scale) at(d time.Duration) float64 {
	x := (math.Log10(max(float64(d), 1)) - s.low) / (s.high - s.low)
	return min(max(x, 0), 1)
}

func (s scale) value(x float64) time.Duration {
	return time.Duration(math.Pow(10, s.low+x*(s.high-s.low)))
}

// ticks are 1, 2 and 5 of each power of ten where there is room, else 1.
func (s scale) ticks() []time.Duration {
	factors := []float64{1}
	if s.high-s.low < 2.2 {
		factors = []float64{1, 2, 5}
	}
	var out []time.Duration
	for e := math.Floor(s.low); e <= s.high; e++ {
		for _, f := range factors {
			v := math.Pow(10, e) * f
			if x := (math.Log10(v) - s.low) / (s.high - s.low); x > 0.02 && x < 0.97 {
				out = append(out, time.Duration(v))
			}
		}
	}
	return out
}
