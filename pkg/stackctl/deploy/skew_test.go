package deploy

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"path"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// keeping is a server that keeps the records of releases, and has a clock of
// its own.
type keeping struct {
	node.Server
	clock   func() time.Time
	records map[string][]byte
}

func (k keeping) Facts(context.Context) (stack.HostFacts, error) {
	return stack.HostFacts{Clock: k.clock()}, nil
}
func (keeping) Containers(context.Context) ([]stack.Container, error) { return nil, nil }
func (keeping) Images(context.Context) ([]stack.HostImage, error)     { return nil, nil }
func (keeping) Networks(context.Context) ([]string, error)            { return nil, nil }
func (keeping) List(context.Context, string) ([]fs.FileInfo, error)   { return nil, fs.ErrNotExist }
func (keeping) Hashes(context.Context, string, []string) (map[string]string, error) {
	return map[string]string{}, nil
}

func (keeping) RemoveAll(context.Context, string) error { return nil }

func (k keeping) Run(_ context.Context, argv ...string) (stack.Output, error) {
	var out stack.Output
	if argv[0] == "sh" && strings.Contains(argv[2], stack.RecordFile) {
		for id, raw := range k.records {
			out.Stdout = append(out.Stdout, id+" "+base64.StdEncoding.EncodeToString(raw)+"\n"...)
		}
	}
	return out, nil
}

func (k keeping) WriteFile(_ context.Context, name string, content []byte, _ fs.FileMode) error {
	k.records[path.Base(path.Dir(name))] = content
	return nil
}

func TestARollbackLeadsToTheReleaseBeforeWhateverTheClocksSay(t *testing.T) {
	now := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	host := keeping{clock: func() time.Time { return now }, records: map[string][]byte{}}
	deploy := func(id string, skew time.Duration) {
		t.Helper()
		now = now.Add(time.Minute)
		s := operator("/srv/shop", id, 0)
		s.d.Now = func() time.Time { return now.Add(skew) }
		seen, err := s.observe(t.Context(), host, nil)
		if err != nil {
			t.Fatal(err)
		}
		x := &executor{story: s, server: host, seen: seen, record: stack.ReleaseRecord{ID: id}, want: Wanted{Release: stack.Release{ID: id}}}
		if err := x.commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		var kept stack.ReleaseRecord
		if err := json.Unmarshal(host.records[id], &kept); err != nil || !kept.Switched.Equal(now) {
			t.Errorf("%s was switched to at %s, not at %s: %v", id, kept.Switched, now, err)
		}
	}
	deploy("one", 0)
	deploy("two", 3*time.Hour) // an operator whose clock is fast
	deploy("three", -3*time.Hour)
	deploy("four", 0)
	seen, err := node.Observe(t.Context(), host, stack.Target{}, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	for live, before := range map[string]string{"four": "three", "three": "four"} {
		seen.Live = live
		if r, err := Earlier(seen, ""); err != nil || r.ID != before {
			t.Errorf("before %s is %s, want %s: %v", live, r.ID, before, err)
		}
	}
}

func TestASwitchIsLaterThanEveryOneBefore(t *testing.T) {
	now := time.Unix(1000, 0)
	for last, want := range map[int64]int64{10: 1000, 1000: 1001, 5000: 5001} {
		releases := []stack.ReleaseRecord{{Switched: time.Unix(last, 0)}, {Switched: time.Unix(5, 0)}, {}}
		if got := after(now, releases); got.Unix() != want {
			t.Errorf("after %d: %d, want %d", last, got.Unix(), want)
		}
	}
}
