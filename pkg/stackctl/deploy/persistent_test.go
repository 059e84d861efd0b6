package deploy

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestAPlanMakesAPersistentFolderWhereItIsNotThere(t *testing.T) {
	want := wantedShop()
	want.Release.Persistent = []stack.Persistent{{Path: "data/up", Services: []string{"api"}}}
	if got := planText(want, done()); !strings.HasPrefix(got, "[1] ship-files release bbbbbbbbbbbb, data/up of api is not there\n") {
		t.Errorf("got\n%s", got)
	}
	seen := done()
	seen.Files["data/up"] = stack.FolderHash
	if got := planText(want, seen); strings.Contains(got, "ship-files") {
		t.Errorf("got\n%s", got)
	}
	if list := want.interest(); list[len(list)-1] != "data/up" {
		t.Errorf("nobody looks for it: %v", list)
	}
}

func TestOneImageByAnyOfItsNamesIsNotPulledAgain(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	for reference, host := range map[string]stack.HostImage{
		"docker.io/library/postgres:16":           {ID: "sha256:cc", Tags: []string{"postgres:16"}},
		"postgres":                                {ID: "sha256:cc", Tags: []string{"postgres:latest"}},
		"postgres@" + digest:                      {ID: "sha256:cc", Digests: []string{"postgres@" + digest}},
		"docker.io/library/postgres:16@" + digest: {ID: "sha256:cc", Digests: []string{"postgres@" + digest}},
		"ghcr.io/team/app:1":                      {ID: "sha256:cc", Tags: []string{"ghcr.io/team/app:1"}},
	} {
		want, seen := wantedShop(), done()
		want.Release.Images[1].Reference, seen.Images[1] = reference, host
		if got := planText(want, seen); strings.Contains(got, "pull-image") {
			t.Errorf("%s is pulled though %v is there", reference, host)
		}
		seen.Images[1] = stack.HostImage{ID: "sha256:dd", Tags: []string{"postgres:15"}, Digests: []string{"postgres@sha256:" + strings.Repeat("cd", 32)}}
		if got := planText(want, seen); !strings.Contains(got, "pull-image "+reference) {
			t.Errorf("%s is not pulled", reference)
		}
	}
}
