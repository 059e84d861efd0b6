package swarm

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"

	"stackctl/pkg/stackctl/stack"
)

// A manager is asked again while there is no leader, with the same body, and not for any
// other fault; what it said in the end is told.
func TestASwarmWithoutALeaderIsAskedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		says   []string // "": done
		asked  int
		want   string
	}{
		"no leader, then one":           {http.MethodPost, []string{"The swarm does not have a leader.", "The swarm does not have a leader.", ""}, 3, "done"},
		"no leader for good":            {http.MethodPost, slices.Repeat([]string{"The swarm does not have a leader."}, 1000), 0, "does not have a leader"},
		"a question that was lost":      {http.MethodGet, []string{"rpc error: code = Unavailable desc = EOF", ""}, 2, "done"},
		"a change that may be made":     {http.MethodPost, []string{"rpc error: code = Unavailable desc = EOF", ""}, 1, "Unavailable"},
		"another fault is told at once": {http.MethodGet, []string{"no such image", ""}, 1, "no such image"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			manager := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				says := c.says[asked]
				asked++
				if r.Method == http.MethodPost && string(body) != "service" {
					t.Errorf("request %d has the body %q", asked, body)
				}
				if says != "" {
					http.Error(w, says, http.StatusServiceUnavailable)
					return
				}
				_, _ = io.WriteString(w, "done")
			}))
			defer manager.Close()
			req, err := http.NewRequestWithContext(t.Context(), c.method, manager.URL, strings.NewReader("service"))
			if err != nil {
				t.Fatal(err)
			}
			res, err := leaderRetry{http.DefaultTransport, time.Millisecond, 100 * time.Millisecond}.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if text, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(text), c.want) || c.asked > 0 && asked != c.asked {
				t.Errorf("asked %d times, it says %q, %v", asked, text, err)
			}
		})
	}
}

func TestAServiceThatNoNodeTakesIsNotWaitedForLong(t *testing.T) {
	const homeless, starts = "pages is pending (no suitable node)", "db is starting"
	began, since := time.Now(), map[string]time.Time{}
	at := func(after time.Duration, open ...string) []string { return waiting(since, open, began.Add(after)) }
	for _, after := range []time.Duration{0, nodeTime} {
		if got := at(after, homeless, starts); len(got) > 0 {
			t.Errorf("after %s: %q", after, got)
		}
	}
	if got := at(nodeTime+time.Second, homeless, starts); !slices.Equal(got, []string{homeless}) {
		t.Errorf("after more: %q", got)
	}
	at(nodeTime+2*time.Second, starts) // it was taken for a moment
	if got := at(nodeTime+3*time.Second, homeless); len(got) > 0 {
		t.Errorf("it began to wait anew: %q", got)
	}
}

func TestANodeIsBelievedAwayOnlyByTheSwarmsWord(t *testing.T) {
	is := func(name string, state swarm.NodeState) swarm.Node {
		n := swarm.Node{Status: swarm.NodeStatus{State: state}}
		n.Spec.Labels = map[string]string{LabelNode: name}
		return n
	}
	c := &Cluster{members: []*member{{Node: stack.Node{Name: "one"}}}, down: map[string]error{"two": errors.New("no route")}}
	for name, x := range map[string]struct {
		one, two swarm.NodeState
		want     []string
	}{
		"as it answers":           {swarm.NodeStateReady, swarm.NodeStateDown, nil},
		"it serves":               {swarm.NodeStateReady, swarm.NodeStateReady, []string{"two cannot be reached, and the Swarm has it as ready: no route"}},
		"the leader is new":       {swarm.NodeStateUnknown, swarm.NodeStateUnknown, []string{"one answers, and the Swarm has it as unknown", "two cannot be reached, and the Swarm has it as unknown"}},
		"cut off from the others": {swarm.NodeStateDown, swarm.NodeStateDown, []string{"one answers, and the Swarm has it as down"}},
	} {
		got := c.unsettled([]swarm.Node{is("one", x.one), is("two", x.two), is("", swarm.NodeStateUnknown)})
		if !slices.EqualFunc(got, x.want, strings.HasPrefix) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
