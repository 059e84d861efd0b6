package stack

import (
	"fmt"
	"strings"
)

// Slot is one container of a service in the cluster: a Swarm service of one
// replica, so that the edge sees each of a service's containers by itself.
type Slot struct {
	Service string
	// N counts the slots of a service from 1.
	N int
	// Nodes are those that the slot may run on, in the order of the settings. With
	// more than one the Swarm chooses, and chooses anew where one is lost.
	Nodes []string
	// Cause is why these.
	Cause string
}

// String is the slot as a plan tells it.
func (s Slot) String() string {
	return fmt.Sprintf("%s-%d runs on %s: %s", s.Service, s.N, strings.Join(s.Nodes, " or "), s.Cause)
}
