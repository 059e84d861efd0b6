package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"stackctl/pkg/stackctl/display"
	"stackctl/pkg/stackctl/redact"
)

// outputs are the values of --output.
var outputs = []string{"text", "json"}

// printer writes what verbs tell, as text for people or JSON for programs, and
// hides the secrets that are known.
type printer struct {
	*redactor
	out, errs io.Writer

	output  string // one of outputs
	quiet   bool
	verbose bool
}

// json writes a value for programs.
func (p *printer) json(v any) error {
	e := json.NewEncoder(p.out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// jsonLine writes a value as one line, masked as events are.
func (p *printer) jsonLine(v any) error {
	raw, err := json.Marshal(v)
	if err == nil {
		_, err = fmt.Fprintf(p.out, "%s\n", p.mask(raw))
	}
	return err
}

// text writes a text, unless there is an error instead of it.
func (p *printer) text(text string, err error) error {
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(p.out, text)
	return err
}

// display returns the display of a run that the flags and the terminal ask for.
// Several targets are shown line by line.
func (p *printer) display(several bool) display.Display {
	kind := display.Detect(p.out, os.Getenv)
	if several {
		kind = display.Plain
	}
	switch {
	case p.output == "json":
		kind = display.JSON
	case p.quiet:
		kind = display.Quiet
	}
	return display.New(kind, p.out, p.errs, display.Options{Redact: p.mask, Verbose: p.verbose, NoColor: display.NoColor(os.Getenv)})
}

// coloured reports whether the output is a terminal that shows colours.
func (p *printer) coloured() bool {
	return display.Detect(p.out, os.Getenv) == display.Terminal && !display.NoColor(os.Getenv)
}

// incomplete prints that the output of a run could not be written. The run ended
// as it did all the same: its exit code and its evidence stand. A reader that
// went away knows.
func (p *printer) incomplete(err error) {
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		fmt.Fprintf(p.errs, "stackctl: the output is not whole, the evidence is: %s\n", redact.Printable(p.safe(err.Error())))
	}
}
