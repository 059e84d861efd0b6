package gate

import (
	"math/rand/v2"
	"testing"
)

// noisy are times as a loaded machine gives them: most near the true cost,
// some far above, never below.
func noisy(random *rand.Rand, n int, cost, noise float64) []float64 {
	times := make([]float64, n)
	for i := range times {
		times[i] = cost + random.ExpFloat64()*noise
		if random.IntN(10) == 0 {
			times[i] += random.ExpFloat64() * 20 * noise
		}
	}
	return times
}

// The error rates that the gate states, by simulation.
func TestTimingErrorRates(t *testing.T) {
	const runs = 200
	for _, m := range []struct {
		name           string
		known, unknown float64
		noise          float64
		least, most    int // runs that may fail
	}{
		{"the same cost", 30, 30, 2, 0, 1},
		{"the same cost under load", 30, 30, 15, 0, 1},
		{"the same cost, hopelessly loaded", 30, 30, 60, 0, 1},
		{"two milliseconds of other work", 32, 30, 2, 0, 2},
		{"no hash for unknown accounts", 30, 1, 2, runs * 99 / 100, runs},
		{"no hash for unknown accounts, under load", 30, 1, 15, runs * 95 / 100, runs},
		{"a hash of half the cost", 30, 15, 2, runs * 99 / 100, runs},
		{"unknown accounts take longer", 30, 60, 2, runs * 99 / 100, runs},
	} {
		t.Run(m.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(7, 11))
			failed := 0
			for range runs {
				known, unknown := noisy(random, authPairsMost, m.known, m.noise), noisy(random, authPairsMost, m.unknown, m.noise)
				timing := authTiming{}
				for i := range known {
					timing.Known, timing.Unknown = append(timing.Known, known[i]), append(timing.Unknown, unknown[i])
					if timing.enough() {
						break
					}
				}
				timing.judge()
				if timing.Differs {
					failed++
				}
			}
			if failed < m.least || failed > m.most {
				t.Errorf("%d of %d runs failed, want %d to %d", failed, runs, m.least, m.most)
			}
		})
	}
}

func TestTimingStatistics(t *testing.T) {
	if q := authQuartile([]float64{4, 1, 3, 2, 5}); q != 2 {
		t.Errorf("lower quartile %v", q)
	}
	if q := authQuartile([]float64{7}); q != 7 {
		t.Errorf("lower quartile of one %v", q)
	}
	x, y := authRanks([]float64{1, 3}, []float64{2, 3})
	if x[0] != 1 || x[1] != 3.5 || y[0] != 2 || y[1] != 3.5 {
		t.Errorf("ranks %v %v", x, y)
	}
	same := []float64{1, 2, 3, 4, 5, 6}
	if p := authMannWhitney(same, same); p < 0.99 {
		t.Errorf("p of equal samples %v", p)
	}
	// 4 of 4 below 4: z = 8 / sqrt(12).
	if p := authMannWhitney([]float64{1, 2, 3, 4}, []float64{5, 6, 7, 8}); p < 0.0208 || p > 0.0210 {
		t.Errorf("p of apart samples %v", p)
	}
}
