// Package cli owns the verbs of stackctl: flags in, exit code out. It wires the
// other packages together and must not decide anything about a deployment.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

// Main runs one command line and returns its exit code.
func Main(args []string, in io.Reader, out, errs io.Writer) int {
	// Who reads the output may go away, as head does; a deploy must not end there.
	signal.Ignore(syscall.SIGPIPE)
	s := newSession(in, out, errs)
	ctx, stop := listen(errs, s.doing)
	defer stop()
	root := newRoot(s)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err != nil && !errors.As(err, new(*shown)) {
		fmt.Fprintf(errs, "stackctl: %s\n", redact.Printable(s.printer.safe(ownName.ReplaceAllString(err.Error(), ""))))
	}
	return ExitCode(ctx, err)
}

// ownName begins a usage error, which names the command by its path.
var ownName = regexp.MustCompile(`^stackctl(?:: | )`)

// shown is an error that the operator has already read.
type shown struct{ error }

func (s *shown) Unwrap() error { return s.error }

// usage turns cobra's complaints about flags and arguments into usage errors.
func usage(cmd *cobra.Command, err error) error { return usageOf(cmd.CommandPath(), err) }

// usageOf returns a usage error of the command with this path.
func usageOf(command string, err error) error {
	return stack.Fault(stack.CauseUsage, command, err, "see `"+command+" --help`")
}
