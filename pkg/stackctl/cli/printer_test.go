package cli

import (
	"io"

	"stackctl/pkg/stackctl/redact"
)

// printerTo returns a printer that hides a password.
func printerTo(out io.Writer, output string) *printer {
	p := newSession(nil, out, out).printer
	p.output, p.known = output, redact.New(map[string]string{"password": "hunter2-hunter2"})
	return p
}
