package harden

import (
	"path"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// Seen is what is known of a service that ran without hardening.
type Seen struct {
	stack.Conduct
	// ImageUser is whom its image has it run as; empty is root.
	ImageUser string
	// Limited reports whether its files limit the number of its tasks.
	Limited bool
}

const (
	// nobody is whom a service is tried as whose image names nobody: a user that no
	// image and no host gives a name or files to.
	nobody = "65532:65532"
	mib    = 1 << 20
	// leastMemory is what every service gets; memoryStep is what limits are rounded up to.
	leastMemory, memoryStep = 128 * mib, 32 * mib
	leastTasks, tasksStep   = 256, 64
)

// Wanted returns the hardening that a service lacks and that is worth a trial, and
// what is not worth one. before is what an earlier run found, which stays where it
// still fits.
func Wanted(s stack.Service, seen Seen, before Setting) (Setting, []Left) {
	var w Setting
	var left []Left
	if !s.ReadOnly {
		w.ReadOnly, w.Tmpfs = true, scratch(s, seen.Changes, before.Tmpfs)
	}
	w.DropAll = !slices.ContainsFunc(s.CapDrop, func(c string) bool { return capability(c) == "ALL" })
	w.NoNewPrivileges = !slices.ContainsFunc(s.SecurityOpt, func(o string) bool { return strings.HasPrefix(o, "no-new-privileges") })
	var why string
	if w.User, w.ImageUser, why = user(s, seen); why != "" {
		left = append(left, Left{Measure: User, Why: why})
	}
	if s.OneShot {
		const ended = "it ends before it can be seen what it uses"
		if s.MemoryLimit == 0 {
			left = append(left, Left{Measure: Memory, Why: ended})
		}
		return w, left
	}
	if s.MemoryLimit == 0 {
		w.Memory = kept(before.Memory, roomy(3*seen.Memory+64*mib, leastMemory, memoryStep))
	}
	if !seen.Limited {
		w.Tasks = kept(before.Tasks, roomy(4*seen.Threads, leastTasks, tasksStep))
	}
	return w, left
}

// roomy rounds a limit up.
func roomy(n, least, step int64) int64 { return max(least, (n+step-1)/step*step) }

// kept returns a limit that was found before, as long as it is about what is found
// now: two runs never measure the same.
func kept(before, now int64) int64 {
	if before >= now/2 && before <= 2*now && before > 0 {
		return before
	}
	return now
}

// user decides whom a service is tried as; why says why not.
func user(s stack.Service, seen Seen) (name string, ofImage bool, why string) {
	switch image := seen.ImageUser; {
	case s.User != "" && root(s.User):
		return "", false, "the file names root"
	case s.User != "":
		return "", false, ""
	case image != "" && !root(image):
		return image, true, ""
	case image != "":
		return "", false, "its image names " + image
	case s.Layer == stack.LayerData:
		return "", false, "it keeps data, which may be root's"
	case s.OneShot:
		return "", false, "it prepares what others use, which may be root's"
	}
	for _, m := range s.Volumes {
		if m.Type != "tmpfs" && !m.ReadOnly {
			return "", false, "what it keeps in " + m.Target + " may be root's"
		}
	}
	if len(seen.UIDs) == 0 || slices.ContainsFunc(seen.UIDs, func(uid string) bool { return uid != "0" }) {
		return "", false, "its program gives root up by itself"
	}
	return nobody, false, ""
}

// root reports whether a user, or a group beside it, is root.
func root(user string) bool {
	name, group, _ := strings.Cut(user, ":")
	is := func(s string) bool { return s == "root" || strings.Trim(s, "0") == "" && s != "" }
	return is(name) || is(group)
}

// lasting are folders of which programs keep nothing for later, with all below them.
var lasting = []string{"/tmp", "/var/tmp", "/run", "/var/run", "/var/lock", "/var/cache", "/var/lib/nginx/tmp", "/root/.cache", "/home"}

// mostTmpfs bounds how many folders of one service are held in memory.
const mostTmpfs = 8

// scratch are the folders of a service that are held in memory once its root file
// system is read-only: those that it wrote to, of which nothing needs to last.
func scratch(s stack.Service, changes []stack.FileChange, before []string) []string {
	added := map[string]bool{}
	for _, c := range changes {
		added[c.Path] = c.Added
	}
	out := []string{"/tmp"}
	for _, c := range changes {
		// The engine makes the places of secrets itself.
		if dir := path.Dir(c.Path); c.Added && !added[dir] && fleeting(dir) && c.Path != "/run/secrets" {
			out = append(out, dir)
		}
	}
	for _, dir := range before {
		if fleeting(dir) {
			out = append(out, dir)
		}
	}
	out = joined(out, nil)
	out = slices.DeleteFunc(out, func(dir string) bool {
		return slices.ContainsFunc(s.Volumes, func(m stack.Mount) bool {
			target, _, _ := strings.Cut(m.Target, ":")
			return path.Clean(target) == dir
		})
	})
	return out[:min(len(out), mostTmpfs)]
}

func fleeting(dir string) bool {
	for _, known := range lasting {
		if known == "/home" {
			if strings.HasPrefix(dir, "/home/") && strings.Contains(dir+"/", "/.cache/") {
				return true
			}
			continue
		}
		if dir == known || strings.HasPrefix(dir, known+"/") {
			return true
		}
	}
	return false
}
