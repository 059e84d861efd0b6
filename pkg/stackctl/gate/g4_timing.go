package gate

import (
	"math"
	"slices"
)

// The bounds of the comparison of login times. A run looks at the pairs it has
// at most len(authLooks) times, and once more where it ends early.
const (
	// authAlpha is the rate of false alarms of one look: where the times do not
	// differ by more than the bound, at most this share fails.
	authAlpha = 0.0003
	// authBeta is the rate of misses of one look: where the times differ by
	// what a pass rules out, at most this share passes.
	authBeta = 0.005
)

// authLooks are the numbers of pairs after which a run looks.
var authLooks = []int{20, 30, 45, 70, 105, 160}

// authTiming compares the times of two kinds of refused logins, in
// milliseconds. The logins come in pairs, one of each kind, in random order, so
// that load is the same for both: under it a difference is as likely in favour
// of one as of the other, whatever its shape (Wilcoxon's signed-rank test).
type authTiming struct {
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

func (m *authTiming) judge() {
	m.Rule = "fails where the pairs show a difference above bound_ms (p < 0.0003 at each of at most 7 looks); passes where they rule out twice the bound, or at the end half of the slower median or 20 ms"
	d := make([]float64, len(m.Known))
	for i := range d {
		d[i] = m.Known[i] - m.Unknown[i]
	}
	m.KnownMS, m.UnknownMS = authQuantile(m.Known, 0.5), authQuantile(m.Unknown, 0.5)
	m.Cost = max(authQuantile(m.Known, 0.1), authQuantile(m.Unknown, 0.1))
	m.Bound = max(5, 0.2*m.Cost)
	means := authMeans(d)
	m.ApartMS = authMiddle(means)
	m.P = min(1, 2*min(authShifted(d, m.Bound), authShifted(authNegated(d), m.Bound)))
	m.Sees = authRuledOut(means, len(d))
	m.Differs = m.P < authAlpha
}

// enough says that more pairs are not needed: a difference above the bound is
// shown, or one of twice the bound is ruled out.
func (m *authTiming) enough() bool {
	if !slices.Contains(authLooks, len(m.Known)) {
		return false
	}
	m.judge()
	return m.Differs || m.Sees <= 2*m.Bound
}

// tolerable is what a pass must rule out at the least, once no more pairs can
// be had: half of a login as it takes just then. A hash that is left out is
// more, since load stretches it as it stretches the login.
func (m *authTiming) tolerable() float64 { return max(20, 0.5*max(m.KnownMS, m.UnknownMS)) }

// authQuantile is a quantile, interpolated.
func authQuantile(samples []float64, q float64) float64 {
	sorted := slices.Clone(samples)
	slices.Sort(sorted)
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low+1 >= len(sorted) {
		return sorted[low]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

func authNegated(d []float64) []float64 {
	out := make([]float64, len(d))
	for i := range d {
		out[i] = -d[i]
	}
	return out
}

// authMeans are the means of all pairs of differences, each with itself too,
// in order (Walsh averages).
func authMeans(d []float64) []float64 {
	var out []float64
	for i := range d {
		for j := i; j < len(d); j++ {
			out = append(out, (d[i]+d[j])/2)
		}
	}
	slices.Sort(out)
	return out
}

func authMiddle(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// authShifted is the one-sided p of the signed-rank test that the differences
// lie around a value above shift. Its normal approximation errs to the safe
// side this far out.
func authShifted(d []float64, shift float64) float64 {
	n := float64(len(d))
	positive := 0.0
	for _, mean := range authMeans(d) {
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

// authRuledOut is the larger end, by amount, of the interval that belongs to
// the signed-rank test: what lies beyond it is ruled out at authBeta.
func authRuledOut(means []float64, pairs int) float64 {
	n := float64(pairs)
	z := math.Sqrt2 * math.Erfinv(1-2*authBeta)
	k := int(n*(n+1)/4 - z*math.Sqrt(n*(n+1)*(2*n+1)/24))
	k = min(max(k, 0), len(means)-1)
	return max(math.Abs(means[k]), math.Abs(means[len(means)-1-k]))
}
