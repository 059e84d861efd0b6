package harden

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// demand is something that a service refuses to start without: unless is met by a
// setting, and says is its log otherwise.
type demand struct {
	unless func(s Setting) bool
	says   string
}

func without(m Measure) func(Setting) bool { return func(s Setting) bool { return !s.Has(m) } }

func may(capability string) func(Setting) bool {
	return func(s Setting) bool { return !s.DropAll || slices.Contains(s.CapAdd, capability) }
}

func TestACourseFindsWhatAServiceBears(t *testing.T) {
	all := Setting{ReadOnly: true, Tmpfs: []string{"/tmp"}, DropAll: true, NoNewPrivileges: true, User: nobody, Memory: 128 * mib, Tasks: 256}
	kept := all
	kept.User = ""
	for _, c := range []struct {
		name    string
		wanted  Setting
		demands []demand
		ready   bool // it gets ready all the same, and complains
		bears   string
		left    string
		starts  int
	}{
		{"everything at once", all, nil, false, "read_only but /tmp, cap_drop ALL, no-new-privileges, user 65532:65532, mem_limit 128m, pids_limit 256", "", 1},
		{"a log names the measure", all, []demand{{without(ReadOnly), "open /state: read-only file system"}}, false,
			"cap_drop ALL, no-new-privileges, user 65532:65532, mem_limit 128m, pids_limit 256", "read_only: open /state: read-only file system", 2},
		{"it runs on, and complains", all, []demand{{without(ReadOnly), "cannot save: Read-only file system"}}, true,
			"cap_drop ALL, no-new-privileges, user 65532:65532, mem_limit 128m, pids_limit 256", "read_only: cannot save: Read-only file system", 2},
		{"a log that names nothing", kept, []demand{{without(NoNewPrivileges), "exit 1"}}, false,
			"read_only but /tmp, cap_drop ALL, mem_limit 128m, pids_limit 256", "no-new-privileges: exit 1", 4},
		{"a log that names nothing, twice", kept, []demand{{without(ReadOnly), "exit 1"}, {without(Tasks), "exit 2"}}, false,
			"cap_drop ALL, no-new-privileges, mem_limit 128m", "pids_limit: exit 2; read_only: exit 1", 9},
		{"capabilities that its log asks for", kept, []demand{
			{may("CHOWN"), "chown: changing ownership of '/data': Operation not permitted"},
			{may("DAC_OVERRIDE"), "chown: cannot read directory '/data': Permission denied"},
			{may("FOWNER"), "chmod: changing permissions of '/data': Operation not permitted"},
			{may("SETUID"), "setpriv: setresuid failed: Operation not permitted"},
		}, false, "read_only but /tmp, cap_drop ALL but CHOWN DAC_OVERRIDE FOWNER SETGID SETUID, no-new-privileges, mem_limit 128m, pids_limit 256", "", 5},
		{"a port below 1024", kept, []demand{{may("NET_BIND_SERVICE"), "bind() to 0.0.0.0:80 failed (13: Permission denied)"}}, false,
			"read_only but /tmp, cap_drop ALL but NET_BIND_SERVICE, no-new-privileges, mem_limit 128m, pids_limit 256", "", 2},
		{"a capability that no log names", Setting{DropAll: true}, []demand{{may("KILL"), "it did not work"}}, false, "cap_drop ALL but KILL", "", 9},
		{"a capability beyond the usual", Setting{DropAll: true}, []demand{{may("SYS_PTRACE"), "ptrace: Operation not permitted"}}, false, "nothing", "cap_drop: ptrace: Operation not permitted", 3},
		{"root, and a file system to write to", all, []demand{{without(ReadOnly), "EROFS: read-only file system"}, {without(User), "sh: cannot create /state: Permission denied"}}, false,
			"cap_drop ALL, no-new-privileges, mem_limit 128m, pids_limit 256", "read_only: EROFS: read-only file system; user: sh: cannot create /state: Permission denied", 3},
		{"more memory", Setting{Memory: 128 * mib}, []demand{{func(s Setting) bool { return s.Memory == 0 || s.Memory >= 256*mib }, "fatal: out of memory"}}, false, "mem_limit 256m", "", 2},
		{"nobody knows how much memory", Setting{Memory: 128 * mib}, []demand{{without(Memory), "fatal: out of memory"}}, false, "nothing", "mem_limit: fatal: out of memory", 4},
		{"what its image says is not in its way", Setting{User: "node", ImageUser: true, ReadOnly: true}, []demand{{without(ReadOnly), "EACCES: permission denied, mkdir '/app/x'"}}, false, "user node", "read_only: EACCES: permission denied, mkdir '/app/x'", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			course := NewCourse(c.wanted)
			for !course.Done() {
				o := Outcome{Ready: true}
				for _, d := range c.demands {
					if !d.unless(course.Next()) {
						o = Outcome{Ready: c.ready, Log: []string{d.says}, Last: d.says}
						break
					}
				}
				if course.Ended(o); course.Starts > 40 {
					t.Fatal("it does not end")
				}
			}
			var left []string
			for _, l := range course.Left() {
				left = append(left, fmt.Sprintf("%s: %s", l.Measure, l.Line))
			}
			if got := course.Next().String(); got != c.bears || strings.Join(left, "; ") != c.left || course.Starts != c.starts || course.Broken() != "" {
				t.Errorf("it bears %s\nwithout %s\nafter %d starts, broken %q;\nwant %s\nwithout %s\nafter %d", got, strings.Join(left, "; "), course.Starts, course.Broken(), c.bears, c.left, c.starts)
			}
		})
	}
}

func TestACourseTellsWhatEachCapabilityIsFor(t *testing.T) {
	c := NewCourse(Setting{DropAll: true})
	c.Ended(Outcome{Log: []string{"chown: changing ownership of '/data': Operation not permitted"}})
	c.Ended(Outcome{Log: []string{"gosu: error: failed switching to \"app\": operation not permitted"}})
	c.Ended(Outcome{Ready: true})
	want := map[string]string{
		"CHOWN":  "chown: changing ownership of '/data': Operation not permitted",
		"SETGID": "gosu: error: failed switching to \"app\": operation not permitted", "SETUID": "gosu: error: failed switching to \"app\": operation not permitted",
	}
	if got := c.Needs(); !c.Done() || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("done: %v, needs %v, want %v", c.Done(), got, want)
	}
}

func TestAServiceThatDoesNotStartAgainIsNotJudged(t *testing.T) {
	c := NewCourse(Setting{ReadOnly: true, NoNewPrivileges: true})
	for range 3 {
		c.Ended(Outcome{Last: "table users exists already"})
	}
	if !c.Done() || c.Broken() != "table users exists already" {
		t.Errorf("done: %v, broken %q", c.Done(), c.Broken())
	}
}

func TestNovelLinesAreThoseOfTheHardening(t *testing.T) {
	before := []string{"2026-11-30 10:00:00 [7] ready in 12 ms", "warn: open /x: permission denied"}
	now := []string{"2026-12-01 11:22:33 [9] ready in 9 ms", "warn: open /x: permission denied", "", "chown 5f2c: operation not permitted"}
	if got := novel(now, before); !slices.Equal(got, []string{"chown 5f2c: operation not permitted"}) {
		t.Errorf("novel are %q", got)
	}
}
