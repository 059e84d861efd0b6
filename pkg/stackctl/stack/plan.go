package stack

import (
	"fmt"
	"strings"
)

// Kind is what a step of a plan does.
type Kind string

// The kinds of steps, in the order in which a deploy takes them.
const (
	StepShipImage Kind = "ship-image"
	StepPullImage Kind = "pull-image"
	// StepBuildImage builds an image, on the operator's Engine or on the host's.
	StepBuildImage Kind = "build-image"
	StepShipFiles  Kind = "ship-files"
	StepTrial      Kind = "trial"
	// StepRehearse asks a staging directory for certificates before a public one is asked.
	StepRehearse Kind = "rehearse"
	// StepNetwork makes a network that the files call external.
	StepNetwork Kind = "network"
	// StepAdopt sets aside what docker compose started of the project.
	StepAdopt   Kind = "adopt"
	StepData    Kind = "data"
	StepBackup  Kind = "backup"
	StepMigrate Kind = "migrate"
	// StepStandby starts a copy of the edge, which serves while that is replaced.
	StepStandby Kind = "standby"
	// StepIngress leads the server's ingress to the project's hosts.
	StepIngress Kind = "ingress"
	StepEdge    Kind = "edge"
	StepStart   Kind = "start"
	StepGates   Kind = "gates"
	StepSwitch  Kind = "switch"
	// StepReach has each edge of a cluster try the way to a release.
	StepReach Kind = "reach"
	// StepCertificates has each edge of a cluster get its certificates.
	StepCertificates Kind = "certificates"
	StepDrain        Kind = "drain"
	StepCommit       Kind = "commit"
	StepRemove       Kind = "remove"
	StepPrune        Kind = "prune"
	// StepStop stops services of a release at once, and waits for nothing.
	StepStop Kind = "stop"
	// StepWait waits until a service that runs once has ended.
	StepWait Kind = "wait"
	// StepHook runs a program of the project.
	StepHook Kind = "hook"
	// StepReinstate starts again what StepAdopt set aside.
	StepReinstate Kind = "reinstate"
	// StepDiscard removes what StepAdopt set aside: the release is in its place.
	StepDiscard Kind = "discard"
	// StepFail ends an undo: the host remembers that the release failed, and why.
	StepFail Kind = "fail"
)

// Step is one thing that a deploy will do, with its cause. It is data: the
// executor applies it and decides nothing.
type Step struct {
	Kind Kind `json:"kind"`
	// Subject is what it is done to: an image, a service list, a release.
	Subject string `json:"subject"`
	// Services are the services that the step touches.
	Services []string `json:"services,omitempty"`
	// Hosts are those that the ingress leads to the project after an ingress step.
	Hosts []string `json:"hosts,omitempty"`
	// Places are the places that a backup step takes.
	Places []string `json:"places,omitempty"`
	// Nodes are those of a cluster that an image step brings the image to.
	Nodes []string `json:"nodes,omitempty"`
	// Release is the release that the step acts on; empty: the project's base.
	Release string `json:"release,omitempty"`
	// Phase is the phase of a gates step.
	Phase Phase `json:"phase,omitempty"`
	// Hook is what a hook step runs.
	Hook *Hook `json:"hook,omitempty"`
	// Cause is why the step is needed.
	Cause string `json:"cause"`
}

// String is the step as `plan` prints it.
func (s Step) String() string {
	return fmt.Sprintf("%s %s, %s", s.Kind, s.Subject, s.Cause)
}

// Plan is the ordered steps of one deploy.
type Plan struct {
	Release string `json:"release"`
	Live    string `json:"live"`
	Steps   []Step `json:"steps"`
	// Notes are what the operator should know before: what cannot be lossless.
	Notes []string `json:"notes,omitempty"`
}

// Changes reports whether the plan does more than judge and tidy up.
func (p Plan) Changes() bool {
	for _, s := range p.Steps {
		switch s.Kind {
		case StepGates, StepCommit, StepCertificates, StepRemove, StepDiscard, StepPrune, StepHook:
		default:
			return true
		}
	}
	return false
}

// String is the plan as text, one numbered step a line.
func (p Plan) String() string {
	var b strings.Builder
	live := p.Live
	if live == "" {
		live = "nothing"
	}
	fmt.Fprintf(&b, "release %s, %s is live\n", p.Release, live)
	for i, s := range p.Steps {
		fmt.Fprintf(&b, "[%d] %s\n", i+1, s)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}
