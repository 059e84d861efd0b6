package probe

import (
	"context"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate"
)

// Now is the server's time, and whose clock told it: the operator's may be anywhere.
func Now(ctx context.Context, subject gate.Subject) (time.Time, string) {
	out, err := subject.Server.Run(ctx, "date", "+%s.%N")
	if err == nil && out.Exit == 0 {
		sec, frac, _ := strings.Cut(strings.TrimSpace(string(out.Stdout)), ".")
		s, errS := strconv.ParseInt(sec, 10, 64)
		n, errN := strconv.ParseInt(frac, 10, 64)
		if errS == nil && errN == nil {
			return time.Unix(s, n).UTC(), "server"
		}
	}
	return time.Now().UTC(), "operator"
}
