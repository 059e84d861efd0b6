package stack

import "time"

// EventKind is what happened.
type EventKind string

// The kinds of events.
const (
	EventPhase    EventKind = "phase"    // a part of the story began: freeze, connect, observe, …
	EventStep     EventKind = "step"     // a step began
	EventProgress EventKind = "progress" // a step or phase moved: Done of Total, in Unit
	EventDone     EventKind = "done"     // a step or phase ended
	EventFailed   EventKind = "failed"   // a step or phase ended badly
	EventGate     EventKind = "gate"     // a gate ended
	EventNote     EventKind = "note"     // something to know
	EventVerdict  EventKind = "verdict"  // the run ended
)

// Event is one line of a run's story: shown by display, chained in run.jsonl.
type Event struct {
	At   time.Time `json:"at"`
	Kind EventKind `json:"kind"`
	// Target is set where several targets are worked on at once.
	Target string `json:"target,omitempty"`
	// Name is the phase, step or gate.
	Name    string        `json:"name"`
	Message string        `json:"message,omitempty"`
	Done    int64         `json:"done,omitempty"`
	Total   int64         `json:"total,omitempty"`
	Unit    string        `json:"unit,omitempty"`
	Took    time.Duration `json:"took_ns,omitempty"`
	Step    *Step         `json:"step,omitempty"`
	Gate    *GateResult   `json:"gate,omitempty"`
	Report  *Report       `json:"report,omitempty"`
}

// Emit takes an event. It must be safe for concurrent use.
type Emit func(Event)
