package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// execOptions are the flags of exec, and what it needs.
type execOptions struct {
	*printer
	in      io.Reader
	project *project

	service string
	node    string
	command []string
	stdin   bool
	tty     bool
}

func newExec(s *session, run func(context.Context, *execOptions) error) *cobra.Command {
	o := &execOptions{printer: s.printer, in: s.in, project: s.project}
	cmd := &cobra.Command{
		Use: "exec SERVICE [--] COMMAND...", Args: cobra.MatchAll(cobra.MinimumNArgs(2), ownFlags),
		Short: "Run a command in a container of the live release",
		Long: `exec runs a command in the container of a service of the live release, the edge
or the data layer, without a shell in between. Its exit code is the command's
own. --stdin gives it this command's input, --tty a terminal. Known secrets are
masked in what it prints. With --output json each line that it prints is an
object with service, container, release, stream and line, and the last object
has the exit_code. Of several containers it takes one that runs. What begins with the command is the command's; flags of
stackctl stand before the service, or before the --.`,
		Example: "  stackctl exec api -- /server version\n  stackctl exec --tty postgres -- psql -U app\n" +
			"  stackctl exec --stdin admin -- /server create-staff --email ada@example.org < password",
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if o.tty && o.output == "json" {
				return usage(cmd, errors.New("--tty gives a terminal: it speaks no JSON"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.service, _, o.command = parts(args)
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return s.project.completeServices(cmd, args, typed)
		},
	}
	cmd.Flags().SetInterspersed(false) // -c after the service is the command's, not --config
	cmd.Flags().BoolVarP(&o.stdin, "stdin", "i", false, "give the command this command's standard input")
	cmd.Flags().StringVar(&o.node, "node", "", "in the container on this `node` of a cluster; without it, in one that runs")
	cmd.Flags().BoolVar(&o.tty, "tty", false, "give the command a terminal, with this one's input (-t is --target)")
	return cmd
}

func runExec(ctx context.Context, o *execOptions) error {
	return connect(ctx, o.project, o.redactor, func(c connection) error {
		containers, err := c.current(ctx, []string{o.service})
		if err != nil {
			return err
		}
		one, err := executing(containers, o.node)
		if err != nil {
			return err
		}
		if o.tty {
			return o.terminal(ctx, c.server, one)
		}
		return enough(o.exec(ctx, c.server, one))
	})
}

// executing is the container of a service that a command runs in: the first that runs, on
// a node of a cluster where one is named.
func executing(list []stack.Container, node string) (stack.Container, error) {
	service, at := list[0].Service, []string{}
	var mine []stack.Container
	for _, c := range list {
		if c.Node != "" {
			at = append(at, c.Node)
		}
		if node == "" || c.Node == node {
			mine = append(mine, c)
		}
	}
	if len(mine) == 0 {
		return stack.Container{}, stack.Fault(stack.CauseUsage, "exec in "+service+" on "+node, errors.New("it has no container there"), "name a node that it is on: "+or(strings.Join(at, ", "), "the target has none"))
	}
	runs := max(0, slices.IndexFunc(mine, func(c stack.Container) bool { return c.State == "running" }))
	return mine[runs], executable(mine[runs])
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
func (o *execOptions) exec(ctx context.Context, server node.Server, c stack.Container) error {
	var stdin io.Reader
	if o.stdin {
		stdin = o.in
	}
	stdout, stderr, finish := o.out, o.errs, func(int) error { return nil }
	if o.output == "json" {
		stdout, stderr, finish = execLines(o.out, c)
	}
	out, errs := o.known.Writer(stdout), o.known.Writer(stderr)
	code, err := server.ExecStream(ctx, c.ID, o.command, stdin, out, errs)
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
func execLines(to io.Writer, c stack.Container) (stdout, stderr io.Writer, finish func(code int) error) {
	encoder := json.NewEncoder(to)
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
	if c.Away {
		return stack.Fault(stack.CauseStep, "exec in "+c.Service, errors.New("its node "+c.Node+" does not answer"), stack.AdviseAway(c.Node))
	}
	return stack.Fault(stack.CauseStep, "exec in "+c.Service, errors.New("its container is "+c.State),
		"`stackctl logs "+c.Service+"` tells why; `stackctl deploy` of the live release starts it")
}

// terminal runs a command on a terminal joined to this one.
func (o *execOptions) terminal(ctx context.Context, server node.Server, c stack.Container) error {
	file, ok := terminalOf(o.in)
	if !ok {
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
	code, err := server.ExecTerminal(ctx, c.ID, o.command, stack.Terminal{In: file, Out: out, Sizes: watchSize(sizes, file)})
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return endedWith(c.Service, code)
}
