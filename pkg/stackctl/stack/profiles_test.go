package stack

import "testing"

func TestProfilesAreThoseOfCompose(t *testing.T) {
	for _, c := range []struct {
		chosen, has []string
		want        bool
	}{
		{nil, nil, true},
		{[]string{"dev"}, nil, true},
		{nil, []string{"dev"}, false},
		{nil, []string{"", "postgresql"}, true},
		{[]string{"mysql"}, []string{"", "postgresql"}, false},
		{[]string{"postgresql"}, []string{"", "postgresql"}, true},
		{[]string{"*"}, []string{"dev"}, true},
	} {
		if got := (Compose{Profiles: c.chosen}).Deploys(c.has); got != c.want {
			t.Errorf("%q of %q: %t", c.has, c.chosen, got)
		}
	}
}
