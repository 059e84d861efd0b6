package auth

import (
	"math"
	"slices"
)

// The bounds of the comparison of login times. A run looks at the pairs it has
// at most len(looks) times, and once more where it ends early.
const (
	// alpha is the rate of false alarms of one look: where the times do not
	// differ by more than the bound, at most this share fails.
	alpha = 0.0003
	// beta is the rate of misses of one look: where the times differ by
	// what a pass rules out, at most this share passes.
	beta = 0.005
)

// looks are the numbers of pairs after which a run looks.
var looks = []int{20, 30, 45, 70, 105, 160}

// timing compares the times of two kinds of refused logins, in
// milliseconds. The logins come in pairs, one of each kind, in random order, so
// that load is the same for both: under it a difference is as likely in favour
// of one as of the other, whatever its shape (Wilcoxon's signed-rank test).
type timing struct {
	Known   []float64 `json:"known_ms"`
	Unknown []float64 `json:"unknown_ms"`
	// KnownMS and UnknownMS are the medians, ApartMS the median of all means of
	// two differences, known less unknown (Hodges and Lehmann's estimate).
	KnownMS   float64 `json:"known_median_ms"`
	UnknownMS float64 `json:"unknown_median_ms"`
	ApartMS   float64 `json:"apart_ms"`
	// Cost is what a login takes by itself: the lowest tenth of the slower kind.
	Cost float64 `json:"cost_ms"`
	// Bound is the difference that is allowed.
	Bound float64 `json:"bound_ms"`
	// P is the chance of such pairs, or of ones further apart, if the times
	// differ by the bound.
	P float64 `json:"p"`
	// Sees is the difference that the pairs rule out: a larger one would have
	// been seen in at least 995 of 1,000 looks.
	Sees    float64 `json:"sees_ms"`
	Steal   float64 `json:"steal"`
	Differs bool    `json:"differs"`
	Rule    string  `json:"rule"`
}

func (m *timing) judge() {
	m.Rule = "fails where the pairs show a difference above bound_ms (p < 0.0003 at each of at most 7 looks); passes where they rule out twice the bound, or at the end half of the slower median or 20 ms"
	d := make([]float64, len(m.Known))
	for i := range d {
		d[i] = m.Known[i] - m.Unknown[i]
	}
	m.KnownMS, m.UnknownMS = quantile(m.Known, 0.5), quantile(m.Unknown, 0.5)
	m.Cost = max(quantile(m.Known, 0.1), quantile(m.Unknown, 0.1))
	m.Bound = max(5, 0.2*m.Cost)
	means := means(d)
	m.ApartMS = middle(means)
	m.P = min(1, 2*min(shifted(d, m.Bound), shifted(negated(d), m.Bound)))
	m.Sees = ruledOut(means, len(d))
	m.Differs = m.P < alpha
}

// enough reports whether more pairs are not needed: a difference above the bound is
// shown, or one of twice the bound is ruled out.
func (m *timing) enough() bool {
	if !slices.Contains(looks, len(m.Known)) {
		return false
	}
	m.judge()
	return m.Differs || m.Sees <= 2*m.Bound
}

// tolerable is what a pass must rule out at the least, once no more pairs can
// be had: half of a login as it takes just then. A hash that is left out is
// more, since load stretches it as it stretches the login.
func (m *timing) tolerable() float64 { return max(20, 0.5*max(m.KnownMS, m.UnknownMS)) }

// quantile is a quantile, interpolated.
func quantile(samples []float64, q float64) float64 {
	sorted := slices.Clone(samples)
	slices.Sort(sorted)
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low+1 >= len(sorted) {
		return sorted[low]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

func negated(d []float64) []float64 {
	out := make([]float64, len(d))
	for i := range d {
		out[i] = -d[i]
	}
	return out
}

// means are the means of all pairs of differences, each with itself too,
// in order (Walsh averages).
func means(d []float64) []float64 {
	var out []float64
	for i := range d {
		for j := i; j < len(d); j++ {
			out = append(out, (d[i]+d[j])/2)
		}
	}
	slices.Sort(out)
	return out
}

func middle(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// shifted is the one-sided p of the signed-rank test that the differences
// lie around a value above shift. Its normal approximation errs to the safe
// side this far out.
func shifted(d []float64, shift float64) float64 {
	n := float64(len(d))
	positive := 0.0
	for _, mean := range means(d) {
		switch {
		case mean > shift:
			positive++
		case mean == shift:
			positive += 0.5
		}
	}
	z := (positive - 0.5 - n*(n+1)/4) / math.Sqrt(n*(n+1)*(2*n+1)/24)
	return math.Erfc(z/math.Sqrt2) / 2
}

// ruledOut is the larger end, by amount, of the interval that belongs to
// the signed-rank test: what lies beyond it is ruled out at beta.
func ruledOut(means []float64, pairs int) float64 {
	n := float64(pairs)
	z := math.Sqrt2 * math.Erfinv(1-2*beta)
	k := int(n*(n+1)/4 - z*math.Sqrt(n*(n+1)*(2*n+1)/24))
	k = min(max(k, 0), len(means)-1)
	return max(math.Abs(means[k]), math.Abs(means[len(means)-1-k]))
}
