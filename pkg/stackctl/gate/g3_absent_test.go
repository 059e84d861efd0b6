package gate

import "testing"

func TestGatesSkipWhatAProjectDoesNotHave(t *testing.T) {
	for _, g := range []Gate{contractStatic(), contractRuntime(), authGuards(), auth(), authGuessing(), schema(), jobs(), jobsPublic()} {
		d := goodDeployment(t)
		d.Release.Services, d.Release.Contract = nil, nil
		a, err := g.Check(t.Context(), d.Subject)
		if err != nil || a.Skip == "" || a.Inspected > 0 {
			t.Errorf("%s %s: %v %+v", g.ID, g.Name, err, a)
		}
		// A service that is there is never skipped, whatever is configured.
		d = goodDeployment(t)
		d.Release.Contract = nil
		if a, _ := g.Check(t.Context(), d.Subject); a.Skip != "" {
			t.Errorf("%s %s is skipped: %s", g.ID, g.Name, a.Skip)
		}
	}
}
