package gates

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/auth"
	"stackctl/pkg/stackctl/gate/contract"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/gate/jobs"
	"stackctl/pkg/stackctl/gate/schemas"
	"stackctl/pkg/stackctl/stack"
)

// What stackctl.yaml does not name is skipped, and the reason says which key is
// missing; what it names never is, whatever the release holds.
func TestGatesSkipWhatAProjectDoesNotConfigure(t *testing.T) {
	for _, g := range []gate.Gate{contract.Static(), contract.Runtime(), auth.Guards(), auth.Walk(), auth.Guessing(), schemas.Live(), jobs.Inside(), jobs.Public()} {
		d := gatetest.GoodDeployment(t)
		d.Release.Contract, d.Config.Contract, d.Config.Gates = nil, stack.Contract{}, stack.Gates{}
		a, err := g.Check(t.Context(), d.Subject)
		if err != nil || !strings.Contains(a.Skip, "stackctl.yaml names no ") || a.Inspected > 0 {
			t.Errorf("%s %s: %v %+v", g.ID, g.Name, err, a)
		}
		d = gatetest.GoodDeployment(t)
		d.Release.Services, d.Release.Contract, d.Config.Contract.File = nil, nil, "contract.yaml"
		if a, _ := g.Check(t.Context(), d.Subject); a.Skip != "" {
			t.Errorf("%s %s is skipped: %s", g.ID, g.Name, a.Skip)
		}
	}
}
