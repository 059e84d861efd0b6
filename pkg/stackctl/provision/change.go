package provision

import (
	"fmt"
	"strings"
)

// Change is one thing that will be changed on the host, with its cause. It is
// data: Apply carries it out and decides nothing.
type Change struct {
	Item  string `json:"item"`  // firewall, deploy user, …
	What  string `json:"what"`  // what will be done
	Cause string `json:"cause"` // what was observed
	// Actions are done in order, as root.
	Actions []Action `json:"-"`
	// Guard is set where a mistake could lock the operator out.
	Guard *Guard `json:"-"`
}

// String is the change as `provision` prints it.
func (c Change) String() string { return fmt.Sprintf("%s: %s, because %s", c.Item, c.What, c.Cause) }

// Text is a plan as text, one numbered change a line.
func Text(changes []Change) string {
	var b strings.Builder
	for i, c := range changes {
		fmt.Fprintf(&b, "[%d] %s\n", i+1, c)
	}
	return b.String()
}

// Action is one thing done on the host. Exactly one of its parts is set.
type Action struct {
	Apt  *Apt
	File *File
	// Run is a command; its last lines explain a failure.
	Run []string
}

// Apt installs packages.
type Apt struct {
	// Repair finishes what an interrupted dpkg left.
	Repair bool
	// Refresh fetches the index first.
	Refresh  bool
	Packages []string
}

// File writes a file of root's by rename.
type File struct {
	Path    string
	Mode    string // octal
	Content string
	// Backup keeps the file that was there beside it.
	Backup bool
}

// Guard tries a second connection after a change, before the first is given
// up. If it fails, or if nobody confirms in time because this end is gone, the
// change's files are put back and Undo runs.
type Guard struct {
	// Name is a word for the host's timer.
	Name string
	// Files are put back as they were before, or removed.
	Files []string
	Undo  []string
}

// shell is a command of several lines that stops at the first failure.
func shell(script string, args ...string) []string {
	return append([]string{"sh", "-c", "set -eu\n" + script, "sh"}, args...)
}
