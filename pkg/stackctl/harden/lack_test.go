package harden

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestWhatAServiceLacksIsWanted(t *testing.T) {
	wrote := func(paths ...string) (list []stack.FileChange) {
		for _, p := range paths {
			at, added := strings.CutPrefix(p, "+")
			list = append(list, stack.FileChange{Path: at, Added: added})
		}
		return list
	}
	asRoot := Seen{Conduct: stack.Conduct{UIDs: []string{"0"}, Memory: 10 * mib, Threads: 4}}
	for _, c := range []struct {
		name    string
		service stack.Service
		seen    Seen
		before  Setting
		wants   string
		left    string
	}{
		{"nothing is there", stack.Service{Layer: stack.LayerApp}, asRoot, Setting{},
			"read_only but /tmp, cap_drop ALL, no-new-privileges, user 65532:65532, mem_limit 128m, pids_limit 256", ""},
		{"all is there", stack.Service{ReadOnly: true, CapDrop: []string{"CAP_ALL"}, SecurityOpt: []string{"no-new-privileges=true"}, User: "1000", MemoryLimit: mib}, Seen{Limited: true}, Setting{}, "nothing", ""},
		{"scratch is held in memory, what lasts is not", stack.Service{User: "1"},
			Seen{Conduct: stack.Conduct{Changes: wrote("/var", "/var/cache/nginx", "+/var/cache/nginx/proxy", "/run", "+/run/nginx.pid", "+/run/secrets", "+/data", "+/data/db", "/etc/hosts", "+/home/node/.cache/a"), Memory: 100 * mib, Threads: 100}}, Setting{},
			"read_only but /home/node/.cache /run /tmp /var/cache/nginx, cap_drop ALL, no-new-privileges, mem_limit 384m, pids_limit 448", ""},
		{"a folder that is mounted is not mounted again", stack.Service{User: "1", Volumes: []stack.Mount{{Type: "tmpfs", Target: "/tmp:size=1m"}}}, Seen{Limited: true}, Setting{}, "read_only, cap_drop ALL, no-new-privileges, mem_limit 128m", ""},
		{"limits that are about the same stay", stack.Service{User: "1"}, asRoot, Setting{Memory: 160 * mib, Tasks: 320, Tmpfs: []string{"/run", "/srv"}}, "read_only but /run /tmp, cap_drop ALL, no-new-privileges, mem_limit 160m, pids_limit 320", ""},
		{"limits that are far off do not", stack.Service{User: "1"}, asRoot, Setting{Memory: 1024 * mib, Tasks: 64}, "read_only but /tmp, cap_drop ALL, no-new-privileges, mem_limit 128m, pids_limit 256", ""},
		{"the image's user", stack.Service{ReadOnly: true, MemoryLimit: 1}, Seen{ImageUser: "node", Limited: true}, Setting{}, "cap_drop ALL, no-new-privileges, user node", ""},
		{"the image's user in root's group", stack.Service{ReadOnly: true, MemoryLimit: 1}, Seen{ImageUser: "1000:0", Limited: true}, Setting{}, "cap_drop ALL, no-new-privileges", "user: its image names 1000:0"},
		{"root by name", stack.Service{ReadOnly: true, MemoryLimit: 1, User: "root"}, Seen{Limited: true}, Setting{}, "cap_drop ALL, no-new-privileges", "user: the file names root"},
		{"a store", stack.Service{Layer: stack.LayerData, ReadOnly: true, MemoryLimit: 1}, asRoot, Setting{}, "cap_drop ALL, no-new-privileges, pids_limit 256", "user: it keeps data, which may be root's"},
		{"a volume", stack.Service{ReadOnly: true, MemoryLimit: 1, Volumes: []stack.Mount{{Type: "volume", Target: "/data"}}}, asRoot, Setting{}, "cap_drop ALL, no-new-privileges, pids_limit 256", "user: what it keeps in /data may be root's"},
		{"a program that gives root up", stack.Service{ReadOnly: true, MemoryLimit: 1}, Seen{Conduct: stack.Conduct{UIDs: []string{"0", "33"}}, Limited: true}, Setting{}, "cap_drop ALL, no-new-privileges", "user: its program gives root up by itself"},
		{"a one-shot", stack.Service{OneShot: true, ReadOnly: true, User: "1"}, Seen{}, Setting{}, "cap_drop ALL, no-new-privileges", "mem_limit: it ends before it can be seen what it uses"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, list := Wanted(c.service, c.seen, c.before)
			left := ""
			for _, l := range list {
				left += string(l.Measure) + ": " + l.Why
			}
			if got.String() != c.wants || left != c.left {
				t.Errorf("wanted %s, left %q;\nwant   %s, left %q", got, left, c.wants, c.left)
			}
		})
	}
}
