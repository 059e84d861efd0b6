package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestReleasesTellWhyOneFailed(t *testing.T) {
	var out bytes.Buffer
	failed := stack.ReleaseRecord{ID: "5f2c", State: stack.ReleaseFailed, Reason: "run migrate: it ended with exit code 2: configuration:\n  LOG_LEVEL: is \"loud\""}
	if err := (&releasesOptions{printer: printerTo(&out, "text")}).print([]stack.ReleaseRecord{failed}, ""); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `configuration: LOG_LEVEL: is "loud"`+"\n") {
		t.Errorf("%s", out.String())
	}
}

func TestReleasesForMachinesTellWhichIsLive(t *testing.T) {
	got := listed([]stack.ReleaseRecord{{ID: "b"}, {ID: "a"}}, "a")
	if raw, err := json.Marshal(got); err != nil || len(got) != 2 || got[0].Live || !got[1].Live || !strings.Contains(string(raw), `"live":true`) {
		t.Errorf("%s, %v", raw, err)
	}
	if raw, _ := json.Marshal(listed(nil, "")); string(raw) != "[]" {
		t.Errorf("none are %s", raw)
	}
}
