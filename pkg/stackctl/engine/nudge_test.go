package engine

import (
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
)

func TestChecksThatHaveStoppedAreNoticed(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	starting := look{id: "1", state: container.StateRunning, health: container.Starting, every: 20 * time.Second}
	at := func(c look, checked int) look { c.checked = began.Add(time.Duration(checked) * time.Second); return c }
	healthy := starting
	healthy.health = container.Healthy
	w := &wait{checks: map[string]checked{}}
	for i, step := range []struct {
		after int // seconds
		look  look
		stuck bool
	}{
		{0, starting, false},
		{19, starting, false},
		{20, starting, true}, // never checked
		{21, starting, false},
		{40, at(starting, 38), false},
		{59, at(starting, 38), false},
		{60, at(starting, 38), true}, // once, and no more
		{79, at(starting, 78), false},
		{90, healthy, false},
		{200, at(starting, 199), false}, // it was healthy meanwhile
		{219, at(starting, 199), false},
	} {
		if got := w.stuck(step.look, began.Add(time.Duration(step.after)*time.Second)); got != step.stuck {
			t.Errorf("step %d, after %d s: %v", i, step.after, got)
		}
	}
}

func TestAContainerThatBlinksGoesOn(t *testing.T) {
	w := newWorld(t)
	w.up(file(healthy("api", imageA)))
	id := w.ids()["api"]
	if err := w.blink(w.ctx, id); err != nil {
		t.Fatal(err)
	}
	w.running("api")
	if err := w.blink(w.ctx, "nobody"); err != nil {
		t.Errorf("one that is gone: %v", err)
	}
}
