package engine

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// ServiceError is how a service failed to become ready. Find it in an error
// with errors.As; Container is what Logs takes.
type ServiceError struct {
	Service   string
	Container string
	// Problem is one clause: "is unhealthy", "exited".
	Problem  string
	State    string
	Health   string
	ExitCode int
	Restarts int
	// Output is what the last health check printed.
	Output string
	// Reason is what the engine itself reported, or that memory ran out.
	Reason string
	// Err is why the wait ended, where it was not the service.
	Err error
}

// Unwrap gives what ended the wait.
func (e *ServiceError) Unwrap() error { return e.Err }

func (e *ServiceError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "service %s %s (container %s, state %s, health %s, exit code %d, %d restarts)",
		e.Service, e.Problem, e.Container, e.State, e.Health, e.ExitCode, e.Restarts)
	if e.Reason != "" {
		fmt.Fprintf(&b, ": %s", e.Reason)
	}
	if e.Output != "" {
		fmt.Fprintf(&b, "; last health check printed: %s", e.Output)
	}
	return b.String()
}

// MissingImageError names images that the host lacks.
type MissingImageError struct{ Images []string }

func (e *MissingImageError) Error() string {
	return "image not on the host: " + strings.Join(e.Images, ", ")
}

// remedies are what to do about what an engine says of its host. It has no codes
// for that.
var remedies = []struct{ says, fix string }{
	{"port is already allocated", "another container publishes that port: `docker ps` on the host names it; stop it and run the same command again"},
	{"address already in use", "another program of the host has that port: `ss -ltnp` there names it; stop it and run the same command again"},
	{"daemon: Address already in use", "another container of that network has the fixed address that a service is given: `docker network inspect` on the host names it; choose a higher address, or leave it out: services have names"},
	{"is already in use by container", "that container is somebody else's: rename or remove it, and run the same command again"},
	{"No chain/target/match by that name", "somebody removed the engine's firewall rules: `systemctl restart docker` on the host makes them anew; then run the same command again"},
	{"non-overlapping IPv4 address pool", "the engine has no subnet left: `docker network prune` on the host removes networks that nobody uses, `default-address-pools` in its daemon.json gives it more"},
	{"Pool overlaps with other one", "another network has that subnet: `docker network ls` on the host lists them; remove that one, or name another subnet in the compose file"},
}

// fixFor returns what to do about errors with a known remedy.
func fixFor(err error) string {
	if err == nil {
		return ""
	}
	if missing := new(MissingImageError); errors.As(err, &missing) {
		return "put an archive of it into images.archives, or let the host pull it"
	}
	for _, r := range remedies {
		if strings.Contains(err.Error(), r.says) {
			return r.fix
		}
	}
	return ""
}

// stepFault wraps why a step failed; a cancelled context is an interruption.
func stepFault(ctx context.Context, what string, err error, fix string) error {
	if err == nil {
		return nil
	}
	var done *stack.Error
	if errors.As(err, &done) {
		return err
	}
	err = worded{err}
	if errors.Is(ctx.Err(), context.Canceled) {
		return stack.Fault(stack.CauseInterrupted, what, err, "")
	}
	return stack.Fault(stack.CauseStep, what, err, fix)
}

// worded is an error without the request that the client's library shows of a call
// that was not answered: its address is none.
type worded struct{ error }

func (e worded) Error() string {
	return unanswered.ReplaceAllLiteralString(e.error.Error(), "the Docker Engine did not answer: ")
}

// Unwrap returns the error in the library's words.
func (e worded) Unwrap() error { return e.error }

var unanswered = regexp.MustCompile(`error during connect: [A-Z][a-z]+ "http://` + regexp.QuoteMeta(apiHost) + `[^"]*": `)
