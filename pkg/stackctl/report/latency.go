package report

import (
	"math"
	"time"

	"stackctl/pkg/stackctl/stack"
)

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
		p.Ticks = append(p.Ticks, tick{scale.at(v) * drawWidth, v.String()})
	}
	return p
}

func legend(l stack.Latency) string {
	s := plural(len(l.Samples), "sample") + ", " + plural(l.Errors, "error")
	if len(l.Samples) > 0 {
		s = "p50 " + duration(l.P50) + " · p95 " + duration(l.P95) + " · slowest " + duration(l.Max) + " · " + s
	}
	if l.Threshold > 0 {
		s += " · limit for p95 " + l.Threshold.String()
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
				out = append(out, time.Duration(math.Round(v)))
			}
		}
	}
	return out
}
