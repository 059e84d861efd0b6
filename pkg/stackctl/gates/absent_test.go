package gates

import (
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/auth"
	"stackctl/pkg/stackctl/gate/contract"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/gate/jobs"
	"stackctl/pkg/stackctl/gate/schemas"
)

func TestGatesSkipWhatAProjectDoesNotHave(t *testing.T) {
	for _, g := range []gate.Gate{contract.Static(), contract.Runtime(), auth.Guards(), auth.Walk(), auth.Guessing(), schemas.Live(), jobs.Inside(), jobs.Public()} {
		d := gatetest.GoodDeployment(t)
		d.Release.Services, d.Release.Contract = nil, nil
		a, err := g.Check(t.Context(), d.Subject)
		if err != nil || a.Skip == "" || a.Inspected > 0 {
			t.Errorf("%s %s: %v %+v", g.ID, g.Name, err, a)
		}
		// A service that is there is never skipped, whatever is configured.
		d = gatetest.GoodDeployment(t)
		d.Release.Contract = nil
		if a, _ := g.Check(t.Context(), d.Subject); a.Skip != "" {
			t.Errorf("%s %s is skipped: %s", g.ID, g.Name, a.Skip)
		}
	}
}
