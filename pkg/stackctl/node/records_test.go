//go:build linux

package node

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

func TestARecordThatIsGarbledBarsNoOther(t *testing.T) {
	root := t.TempDir()
	for id, content := range map[string]string{
		"1good":  `{"id": "1good", "state": "good", "switched": "2026-03-14T09:00:00Z"}`,
		"2empty": "", "3zeros": strings.Repeat("\x00", 700), "4cut": `{"id": "4cut", "state": "go`,
		"5other": `{"id": "1good", "state": "good"}`, "6list": `[]`, "6newer": `{"id": "6newer", "state": "archived"}`,
		"7live": `{"id": "7live", "state": "good", "switched": "2026-03-15T09:00:00Z", "of_a_later_version": {}}`,
	} {
		dir := filepath.Join(root, "releases", id)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "release.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := Records(t.Context(), local{}, stack.Target{Path: root})
	if err != nil || len(list) != 8 {
		t.Fatalf("%d records: %v", len(list), err)
	}
	for _, r := range list {
		garbled := r.ID != "1good" && r.ID != "7live"
		if (r.State == stack.ReleaseUnreadable) != garbled || garbled && !strings.Contains(r.Reason, filepath.Join(root, "releases", r.ID)) {
			t.Errorf("%s: %s, %s", r.ID, r.State, r.Reason)
		}
	}
}

// What may not be read is not as good as nothing: a rollback said that no release was kept.
func TestReleasesThatCannotBeListedAreNotNone(t *testing.T) {
	root := t.TempDir()
	if list, err := Records(t.Context(), local{}, stack.Target{Path: root}); err != nil || len(list) != 0 {
		t.Fatalf("a host that is new: %v, %v", list, err)
	}
	if err := os.WriteFile(filepath.Join(root, "releases"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Records(t.Context(), local{}, stack.Target{Path: root})
	if stack.CauseOf(err) != stack.CauseStep || !strings.Contains(err.Error(), "Not a directory") || !strings.Contains(err.Error(), "stackctl provision") {
		t.Errorf("%v", err)
	}
}

// forbidden is a server whose folders belong to somebody else.
type forbidden struct{ Server }

func (f forbidden) Members() []Member { return []Member{{Host: f}} }

func (forbidden) Run(context.Context, ...string) (stack.Output, error) {
	return stack.Output{Exit: 1, Stderr: []byte("mkdir: cannot create directory '/srv/shop/tmp/reserve': Permission denied\n")}, nil
}

func TestAFolderThatBelongsToSomebodyElseIsNoFullDisk(t *testing.T) {
	err := Reserve(t.Context(), forbidden{}, stack.Target{})
	if err == nil || !strings.Contains(err.Error(), "stackctl provision") || strings.Contains(err.Error(), "free space") {
		t.Error(err)
	}
}

func TestWhenAFolderWasMade(t *testing.T) {
	if at, err := birth(t.Context(), local{}, t.TempDir()); err != nil || !at.IsZero() && time.Since(at) > time.Hour {
		t.Errorf("%s, %v", at, err)
	}
	if at, err := birth(t.Context(), local{}, "/nowhere"); err != nil || !at.IsZero() {
		t.Errorf("%s, %v", at, err)
	}
}
