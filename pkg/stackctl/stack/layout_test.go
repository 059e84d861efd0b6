package stack

import "testing"

func TestPathsOnAHostLieBelowTheTargetsFolder(t *testing.T) {
	target := Target{Path: "/srv/shop"}
	for got, want := range map[string]string{
		target.At(ReleasePath("5f2c", RecordFile)): "/srv/shop/releases/5f2c/release.json",
		target.At(DynamicPath("routes.yml")):       "/srv/shop/edge/dynamic/routes.yml",
		target.At(LockFile):                        "/srv/shop/lock",
		Backup{Dir: "/b"}.Folder("pro/d"):          "/b/pro-d",
		Backup{Dir: "/b"}.Folder(""):               "/b/target",
		ShortID("sha256:0123456789abcdef"):         "0123456789ab",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestAContainerIsOfTheProjectThatItsLabelNames(t *testing.T) {
	of := func(project, label string) Container {
		return Container{Project: project, Labels: map[string]string{LabelProject: label}}
	}
	for name, c := range map[string]struct {
		container Container
		owned     bool
	}{
		"the base":                      {of("shop", "shop"), true},
		"a release":                     {of("shop-0123456789ab", "shop"), true},
		"a neighbour":                   {of("shop-eu", "shop-eu"), false},
		"a neighbour named as a trial":  {of("shop-trial", "shop-trial"), false},
		"another's of the same project": {of("shop", ""), false},
	} {
		if Owns(c.container, "shop") != c.owned {
			t.Errorf("%s: owned is %t", name, !c.owned)
		}
	}
	if Owns(of("", ""), "") {
		t.Error("what has no project is of the project without a name")
	}
}

func TestNoProjectHasTheNameOfATrial(t *testing.T) {
	if n := TrialProject("a"); len(n) <= 40 {
		t.Errorf("%s may be a project's", n)
	}
}
