package release

import (
	"io/fs"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// What stackctl.exe freezes is what stackctl freezes: places of services and
// local files have other separators there, and decide nothing.
func TestSeparatorsOfThisMachineAreInNoIdentity(t *testing.T) {
	for rel, want := range map[string]string{`.`: "", `api\app.conf`: "api/app.conf", `..\shared\x`: "_up/shared/x", `a/b\c`: "a/b/c"} {
		if got := slashed(rel, '\\'); got != want {
			t.Errorf("%s is %q, want %q", rel, got, want)
		}
	}
	if got := slashed(`odd\name`, '/'); got != `odd\name` {
		t.Errorf("a name with a backslash became %q", got)
	}
	on := func(root, separator string) stack.Release {
		r := stack.Release{Project: "shop", Domain: "shop.example"}
		r.Services = []stack.Service{{Name: "api", File: root + separator + "compose.yaml", Volumes: []stack.Mount{{Source: root + separator + "conf"}}}}
		kept, err := frozen(r, root)
		if err != nil {
			t.Fatal(err)
		}
		r.Files = []stack.File{kept, {Path: "releases/" + placeholder + "/app.yaml", Content: []byte("services: {}")}}
		return r
	}
	linux, windows := on("/home/a/shop", "/"), on(`C:\Users\a\shop`, `\`)
	if identity(linux, nil) != identity(windows, nil) {
		t.Error("the same project is another release on Windows")
	}
	windows.Files[1].Mode |= 0o111 & fs.ModePerm
	if identity(linux, nil) == identity(windows, nil) {
		t.Error("what runs does not count")
	}
}
