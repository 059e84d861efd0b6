package auth

import (
	"math"
	"math/rand/v2"
	"testing"
)

// shape is how a loaded machine stretches what costs some milliseconds. load
// is what both logins of a pair share: other work comes and goes.
type shape func(random *rand.Rand, cost, load float64) float64

// quiet adds a little, seldom more, never takes away.
func quiet(noise float64) shape {
	return func(random *rand.Rand, cost, _ float64) float64 {
		took := cost + random.ExpFloat64()*noise
		if random.IntN(10) == 0 {
			took += random.ExpFloat64() * 20 * noise
		}
		return took
	}
}

// contended lets others take turns on the same cores: it takes up to three
// times as long, by how many others there are just then, and now and then
// waits for a whole turn.
func contended(random *rand.Rand, cost, load float64) float64 {
	took := cost*(1+2*load*random.Float64()) + random.ExpFloat64()*5
	if random.IntN(4) == 0 {
		took += random.Float64() * 100 * load
	}
	return took
}

// sampled runs the gate's own loop over made-up times.
func sampled(random *rand.Rand, known, unknown float64, s shape) timing {
	m := timing{}
	for range looks[len(looks)-1] {
		load := random.Float64()
		m.Known, m.Unknown = append(m.Known, s(random, known, load)), append(m.Unknown, s(random, unknown, load))
		if m.enough() {
			break
		}
	}
	m.judge()
	return m
}

// The error rates that the gate states, by simulation.
func TestTimingErrorRates(t *testing.T) {
	const runs = 200
	for _, m := range []struct {
		name           string
		known, unknown float64
		shape          shape
		failLeast      int
		failMost       int
		undecidedMost  int
	}{
		{"the same cost", 30, 30, quiet(2), 0, 1, 0},
		{"the same cost under load", 30, 30, quiet(15), 0, 1, 1},
		{"the same cost on contended cores", 30, 30, contended, 0, 1, 1},
		{"the same high cost on contended cores", 80, 80, contended, 0, 1, 1},
		{"two milliseconds of other work", 32, 30, quiet(2), 0, 1, 0},
		{"other work of just the bound", 36, 30, quiet(2), 0, 1, 0},
		{"other work of just the bound on contended cores", 36, 30, contended, 0, 1, 2},
		{"no hash for unknown accounts", 30, 1, quiet(2), runs, runs, 0},
		{"no hash for unknown accounts, under load", 30, 1, quiet(15), runs, runs, 0},
		{"no hash for unknown accounts, on contended cores", 30, 1, contended, runs, runs, 0},
		{"a hash of half the cost", 30, 15, quiet(2), runs, runs, 0},
		{"a hash of half the cost on contended cores", 80, 40, contended, runs * 98 / 100, runs, 0},
		{"unknown accounts take longer", 30, 60, quiet(2), runs, runs, 0},
	} {
		t.Run(m.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(7, 11))
			failed, undecided := 0, 0
			for range runs {
				timing := sampled(random, m.known, m.unknown, m.shape)
				switch {
				case timing.Differs:
					failed++
				case timing.Sees > timing.tolerable():
					undecided++
				}
			}
			if failed < m.failLeast || failed > m.failMost || undecided > m.undecidedMost {
				t.Errorf("%d of %d runs failed, want %d to %d; %d undecided, want at most %d", failed, runs, m.failLeast, m.failMost, undecided, m.undecidedMost)
			}
		})
	}
}

func TestTimingStatistics(t *testing.T) {
	if q := quantile([]float64{4, 1, 3, 2, 5}, 0.25); q != 2 {
		t.Errorf("lower quartile %v", q)
	}
	if q := quantile([]float64{7}, 0.1); q != 7 {
		t.Errorf("a quantile of one %v", q)
	}
	if m := means([]float64{1, 3}); len(m) != 3 || m[1] != 2 || middle(m) != 2 {
		t.Errorf("means %v", m)
	}
	// 1, 2, … 8 are all above 0: W+ = 36, z = (36 - 0.5 - 18) / sqrt(51).
	d := []float64{1, 2, 3, 4, 5, 6, 7, 8}
	if p := shifted(d, 0); math.Abs(p-0.00715) > 0.0001 {
		t.Errorf("p of differences above 0: %v", p)
	}
	if p := shifted(negated(d), 0); p < 0.99 {
		t.Errorf("p of differences below 0: %v", p)
	}
	if p := shifted(d, 4.5); p < 0.45 || p > 0.55 {
		t.Errorf("p of differences around the shift: %v", p)
	}
	if s := ruledOut(means(d), len(d)); s < 7 || s > 8 {
		t.Errorf("ruled out beyond %v", s)
	}
}
