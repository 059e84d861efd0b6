package deploy

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
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

func (k keeping) Members() []node.Member { return []node.Member{{Host: k}} }

func (k keeping) Facts(context.Context) (stack.HostFacts, error) {
	return stack.HostFacts{Clock: k.clock()}, nil
}
func (keeping) Containers(context.Context) ([]stack.Container, error) { return nil, nil }
func (keeping) Images(context.Context) ([]stack.HostImage, error)     { return nil, nil }
func (keeping) Networks(context.Context) ([]string, error)            { return nil, nil }
func (keeping) Volumes(context.Context) ([]string, error)             { return nil, nil }
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

// A clock of the host that was 80 minutes ahead for one run stamps nothing else.
func TestTheOrderOfReleasesDoesNotHangOnTheHostsClock(t *testing.T) {
	at := func(minutes int) time.Time { return time.Unix(0, 0).Add(time.Duration(minutes) * time.Minute) }
	seen := stack.Observed{Releases: []stack.ReleaseRecord{{ID: "old", State: stack.ReleaseGood, Switched: at(1)}}, Live: "old"} // of a stackctl before
	deploy := func(id string, clock int) {
		r := stack.ReleaseRecord{ID: id, State: stack.ReleaseGood}
		r.Switched, r.Turn = wentLive(seen, id, at(clock))
		seen.Releases = append(slices.DeleteFunc(seen.Releases, func(o stack.ReleaseRecord) bool { return o.ID == id }), r)
		seen.Live = id
	}
	deploy("a", 10)
	deploy("b", 91) // 80 minutes ahead
	deploy("c", 12)
	deploy("c", 13) // nothing changed
	deploy("d", 14)
	deploy("a", 15) // again
	slices.SortFunc(seen.Releases, stack.Newer)
	var got []string
	for _, r := range seen.Releases {
		got = append(got, fmt.Sprintf("%s %d", r.ID, r.Switched.Unix()/60))
	}
	if want := []string{"a 15", "d 14", "c 12", "b 91", "old 1"}; !slices.Equal(got, want) {
		t.Errorf("the newest first they are %v, want %v", got, want)
	}
	seen.Live = "a"
	if r, err := Earlier(seen, ""); err != nil || r.ID != "d" {
		t.Errorf("before a is %s: %v", r.ID, err)
	}
}
