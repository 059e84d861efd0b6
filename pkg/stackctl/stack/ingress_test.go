package stack

import (
	"strings"
	"testing"
)

func TestANameTellsItsNodeAndIsOneLabel(t *testing.T) {
	long := strings.Repeat("x", 40)
	for _, alias := range []string{IngressAlias(long), StandbyAlias(long)} {
		if one, two := OnNode(alias, "one"), OnNode(alias, "two"); one == two || one == alias || len(one) > 63 || !strings.HasPrefix(one, long) {
			t.Errorf("%q on two nodes: %q, %q", alias, one, two)
		}
		if OnNode(alias, "") != alias {
			t.Errorf("one server has another name for %q", alias)
		}
	}
}

func TestAStandbyIsKnownByItsName(t *testing.T) {
	for project, owner := range map[string]string{StandbyProject("shop"): "shop", StandbyProject("a-standby-b"): "a-standby-b", TrialProject("shop"): "", "shop": ""} {
		if of, is := StandbyOf(project); of != owner || is != (owner != "") {
			t.Errorf("%s is the standby of %q, %t", project, of, is)
		}
	}
}
