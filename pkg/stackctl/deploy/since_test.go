package deploy

import (
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

func TestADeployThatChangesNothingLeavesSinceWhenAReleaseIsLive(t *testing.T) {
	now, went := time.Unix(1000, 0), time.Unix(10, 0)
	record := func(id string, state stack.ReleaseState, switched time.Time) stack.ReleaseRecord {
		return stack.ReleaseRecord{ID: id, State: state, Switched: switched, By: "ada"}
	}
	for name, c := range map[string]struct {
		live     string
		releases []stack.ReleaseRecord
		want     time.Time
		by       string
	}{
		"it is live and good":        {newID, []stack.ReleaseRecord{record(newID, stack.ReleaseGood, went), record(oldID, stack.ReleaseGood, time.Unix(5, 0))}, went, "ada"},
		"another one is live":        {oldID, []stack.ReleaseRecord{record(newID, stack.ReleaseGood, went), record(oldID, stack.ReleaseGood, time.Unix(20, 0))}, now, "bob"},
		"it was not judged yet":      {newID, []stack.ReleaseRecord{record(newID, stack.ReleaseStarted, went)}, now, "ada"},
		"another one went live last": {newID, []stack.ReleaseRecord{record(newID, stack.ReleaseGood, went), record(oldID, stack.ReleaseGood, time.Unix(20, 0))}, now, "ada"},
		"nothing is kept of it":      {newID, nil, now, "bob"},
	} {
		seen := stack.Observed{Live: c.live, Releases: c.releases}
		if got, _ := wentLive(seen, newID, now); !got.Equal(c.want) {
			t.Errorf("%s: since %s, want %s", name, got, c.want)
		}
		s := operator("/srv/shop", "run", 0)
		s.d.Owner = "bob"
		if got := s.recordOf(stack.Release{ID: newID}, seen); got.By != c.by {
			t.Errorf("%s: by %s, want %s", name, got.By, c.by)
		}
	}
}
