package stack

import "testing"

func TestTheNameOfAContainerThatIsSetAsideTellsWhatItWas(t *testing.T) {
	for _, policy := range []string{AsideStopped, "no", "always", "unless-stopped", "on-failure-3"} {
		name, was, ok := ParseAside(AsideName("shop-db-1", policy))
		if name != "shop-db-1" || was != policy || !ok {
			t.Errorf("%s: %q %q %t", policy, name, was, ok)
		}
	}
	for _, name := range []string{"shop-db-1", "shop.aside.sometimes", ".aside.no", "a.aside.on-failure-"} {
		if (Container{Name: name}).Aside() {
			t.Errorf("%q passes for one that is set aside", name)
		}
	}
	if name, _, _ := ParseAside("a.aside.no.aside.always"); name != "a.aside.no" {
		t.Errorf("the innermost name is %q", name)
	}
}
