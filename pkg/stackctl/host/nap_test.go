package host

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestASilenceOfOnesOwnIsToldAsSuch(t *testing.T) {
	end := errors.New("no answer for 60 s")
	began := time.Now()
	for name, c := range map[string]struct {
		after time.Duration
		heard bool
		told  bool
	}{
		"in time":           {keepaliveEvery, false, false},
		"stopped":           {time.Minute, false, true},
		"stopped and alive": {time.Minute, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			n, w := nap{woke: began}, newWire(nil)
			n.look(w, began.Add(c.after))
			if c.heard {
				w.received.Add(10)
			}
			err := n.explain(w, began.Add(c.after+time.Second), end)
			if told := strings.Contains(err.Error(), "stackctl itself was stopped for 57 s"); told != c.told || !errors.Is(err, end) {
				t.Errorf("%v", err)
			}
		})
	}
}
