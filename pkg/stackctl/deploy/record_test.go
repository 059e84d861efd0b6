package deploy

import (
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// A record that is garbled bars neither a rollback to another release nor a deploy.
func TestARecordThatIsGarbledIsNeitherLedBackToNorPruned(t *testing.T) {
	garbled := stack.ReleaseRecord{ID: "2empty", State: stack.ReleaseUnreadable, Reason: "it cannot be read: it is empty"}
	good := func(id string, at int64) stack.ReleaseRecord {
		return stack.ReleaseRecord{ID: id, State: stack.ReleaseGood, Switched: time.Unix(at, 0)}
	}
	seen := stack.Observed{Live: "7live", Releases: []stack.ReleaseRecord{good("1good", 10), garbled, good("7live", 20)}}
	if r, err := Earlier(seen, ""); err != nil || r.ID != "1good" {
		t.Errorf("the release before is %q: %v", r.ID, err)
	}
	if _, err := Earlier(seen, garbled.ID); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("a rollback to it: %v", err)
	}
	for _, step := range Plan(Wanted{Release: stack.Release{ID: "8new"}, Keep: 1}, seen).Steps {
		if step.Kind == stack.StepPrune && step.Release != "1good" {
			t.Errorf("what may have been good goes: %s", step)
		}
	}
}

func TestADeployWritesAGarbledRecordOfItsOwnReleaseAnew(t *testing.T) {
	s := operator("/srv/shop", "run", 0)
	seen := stack.Observed{Live: "5f2c", Releases: []stack.ReleaseRecord{{ID: "5f2c", State: stack.ReleaseUnreadable, Reason: "it is empty"}}}
	want := stack.Release{ID: "5f2c", Images: []stack.Image{{ID: "sha256:1"}}}
	if r := s.recordOf(want, seen); r.State != "" || len(r.Images) != 1 {
		t.Errorf("%+v", r)
	}
}
