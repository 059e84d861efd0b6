package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestALoadCountsWhatIsLostAndTheGap(t *testing.T) {
	began := time.Now()
	down := func() bool { d := time.Since(began); return d > 300*time.Millisecond && d < 600*time.Millisecond }
	call := func(context.Context, *http.Client) error {
		if down() {
			return errors.New("down")
		}
		return nil
	}
	l := Start(context.Background(), Options{Rate: 200, Limit: 10 * time.Second, Clients: []*http.Client{{}}, Calls: []Call{call}})
	for time.Since(began) < time.Second {
		time.Sleep(10 * time.Millisecond)
	}
	r := l.Stop()
	if r.Lost == 0 || r.Lost >= r.Sent || r.Gap < 250*time.Millisecond || len(r.Reasons) == 0 {
		t.Errorf("got %+v", r)
	}
}

func TestWhoIsToldToComeAgainIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := func(context.Context, *http.Client) error { return fmt.Errorf("GET /: %w", ErrBusy) }
		well := func(context.Context, *http.Client) error { return nil }
		l := Start(t.Context(), Options{Rate: 100, Limit: time.Minute, Clients: []*http.Client{{}}, Calls: []Call{busy, well}})
		time.Sleep(time.Second)
		if r := l.Stop(); r.Busy == 0 || r.Busy != r.Lost || r.Lost == r.Sent {
			t.Errorf("got %+v", r)
		}
	})
}

// The last slow answers come when nothing fast is sent any more.
func TestSlowAnswersAreNoGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quick := func(context.Context, *http.Client) error { return nil }
		slow := func(context.Context, *http.Client) error {
			time.Sleep(5 * time.Second)
			return nil
		}
		l := Start(t.Context(), Options{Rate: 200, Limit: time.Minute, Clients: []*http.Client{{}}, Calls: []Call{quick}, Slow: slow, SlowEvery: 500 * time.Millisecond})
		time.Sleep(7 * time.Second)
		if r := l.Stop(); r.Gap > 10*time.Millisecond || r.Slow < 14 {
			t.Errorf("got %+v", r)
		}
	})
}

func TestTheRateDoesNotFollowASlowSite(t *testing.T) {
	slow := func(ctx context.Context, _ *http.Client) error {
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
		return nil
	}
	l := Start(context.Background(), Options{Rate: 200, Limit: 10 * time.Second, Clients: []*http.Client{{}}, Calls: []Call{slow}})
	time.Sleep(time.Second)
	if r := l.Stop(); r.Sent < 150 {
		t.Errorf("only %d requests were sent in a second", r.Sent)
	}
}
