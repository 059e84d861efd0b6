package role

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"stackctl/pkg/server/settings"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// call is one invocation of the binary.
type call struct {
	name   string
	args   []string
	env    settings.Env
	in     io.Reader
	out    io.Writer
	err    io.Writer
	failed bool
}

// command is one thing the binary can do.
type command struct {
	name string
	does string
	run  func(context.Context, *call) error
}

// commands is what the binary can do: the roles first, then the tools.
func commands() []command {
	return []command{
		{"api", "serve the REST API", with(10, runAPI)},
		{"web", "serve the web app", with(0, runWeb)},
		{"static", "serve the files of the staff pages", with(0, runStatic)},
		{"admin", "serve the staff pages", with(4, runAdmin)},
		{"worker", "run background jobs", with(6, runWorker)},
		{"scheduler", "enqueue periodic jobs", with(2, runScheduler)},
		{"jobs-ui", "serve the job dashboard", with(3, runJobsUI)},
		{"migrate", "apply the pending migrations, make the services' database roles, then check the schema", with(3, runMigrate)},
		{"schema-check", "compare the live schema with what the migrations make [--json]", runSchemaCheck},
		{"check", "judge the configuration for production [--json]", runCheck},
		{"openapi", "print the API contract that this binary carries", runOpenAPI},
		{"ping", "send a job through the queue and wait for its result [--nonce N] [--timeout 10s] [--queue default|release] [--json]", runPing},
		{"healthcheck", "ask a role in this container whether it is healthy: healthcheck ROLE", runHealthcheck},
		{"create-staff", "make a staff account: create-staff --email ADDRESS, password on standard input", runCreateStaff},
		{"version", "print what this binary is [--json]", runVersion},
	}
}

// bareCommands take no arguments; the others parse their own.
var bareCommands = []string{"api", "web", "static", "admin", "worker", "scheduler", "jobs-ui", "migrate", "openapi"}

// Main runs the binary and gives its exit code. SIGTERM and interrupt end a
// role after the requests in flight.
func Main(args []string, env settings.Env, in io.Reader, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	return Run(ctx, args, env, in, out, errs)
}

// Run is Main under a context of its own, which ends a role as a signal does.
func Run(ctx context.Context, args []string, env settings.Env, in io.Reader, out, errs io.Writer) int {
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "--help"}, args[0]) {
		usage(out)
		if len(args) == 0 {
			return exitUsage
		}
		return exitOK
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		// A role takes no arguments: one that is given is a mistake, not a wish
		// to be passed over.
		if bare := slices.Contains(bareCommands, c.name); bare && len(args) > 1 {
			fmt.Fprintf(errs, "server %s: unexpected argument %q; it takes none\n", c.name, args[1])
			return exitUsage
		}
		this := &call{name: c.name, args: args[1:], env: env, in: in, out: out, err: errs}
		if err := c.run(ctx, this); err != nil {
			fmt.Fprintf(errs, "server %s: %v\n", c.name, err)
			if isUsage(err) {
				return exitUsage
			}
			return exitFailed
		}
		if this.failed {
			return exitFailed
		}
		return exitOK
	}
	fmt.Fprintf(errs, "server: there is no role or tool %q\n", args[0])
	usage(errs)
	return exitUsage
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: server COMMAND\n\nThe configuration comes from environment variables and secret files.")
	fmt.Fprintln(w)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-13s %s\n", c.name, c.does)
	}
}
