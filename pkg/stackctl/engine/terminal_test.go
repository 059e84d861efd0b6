package engine

import (
	"bytes"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestExecTerminal(t *testing.T) {
	w := newWorld(t)
	w.up(file(healthy("api", imageA)))
	var out bytes.Buffer
	sizes := make(chan [2]uint, 1)
	sizes <- [2]uint{100, 30}
	// A terminal shows what is typed, and its end of input is Ctrl-D.
	code, err := w.ExecTerminal(w.ctx, w.ids()["api"], []string{"/app", "cat"},
		stack.Terminal{In: strings.NewReader("typed\n\x04"), Out: &out, Sizes: sizes})
	if err != nil || code != 0 || out.String() != "typed\r\ntyped\r\n" {
		t.Errorf("code %d, %q, %v", code, out.String(), err)
	}
	if code, err := w.ExecTerminal(w.ctx, w.ids()["api"], []string{"/app", "fail", "9"}, stack.Terminal{In: strings.NewReader(""), Out: &out}); err != nil || code != 9 {
		t.Errorf("code %d, %v", code, err)
	}
}

func TestUsageCountsWhatIsNamed(t *testing.T) {
	w := newWorld(t)
	w.up(append(file(healthy("db", imageA, "volumes: [\"data:/data\"]")), []byte("volumes: {data: {}}\n")...))
	containers, err := w.Containers(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	id := ""
	for _, c := range containers {
		if c.ID == w.ids()["db"] {
			id = c.ImageID
		}
	}
	u, err := w.Usage(w.ctx, w.project, []string{id}, nil)
	if err != nil || u.Images <= 0 {
		t.Errorf("%+v, %v", u, err)
	}
	if named, err := w.Usage(w.ctx, "nobody", nil, []string{w.project + "_data"}); err != nil || named.Volumes != u.Volumes {
		t.Errorf("of a volume by its name: %+v, %v, want %d", named, err, u.Volumes)
	}
	if u, err := w.Usage(w.ctx, "nobody", nil, nil); err != nil || u.Images != 0 || u.Volumes != 0 {
		t.Errorf("of nobody: %+v, %v", u, err)
	}
}
