package gate

import (
	"math"
	"math/rand/v2"
	"slices"
)

const (
	// authAlpha is the rate of false alarms of one look: with equal
	// distributions at most this share fails. A run looks at most 6 times.
	authAlpha     = 0.001
	authResamples = 200
)

// authTiming compares the times of two kinds of refused logins, in
// milliseconds. Load only ever makes a request slower, so the lower quartile
// is compared: it moves little with noise and wholly with work left out.
type authTiming struct {
	Known   []float64 `json:"known_ms"`
	Unknown []float64 `json:"unknown_ms"`
	// KnownMS and UnknownMS are the lower quartiles.
	KnownMS   float64 `json:"known_q25_ms"`
	UnknownMS float64 `json:"unknown_q25_ms"`
	// Bound is the difference that is allowed.
	Bound float64 `json:"bound_ms"`
	// P is the chance of a difference at least as large as the one seen if
	// there is none (Mann-Whitney U test, two-sided).
	P float64 `json:"p"`
	// Sees is the difference that would have been found in 95 of 100 runs.
	Sees    float64 `json:"sees_ms"`
	Steal   float64 `json:"steal"`
	Differs bool    `json:"differs"`
	Rule    string  `json:"rule"`
}

func (m *authTiming) judge() {
	m.Rule = "fails where the lower quartiles differ by more than bound_ms and p < 0.001"
	m.KnownMS, m.UnknownMS = authQuartile(m.Known), authQuartile(m.Unknown)
	m.Bound = max(5, 0.2*max(m.KnownMS, m.UnknownMS))
	// A fixed seed: the same samples give the same verdict.
	random := rand.New(rand.NewPCG(1, uint64(len(m.Known))))
	m.P = authMannWhitney(m.Known, m.Unknown)
	m.Sees = 4.94 * authError(m.Known, m.Unknown, random) // z(0.9995) + z(0.95)
	m.Differs = m.P < authAlpha && math.Abs(m.KnownMS-m.UnknownMS) > m.Bound
}

// enough says that more samples would not change the verdict: a difference of
// the bound would have been seen, and none stands undecided.
func (m *authTiming) enough() bool {
	if len(m.Known) < authPairsLeast || len(m.Known)%4 != 0 {
		return false
	}
	m.judge()
	return m.Differs || m.Sees <= m.Bound && math.Abs(m.KnownMS-m.UnknownMS) <= m.Bound
}

// authQuartile is the lower quartile, interpolated.
func authQuartile(samples []float64) float64 {
	sorted := slices.Clone(samples)
	slices.Sort(sorted)
	at := 0.25 * float64(len(sorted)-1)
	low := int(at)
	if low+1 >= len(sorted) {
		return sorted[low]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

// authMannWhitney is the two-sided p of the Mann-Whitney U test, by its normal
// approximation: from 20 samples on it errs to the safe side this far out.
// Load that both logins of a pair share makes it safer still.
func authMannWhitney(a, b []float64) float64 {
	x, _ := authRanks(a, b)
	n, m := float64(len(a)), float64(len(b))
	sum := 0.0
	for _, r := range x {
		sum += r
	}
	u := sum - n*(n+1)/2
	z := (u - n*m/2) / math.Sqrt(n*m*(n+m+1)/12)
	return math.Erfc(math.Abs(z) / math.Sqrt2)
}

// authRanks gives each sample its rank among all; equal samples share one.
func authRanks(a, b []float64) (x, y []float64) {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	rank := func(v float64) float64 {
		first, _ := slices.BinarySearch(all, v)
		last := first
		for last < len(all) && all[last] == v {
			last++
		}
		return float64(first+last+1) / 2
	}
	for i := range a {
		x, y = append(x, rank(a[i])), append(y, rank(b[i]))
	}
	return x, y
}

// authError is the standard error of the difference, by bootstrap.
func authError(a, b []float64, random *rand.Rand) float64 {
	x, y := make([]float64, len(a)), make([]float64, len(b))
	var sum, squares float64
	for range authResamples {
		for i := range x {
			x[i], y[i] = a[random.IntN(len(a))], b[random.IntN(len(b))]
		}
		d := authQuartile(x) - authQuartile(y)
		sum += d
		squares += d * d
	}
	mean := sum / authResamples
	return math.Sqrt(max(0, squares/authResamples-mean*mean))
}
