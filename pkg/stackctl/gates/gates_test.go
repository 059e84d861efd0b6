package gates

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestRegistryIsComplete(t *testing.T) {
	phases := map[stack.Phase]int{stack.PhaseStatic: 0, stack.PhasePre: 1, stack.PhasePost: 2}
	ids := map[string]bool{}
	last := 0
	for _, g := range BuiltIn() {
		ids[g.ID] = true
		if at := phases[g.Phase]; at < last {
			t.Errorf("%s %s stands after a later phase", g.ID, g.Name)
		} else {
			last = at
		}
		if g.Name == "" || !strings.HasSuffix(g.Question, "?") || g.Inspects == "" || len(g.Refs) == 0 || g.Check == nil && g.ID != "G10" {
			t.Errorf("%s does not say all of itself: %+v", g.ID, g)
		}
	}
	for _, id := range []string{"G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8", "G9", "G10"} {
		if !ids[id] {
			t.Errorf("%s is missing", id)
		}
	}
}

func TestSelectTakesDeclaredGates(t *testing.T) {
	o := stack.OwnGate{ID: "front-page", Title: "ok?", Phase: stack.PhasePost, HTTP: &stack.OwnHTTP{Path: "/"}}
	list, err := Select(stack.PhasePost, []string{"FRONT-PAGE"}, o)
	if err != nil || len(list) != 1 || list[0].Question != "ok?" {
		t.Fatalf("%+v, %v", list, err)
	}
	if _, err := Select("", []string{"U2"}, o); err == nil || !strings.Contains(err.Error(), "front-page") {
		t.Errorf("%v", err)
	}
}

func TestSelect(t *testing.T) {
	one, err := Select("", []string{"g5"})
	if err != nil || len(one) != 2 || one[0].ID != "G5" {
		t.Errorf("%v %v", one, err)
	}
	static, err := Select(stack.PhaseStatic, nil)
	if err != nil || len(static) < 5 {
		t.Errorf("%d static gates, %v", len(static), err)
	}
	if _, err := Select("", []string{"G11"}); stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "G1, G2") {
		t.Errorf("%v", err)
	}
}
