package swarm

import (
	"strings"
	"testing"
)

func TestAnImageIsPinnedToWhatItsNodesHave(t *testing.T) {
	graph := func(node string) held { return held{node, "sha256:config", []string{"sha256:l1", "sha256:l2"}} }
	containerd := func(node string) held { return held{node, "sha256:manifest", []string{"sha256:l1", "sha256:l2"}} }
	for name, c := range map[string]struct {
		found  []held
		want   string
		tagged bool
		fails  string
	}{
		"one store":                     {found: []held{containerd("a"), containerd("b")}, want: "sha256:manifest"},
		"a node that lacks it":          {found: []held{{node: "a"}, graph("b"), {}}, want: "sha256:config"},
		"two stores":                    {found: []held{graph("a"), containerd("b")}, want: nowhere + ":", tagged: true},
		"the same name, other contents": {found: []held{graph("a"), {"b", "sha256:other", []string{"sha256:l1"}}}, fails: "another one on b than on a"},
		"no node has it":                {found: []held{{node: "a"}}, fails: "no node has image postgres:16"},
	} {
		t.Run(name, func(t *testing.T) {
			got, tagged, err := pinned("postgres:16", c.found)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("says %v", err)
				}
				return
			}
			if err != nil || !strings.HasPrefix(got, c.want) || tagged != c.tagged {
				t.Errorf("%s, %t, %v", got, tagged, err)
			}
			if tagged && len(got) != len(nowhere)+1+64 {
				t.Errorf("%s holds no sum", got)
			}
		})
	}
}
