package stack

import "time"

// Hook is a program of the project that runs at a named point of a deploy.
type Hook struct {
	// At is the point: "before-switch", "after-deploy", …; see HookPoints.
	At string `mapstructure:"at" json:"at"`
	// Name tells it from other hooks; empty means the command's or the service's.
	Name string `mapstructure:"name" json:"name"`
	// Command runs on the operator's side, without a shell. Service is run to its
	// end in a container instead. One of the two is set.
	Command []string `mapstructure:"command" json:"command,omitempty"`
	Service string   `mapstructure:"service" json:"service,omitempty"`
	// Timeout is how long it may take.
	Timeout time.Duration `mapstructure:"timeout" json:"timeout_ns"`
	// Line is where stackctl.yaml names it.
	Line int `mapstructure:"-" json:"-"`
}

// HookPoints are the points at which hooks run. before-build is before the
// release is made of the files, after-build when its images are built; those of
// a rollback take the place of those of a deploy.
var HookPoints = []string{
	"before-build", "after-build", "before-deploy", "before-rollback", "before-migrate", "after-migrate",
	"before-switch", "after-switch", "after-deploy", "after-rollback",
}
