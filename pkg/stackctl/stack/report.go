package stack

import "time"

// Phase is when a gate can look.
type Phase string

// The phases, in order.
const (
	PhaseStatic Phase = "static"      // files only
	PhasePre    Phase = "pre-switch"  // the new release, before users
	PhasePost   Phase = "post-switch" // from outside, through the edge
)

// Status is how a gate ended.
type Status string

// The ends of a gate. CouldNotJudge is never a pass.
const (
	Passed        Status = "passed"
	Failed        Status = "failed"
	CouldNotJudge Status = "could-not-judge"
	Skipped       Status = "skipped"
)

// GateResult is one gate's answer in one phase.
type GateResult struct {
	ID       string   `json:"id"` // G1 … G10
	Name     string   `json:"name"`
	Question string   `json:"question"`
	Phase    Phase    `json:"phase"`
	Refs     []string `json:"refs"`
	Status   Status   `json:"status"`
	// Reason explains skipped and could-not-judge.
	Reason string `json:"reason,omitempty"`
	// Inspected counts what was looked at, Of says what: "41", "routes".
	Inspected int       `json:"inspected"`
	Of        string    `json:"of"`
	Findings  []Finding `json:"findings,omitempty"`
	// Advice are findings of level strict under PolicyStandard: told, counted, never in the way.
	Advice []Finding `json:"advice,omitempty"`
	// Accepted are findings that an exception covers.
	Accepted []Finding `json:"accepted,omitempty"`
	Attempts []Attempt `json:"attempts,omitempty"`
	// Evidence are artifact names.
	Evidence []string `json:"evidence,omitempty"`
	// Latencies are the samples of a health gate, for the report's picture.
	Latencies []Latency     `json:"latencies,omitempty"`
	Started   time.Time     `json:"started"`
	Took      time.Duration `json:"took_ns"`
	Rerun     string        `json:"rerun"`
}

// Finding is one thing that is not as it must be.
type Finding struct {
	// Rule is the ID of the rule that it comes from.
	Rule string `json:"rule"`
	// Level is the rule's; strict where it is about a service that is not deployed.
	Level Level `json:"level"`
	// Subject names the thing, stably, for exceptions: "service api",
	// "GET /users/me", "resolver le".
	Subject  string `json:"subject"`
	Problem  string `json:"problem"`
	Expected string `json:"expected"`
	Observed string `json:"observed"`
	// Evidence is the artifact that shows it.
	Evidence string `json:"evidence,omitempty"`
	Fix      string `json:"fix"`
	// File and Line say where to fix it, where that is known.
	File      string     `json:"file,omitempty"`
	Line      int        `json:"line,omitempty"`
	Exception *Exception `json:"exception,omitempty"`
}

// Attempt is one try to find the subject ready; assertions are never retried.
type Attempt struct {
	At     time.Time `json:"at"`
	Result string    `json:"result"`
}

// Latency are the samples of one endpoint.
type Latency struct {
	Endpoint  string          `json:"endpoint"`
	Samples   []time.Duration `json:"samples_ns"`
	P50       time.Duration   `json:"p50_ns"`
	P95       time.Duration   `json:"p95_ns"`
	Max       time.Duration   `json:"max_ns"`
	Threshold time.Duration   `json:"threshold_ns"`
	Errors    int             `json:"errors"`
}

// Verdict is how a run ended.
type Verdict string

// The verdicts of a run.
const (
	VerdictGood        Verdict = "good"
	VerdictGateFailed  Verdict = "gate-failed"
	VerdictUnjudged    Verdict = "could-not-judge"
	VerdictStepFailed  Verdict = "step-failed"
	VerdictRefused     Verdict = "refused" // bad input, unreachable, locked
	VerdictInterrupted Verdict = "interrupted"
)

// StepResult is one step as it went.
type StepResult struct {
	Step    Step          `json:"step"`
	Started time.Time     `json:"started"`
	Took    time.Duration `json:"took_ns"`
	Error   string        `json:"error,omitempty"`
	// Detail is what the step says of itself: bytes sent, containers touched.
	Detail string `json:"detail,omitempty"`
}

// Wire is what a run sent over its connection.
type Wire struct {
	// Connections are SSH connections, Sessions commands and the file channel,
	// Tunnels sockets on the server, Files operations on files, Calls requests to
	// the Docker Engine.
	Connections int   `json:"connections"`
	Sessions    int64 `json:"sessions"`
	Tunnels     int64 `json:"tunnels"`
	Files       int64 `json:"files"`
	Calls       int64 `json:"calls"`
	// Sent and Received are bytes.
	Sent     int64 `json:"sent"`
	Received int64 `json:"received"`
}

// Report is the whole story of one run.
type Report struct {
	Run      string  `json:"run"`
	Verb     string  `json:"verb"` // deploy, verify, rollback, …
	Verdict  Verdict `json:"verdict"`
	ExitCode int     `json:"exit_code"`
	// Reason is one sentence for every verdict but good.
	Reason string `json:"reason,omitempty"`
	// Fix is what to do next, for every verdict but good.
	Fix     string `json:"fix,omitempty"`
	Project string `json:"project"`
	Target  string `json:"target"`
	Host    string `json:"host"`
	URL     string `json:"url"`
	Release string `json:"release"`
	Commit  string `json:"commit"`
	// Before is the release that was live when the run began, Live the one
	// that is live at its end.
	Before string `json:"before"`
	Live   string `json:"live"`
	// Wire is nil where the run reached no server.
	Wire *Wire `json:"wire,omitempty"`
	// Unused are exceptions that no finding of the run needed.
	Unused []Exception `json:"unused_exceptions,omitempty"`
	// RolledBack reports whether this run pointed the edge back at Before.
	RolledBack bool `json:"rolled_back"`
	// Unsettled reports whether Before could not be brought back whole: what serves
	// must be looked at.
	Unsettled bool `json:"unsettled,omitempty"`
	// Unseen reports whether the run could not look at the server at its end. Live
	// is then what it knew last, empty where it was just leading users elsewhere.
	Unseen  bool              `json:"unseen,omitempty"`
	Tools   map[string]string `json:"tools"` // name → version
	Started time.Time         `json:"started"`
	Took    time.Duration     `json:"took_ns"`
	Plan    Plan              `json:"plan"`
	Steps   []StepResult      `json:"steps"`
	Gates   []GateResult      `json:"gates"`
	// Logs are the last lines of services that did not become healthy.
	Logs map[string]string `json:"logs,omitempty"`
	// Artifacts maps an artifact to why it holds nothing, where it does.
	Artifacts map[string]string `json:"artifacts,omitempty"`
	// Manifest are the artifacts as they were when the report was made; the
	// reports themselves and the manifest are written after that.
	Manifest []FileSum `json:"manifest,omitempty"`
}

// FileSum identifies the content of one artifact.
type FileSum struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hex
}

// Counts returns how many gates ended each way.
func (r Report) Counts() map[Status]int {
	n := map[Status]int{}
	for _, g := range r.Gates {
		n[g.Status]++
	}
	return n
}
