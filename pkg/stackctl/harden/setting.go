// Package harden finds the hardening that each service of a project bears, by
// trying it on a server apart from what is deployed there. It owns which measures
// there are, what is tried next, and the override file that comes of it; the trials
// go through package node. It must not know how the project was read or how
// anything is shown.
package harden

import (
	"slices"
	"strconv"
	"strings"
)

// Measure is one kind of hardening, by its key in a compose file.
type Measure string

// The measures, in the order in which they are told.
const (
	ReadOnly        Measure = "read_only"
	Capabilities    Measure = "cap_drop"
	NoNewPrivileges Measure = "no-new-privileges"
	User            Measure = "user"
	Memory          Measure = "mem_limit"
	Tasks           Measure = "pids_limit"
)

// Measures are all of them.
var Measures = []Measure{ReadOnly, Capabilities, NoNewPrivileges, User, Memory, Tasks}

// Setting is hardening of one service, on top of what its files say.
type Setting struct {
	// ReadOnly makes the root file system read-only, with Tmpfs for folders of which
	// nothing needs to last.
	ReadOnly bool     `json:"read_only,omitempty"`
	Tmpfs    []string `json:"tmpfs,omitempty"`
	// DropAll drops all capabilities but CapAdd.
	DropAll bool     `json:"cap_drop_all,omitempty"`
	CapAdd  []string `json:"cap_add,omitempty"`
	// NoNewPrivileges keeps programs from gaining rights.
	NoNewPrivileges bool `json:"no_new_privileges,omitempty"`
	// User is whom it runs as; ImageUser says that its image has it run so anyway.
	User      string `json:"user,omitempty"`
	ImageUser bool   `json:"image_user,omitempty"`
	// Memory is in bytes, Tasks a number of processes and threads; 0: no limit.
	Memory int64 `json:"memory_bytes,omitempty"`
	Tasks  int64 `json:"pids,omitempty"`
}

// Has reports whether a measure is part of the setting.
func (s Setting) Has(m Measure) bool {
	switch m {
	case ReadOnly:
		return s.ReadOnly
	case Capabilities:
		return s.DropAll
	case NoNewPrivileges:
		return s.NoNewPrivileges
	case User:
		return s.User != ""
	case Memory:
		return s.Memory > 0
	case Tasks:
		return s.Tasks > 0
	}
	return false
}

// Empty reports whether the setting changes nothing.
func (s Setting) Empty() bool {
	return !slices.ContainsFunc(Measures, s.Has)
}

// without returns the setting without a measure.
func (s Setting) without(m Measure) Setting {
	switch m {
	case ReadOnly:
		s.ReadOnly, s.Tmpfs = false, nil
	case Capabilities:
		s.DropAll, s.CapAdd = false, nil
	case NoNewPrivileges:
		s.NoNewPrivileges = false
	case User:
		s.User, s.ImageUser = "", false
	case Memory:
		s.Memory = 0
	case Tasks:
		s.Tasks = 0
	}
	return s
}

// with returns the setting with a measure as another setting has it.
func (s Setting) with(m Measure, of Setting) Setting {
	switch m {
	case ReadOnly:
		s.ReadOnly, s.Tmpfs = of.ReadOnly, of.Tmpfs
	case Capabilities:
		s.DropAll, s.CapAdd = of.DropAll, of.CapAdd
	case NoNewPrivileges:
		s.NoNewPrivileges = of.NoNewPrivileges
	case User:
		s.User, s.ImageUser = of.User, of.ImageUser
	case Memory:
		s.Memory = of.Memory
	case Tasks:
		s.Tasks = of.Tasks
	}
	return s
}

// Left is a measure, or a part of one, that a service goes without, and why.
type Left struct {
	Measure Measure `json:"measure"`
	Why     string  `json:"why"`
	// Line is what the service said when it was tried; empty: it was not, or said nothing.
	Line string `json:"line,omitempty"`
}

// capability returns a capability's name as Docker writes it in files.
func capability(name string) string { return strings.TrimPrefix(strings.ToUpper(name), "CAP_") }

// joined returns two lists as one, sorted, without repetition.
func joined(a, b []string) []string {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

// String returns the setting in one line.
func (s Setting) String() string {
	var out []string
	for _, m := range Measures {
		if !s.Has(m) {
			continue
		}
		text := string(m)
		switch m {
		case Capabilities:
			text = "cap_drop ALL"
			if len(s.CapAdd) > 0 {
				text += " but " + strings.Join(s.CapAdd, " ")
			}
		case User:
			text += " " + s.User
		case Memory:
			text += " " + size(s.Memory)
		case Tasks:
			text += " " + strconv.FormatInt(s.Tasks, 10)
		case ReadOnly:
			if len(s.Tmpfs) > 0 {
				text += " but " + strings.Join(s.Tmpfs, " ")
			}
		case NoNewPrivileges:
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, ", ")
}
