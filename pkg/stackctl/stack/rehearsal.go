package stack

// LabelThrowaway marks containers, networks and volumes that are on a host for a
// rehearsal alone; its value is the rehearsed project's name. Nothing that was
// deployed carries it, and volumes without it are never removed.
const LabelThrowaway = "dev.stackctl.throwaway"

// RehearsalDir holds the files of a rehearsal, relative to the target's Path. It
// goes with it.
const RehearsalDir = "rehearsal"

// RehearsalProject is the compose project in which a project's services are tried
// apart from those that are deployed. No project has its name; see TrialProject.
func RehearsalProject(project string) string {
	return project + "-rehearsal-" + Sum([]byte(project))[:40]
}

// Conduct is what a container has done since it was started.
type Conduct struct {
	// Changes are those of its own file system, in no volume, by path.
	Changes []FileChange
	// Memory is how many bytes it uses, or has used at most where the engine tells.
	Memory int64
	// Threads is how many tasks it has.
	Threads int64
	// UIDs are the users of its processes, sorted; nil: not known.
	UIDs []string
}

// FileChange is one change of a container's own file system.
type FileChange struct {
	Path string
	// Added means that it was not there before; Removed, that it is no more.
	Added, Removed bool
}
