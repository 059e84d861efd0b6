package stack

import (
	"errors"
	"fmt"
	"testing"
)

func TestExplainSaysTheFixOnceAndApart(t *testing.T) {
	full := errors.New("no space left on device")
	inner := Fault(CauseStep, "load server:dev", full, "free space")
	for name, c := range map[string]struct {
		err         error
		reason, fix string
	}{
		"plain":              {full, "no space left on device", ""},
		"with a fix":         {inner, "load server:dev: no space left on device", "free space"},
		"without":            {Fault(CauseStep, "load server:dev", full, ""), "load server:dev: no space left on device", ""},
		"the outer one's":    {Fault(CauseStep, "ship", inner, "ship again"), "ship: load server:dev: no space left on device; free space", "ship again"},
		"the inner one's":    {Fault(CauseStep, "ship", inner, ""), "ship: load server:dev: no space left on device", "free space"},
		"joined":             {errors.Join(inner, nil), "load server:dev: no space left on device", "free space"},
		"followed by others": {fmt.Errorf("%w; and then: %w", inner, full), "load server:dev: no space left on device; and then: no space left on device", "free space"},
		"without a reason":   {Fault(CauseUnjudged, "judge", nil, "ask again"), "judge", "ask again"},
	} {
		if reason, fix := Explain(c.err); reason != c.reason || fix != c.fix {
			t.Errorf("%s: %q, %q", name, reason, fix)
		}
	}
}
