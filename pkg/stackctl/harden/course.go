package harden

import (
	"maps"
	"slices"
)

// Outcome is how one start of a service ended.
type Outcome struct {
	Ready bool
	// Log are its lines that it does not write without hardening.
	Log []string
	// Last is what it said last: its last line, or what its health check printed.
	Last string
	// Problem is how it failed, in one clause: "keeps crashing"; empty: not known.
	Problem string
	// OutOfMemory reports whether it was ended for want of memory.
	OutOfMemory bool
}

// Course is the trials of one service: which setting is tried next, given how the
// ones before ended. All measures are tried at once first. What the log of a start
// that failed blames goes; where it blames none, one after the other goes, and those
// that went before the right one come back.
type Course struct {
	wanted, now, proven Setting
	left                []Left
	// guessed are the measures that went without a line that blamed them.
	guessed []Measure
	// needs are the capabilities that it got, with the line that asked for each.
	needs map[string]string
	// spare are the capabilities that it may not need.
	spare []string
	// back and less are what the present trial is about: a measure that comes back, a
	// capability that goes.
	back Measure
	less string
	// Starts counts the trials.
	Starts int
	done   bool
	broken string
}

// NewCourse returns the course of a service for which a setting is wanted.
func NewCourse(wanted Setting) *Course {
	return &Course{wanted: wanted, now: wanted, needs: map[string]string{}, done: wanted.Empty()}
}

// Next is the setting that is tried next; once Done, the one that it bears.
func (c *Course) Next() Setting { return c.now }

// Done reports whether nothing is left to be tried.
func (c *Course) Done() bool { return c.done }

// Left are the measures that were withdrawn.
func (c *Course) Left() []Left { return c.left }

// Needs are the capabilities that it does not start without, each with the line
// that asked for it; empty: none did.
func (c *Course) Needs() map[string]string { return c.needs }

// Broken is what the service said when it did not start without any measure either,
// though it had before; empty: it did.
func (c *Course) Broken() string { return c.broken }

// Ended takes how the trial of Next ended.
func (c *Course) Ended(o Outcome) {
	c.Starts++
	m, line := c.now.blamed(o.Log)
	if o.Ready && m == "" {
		c.proven = c.now
		c.follow()
		return
	}
	if c.back != "" || c.less != "" {
		c.refused(o, line)
		return
	}
	if o.OutOfMemory && c.now.Has(Memory) {
		m, line = Memory, "it was ended for want of memory"
	}
	c.withdraw(m, line, o)
}

// refused takes that what the present trial was about does not work: it stays as it was.
func (c *Course) refused(o Outcome, line string) {
	if c.back != "" {
		c.left = append(c.left, Left{c.back, withdrawn, said(line, o)})
	} else if c.needs[c.less] == "" {
		c.needs[c.less] = said(line, o)
	}
	c.now = c.proven
	c.follow()
}

// withdrawn is why a measure is left out that was tried.
const withdrawn = "it does not get ready with it"

// withdraw takes away what a start that failed blames.
func (c *Course) withdraw(m Measure, line string, o Outcome) {
	guessed := m == ""
	if guessed {
		m = c.guess()
	}
	switch {
	case m == "":
		c.broken, c.done = said(line, o), true
		return
	case m == Capabilities && c.grant(o):
		return
	case m == Memory && !guessed && c.now.Memory < 4*c.wanted.Memory:
		c.now.Memory *= 2
		return
	case m == Capabilities:
		c.spare, c.needs = nil, map[string]string{}
	}
	if guessed {
		c.guessed = append(c.guessed, m)
	}
	c.left = append(c.left, Left{m, withdrawn, said(line, o)})
	c.now = c.now.without(m)
}

// guessOrder is in which order measures go that nothing blames.
var guessOrder = []Measure{User, ReadOnly, NoNewPrivileges, Capabilities, Tasks, Memory}

func (c *Course) guess() Measure {
	for _, m := range guessOrder {
		if c.now.Has(m) && (m != User || !c.now.ImageUser) {
			return m
		}
	}
	return ""
}

// grant adds the capabilities that a log asks for, else the usual ones, and reports
// whether there were any to give.
func (c *Course) grant(o Outcome) bool {
	more := needed(o.Log)
	maps.DeleteFunc(more, func(one, _ string) bool { return slices.Contains(c.now.CapAdd, one) })
	if len(more) == 0 {
		for _, one := range usual {
			if !slices.Contains(c.now.CapAdd, one) {
				more[one] = ""
				c.spare = append(c.spare, one)
			}
		}
	}
	maps.Copy(c.needs, more)
	c.now.CapAdd = joined(c.now.CapAdd, slices.Collect(maps.Keys(more)))
	return len(more) > 0
}

// follow decides what is tried next after a setting was proven.
func (c *Course) follow() {
	c.back, c.less = "", ""
	// The one that went last is what it was: without it the service got ready.
	for len(c.guessed) > 1 {
		c.back, c.guessed = c.guessed[0], c.guessed[1:]
		c.left = slices.DeleteFunc(c.left, func(l Left) bool { return l.Measure == c.back })
		c.now = c.proven.with(c.back, c.wanted)
		return
	}
	for len(c.spare) > 0 {
		c.less, c.spare = c.spare[0], c.spare[1:]
		if slices.Contains(c.proven.CapAdd, c.less) {
			c.now = c.proven
			c.now.CapAdd = slices.DeleteFunc(slices.Clone(c.now.CapAdd), func(one string) bool { return one == c.less })
			return
		}
	}
	c.now, c.done = c.proven, true
	maps.DeleteFunc(c.needs, func(one, _ string) bool { return !slices.Contains(c.now.CapAdd, one) })
}

// said is the line that is told of a start that failed.
func said(line string, o Outcome) string {
	switch {
	case line != "":
		return line
	case len(o.Log) > 0 && o.Last == "":
		return o.Log[len(o.Log)-1]
	}
	return o.Last
}
