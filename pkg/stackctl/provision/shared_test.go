package provision

import (
	"strings"
	"testing"
)

func TestASharedHostHasTheIngressFolders(t *testing.T) {
	s := testSettings()
	s.Shared = true
	f := recorded(t, "ready-debian12")
	changes := Plan(f, s)
	if len(changes) != 1 || changes[0].Item != "folders" || len(changes[0].Actions) != 3 || !strings.Contains(changes[0].Cause, "/srv/stackctl-ingress/dynamic is not there") {
		t.Fatalf("plan:\n%s", Text(changes))
	}
	f.Folders["/srv/stackctl-ingress"], f.Folders["/srv/stackctl-ingress/dynamic"], f.Folders["/srv/stackctl-ingress/tmp"] = s.User+" 755", s.User+" 755", s.User+" 700"
	if changes := Plan(f, s); len(changes) != 0 || f.foreign(s, "h") != nil {
		t.Errorf("plan of a ready one:\n%s", Text(changes))
	}
	f.Folders["/srv/stackctl-ingress"] = "ann 755"
	if err := f.foreign(s, "h"); err == nil || !strings.Contains(err.Error(), "user: ann") && !strings.Contains(err.Error(), "belongs to ann") {
		t.Errorf("another project's user: %v", err)
	}
	s.Shared = false
	if err := f.foreign(s, "h"); err != nil {
		t.Errorf("a project that shares nothing: %v", err)
	}
}
