package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

func newExec(o *options) *cobra.Command {
	var input, tty bool
	cmd := &cobra.Command{
		Use: "exec SERVICE [--] COMMAND...", Args: cobra.MatchAll(cobra.MinimumNArgs(2), ownFlags),
		Short: "Run a command in a container of the live release",
		Long: `exec runs a command in the container of a service of the live release, the edge
or the data layer, without a shell in between. Its exit code is the command's
own. --stdin gives it this command's input, --tty a terminal. Known secrets are
masked in what it prints. With --output json each line that it prints is an
object with service, container, release, stream and line, and the last object
has the exit_code. What begins with the command is the command's; flags of
stackctl stand before the service, or before the --.`,
		Example: "  stackctl exec api -- /server version\n  stackctl exec --tty postgres -- psql -U app\n" +
			"  stackctl exec --stdin admin -- /server create-staff --email ada@example.org < password",
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if tty && o.output == "json" {
				return usage(cmd, errors.New("--tty gives a terminal: it speaks no JSON"))
			}
			return nil
		},
		RunE: o.onTarget(func(ctx context.Context, r reached, args []string) error {
			service, _, command := parts(args)
			containers, err := r.current(ctx, []string{service})
			if err != nil {
				return err
			}
			if err := executable(containers[0]); err != nil {
				return err
			}
			if tty {
				return o.terminal(ctx, r.server, containers[0], command)
			}
			return enough(o.exec(ctx, r.server, containers[0], command, input))
		}),
		ValidArgsFunction: o.completeServices,
	}
	cmd.Flags().SetInterspersed(false) // -c after the service is the command's, not --config
	cmd.Flags().BoolVarP(&input, "stdin", "i", false, "give the command this command's standard input")
	cmd.Flags().BoolVar(&tty, "tty", false, "give the command a terminal, with this one's input (-t is --target)")
	return cmd
}

// parts are the service, the flags of stackctl that stand after it and before a
// --, and the command; without a -- there can be no such flags before a command.
func parts(args []string) (service string, flags, command []string) {
	service, rest := args[0], args[1:]
	if !strings.HasPrefix(rest[0], "-") {
		return service, nil, rest
	}
	at := slices.Index(rest, "--")
	if at < 0 {
		return service, rest, nil
	}
	return service, rest[:at], rest[at+1:]
}

// ownFlags reads the flags of stackctl that stand after the service.
func ownFlags(cmd *cobra.Command, args []string) error {
	service, flags, command := parts(args)
	if len(command) == 0 {
		return fmt.Errorf("no command for %s: stackctl exec %s -- COMMAND", service, service)
	}
	if err := cmd.Flags().Parse(flags); err != nil {
		return err
	}
	if cmd.Flags().NArg() > 0 {
		return fmt.Errorf("%s stands before the --, and is no flag: stackctl exec %s -- COMMAND", cmd.Flags().Arg(0), service)
	}
	return nil
}

// ended is a command on the host that ran and ended with an exit code of its
// own, which becomes stackctl's.
type ended struct {
	service string
	code    int
}

func (e *ended) Error() string {
	return fmt.Sprintf("exec in %s: the command ended with exit code %d", e.service, e.code)
}

// endedWith is the error of a command's exit code; nil: it ended well.
func endedWith(service string, code int) error {
	if code == 0 {
		return nil
	}
	return &shown{&ended{service, code}}
}

// exec runs a command in a container; known secrets are masked in what it prints.
func (o *options) exec(ctx context.Context, server node.Server, c stack.Container, argv []string, input bool) error {
	var stdin io.Reader
	if input {
		stdin = o.in
	}
	stdout, stderr, finish := o.out, o.errs, func(int) error { return nil }
	if o.output == "json" {
		stdout, stderr, finish = o.execLines(c)
	}
	out, errs := o.known.Writer(stdout), o.known.Writer(stderr)
	code, err := server.ExecStream(ctx, c.ID, argv, stdin, out, errs)
	if ctx.Err() != nil {
		return stack.Fault(stack.CauseInterrupted, "exec in "+c.Service, context.Cause(ctx),
			"the command may go on there: the engine ends it with its container alone. With --tty, Ctrl-C reaches the command itself")
	}
	if err = errors.Join(err, out.Close(), errs.Close()); err == nil {
		err = finish(code)
	}
	if err != nil {
		return err
	}
	return endedWith(c.Service, code)
}

// execLine is a line that a command printed or, the last one, how it ended.
type execLine struct {
	Service   string  `json:"service"`
	Container string  `json:"container"`
	Release   string  `json:"release,omitempty"`
	Stream    string  `json:"stream,omitempty"`
	Line      *string `json:"line,omitempty"`
	ExitCode  *int    `json:"exit_code,omitempty"`
}

// execLines takes what a command prints as lines for machines; finish ends them
// with its exit code.
func (o *options) execLines(c stack.Container) (stdout, stderr io.Writer, finish func(code int) error) {
	encoder := json.NewEncoder(o.out)
	var lock sync.Mutex
	lines := func(stream string) *prefixed {
		return &prefixed{lock: &lock, emit: func(raw []byte) error {
			line := string(raw)
			return encoder.Encode(execLine{Service: c.Service, Container: c.Name, Release: c.Release, Stream: stream, Line: &line})
		}}
	}
	out, errs := lines("stdout"), lines("stderr")
	return out, errs, func(code int) error {
		out.finish()
		errs.finish()
		return encoder.Encode(execLine{Service: c.Service, Container: c.Name, Release: c.Release, ExitCode: &code})
	}
}

// executable refuses a container in which no command can be run.
func executable(c stack.Container) error {
	if c.State == "running" {
		return nil
	}
	return stack.Fault(stack.CauseStep, "exec in "+c.Service, errors.New("its container is "+c.State),
		"`stackctl logs "+c.Service+"` tells why; `stackctl deploy` of the live release starts it")
}

// terminal runs a command on a terminal joined to this one.
func (o *options) terminal(ctx context.Context, server node.Server, c stack.Container, argv []string) error {
	file, isFile := o.in.(*os.File)
	if !isFile || !term.IsTerminal(file.Fd()) {
		return stack.Fault(stack.CauseUsage, "exec --tty in "+c.Service, errors.New("the input is no terminal"), "use --stdin, or run it on a terminal")
	}
	before, err := term.MakeRaw(file.Fd())
	if err != nil {
		return stack.Fault(stack.CauseStep, "exec --tty in "+c.Service, err, "use --stdin")
	}
	defer func() { _ = term.Restore(file.Fd(), before) }()
	sizes, cancel := context.WithCancel(ctx)
	defer cancel()
	out := o.known.Writer(o.out)
	code, err := server.ExecTerminal(ctx, c.ID, argv, stack.Terminal{In: file, Out: out, Sizes: watchSize(sizes, file)})
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return endedWith(c.Service, code)
}

// sizeEvery is how often a terminal is asked for its size. Not every platform
// has a signal for it.
const sizeEvery = 250 * time.Millisecond

// watchSize tells a terminal's columns and rows, first and when they change.
func watchSize(ctx context.Context, file *os.File) <-chan [2]uint {
	sizes := make(chan [2]uint, 1)
	go func() {
		defer close(sizes)
		tick := time.NewTicker(sizeEvery)
		defer tick.Stop()
		var last [2]uint
		for {
			if w, h, err := term.GetSize(file.Fd()); err == nil && w > 0 && h > 0 {
				if size := [2]uint{uint(w), uint(h)}; size != last {
					last = size
					select {
					case sizes <- size:
					case <-ctx.Done():
						return
					}
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return sizes
}
