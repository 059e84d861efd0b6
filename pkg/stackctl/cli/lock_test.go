package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

func TestWhoHoldsTheLockInWords(t *testing.T) {
	var out bytes.Buffer
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	(&lockOptions{printer: printerTo(&out, "text")}).printHolder(stack.LockInfo{Owner: "ada\x1b[2J@desk", Run: "r1", Since: now.Add(-time.Hour), Beat: now.Add(-3 * time.Second)}, now)
	for _, want := range []string{"@desk holds the lock since 2026-11-22 11:00 UTC (run r1, last heard of 3 s ago)\n", "--lock-wait 10m", "stackctl lock --clear r1"} {
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%q is not in %q", want, out.String())
		}
	}
}
