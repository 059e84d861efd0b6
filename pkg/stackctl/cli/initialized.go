package cli

import (
	"errors"
	"io"

	"stackctl/pkg/stackctl/release"
)

// initialized is what init tells a program.
type initialized struct {
	Project string `json:"project"`
	// File is the stackctl.yaml, Settings what init makes it hold, Written that it
	// holds that.
	File     string     `json:"file"`
	Settings string     `json:"settings"`
	Written  bool       `json:"written"`
	Services []decision `json:"services"`
	// Variables have no value, Literals are secrets in the compose files.
	Variables []release.Undefined `json:"variables,omitempty"`
	Literals  []release.Literal   `json:"literals,omitempty"`
}

// initializeForMachines writes the same files as for a person, and prints one
// JSON document, also where a stackctl.yaml is there that would change.
func (o *initOptions) initializeForMachines(told initialized, others func(*initOptions) error) error {
	silent, out := *o, *o.printer
	out.out, silent.printer = io.Discard, &out
	err := silent.writeSettings([]byte(told.Settings))
	if told.Written = err == nil; told.Written {
		err = others(&silent)
	}
	return errors.Join(o.json(told), err)
}
