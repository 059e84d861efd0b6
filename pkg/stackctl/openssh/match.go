package openssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// execLimit bounds a command of `Match exec`.
const execLimit = 10 * time.Second

// match judges the criteria of a Match line; all of them must hold. never says
// that the line cannot apply whatever it holds, so that no command is run.
func (r *reader) match(args []string, never bool) (bool, error) {
	holds := !never
	all, others := false, 0
	for i := 0; i < len(args); i++ {
		name, negated := strings.CutPrefix(args[i], "!")
		name, argument, hasArgument := strings.Cut(name, "=")
		name = strings.ToLower(name)
		switch name {
		case "all":
			all = true
			if negated {
				return false, errors.New("`Match !all` never applies")
			}
			continue
		case "canonical", "final":
			r.wantsFinal = r.wantsFinal || name == "final"
			// ssh takes both for true in the pass that final asks for.
			if is := r.final != ""; is == negated {
				holds = false
			}
			continue
		}
		others++
		if !hasArgument {
			if i++; i >= len(args) {
				return false, fmt.Errorf("`Match %s` has no value", name)
			}
			argument = args[i]
		}
		is, err := r.criterion(name, argument, holds)
		if err != nil {
			return false, err
		}
		holds = holds && is != negated
	}
	if all && others > 0 {
		return false, errors.New("`Match all` cannot be combined with other criteria")
	}
	return holds, nil
}

// criterion judges one criterion. It is asked also where the line cannot apply
// any more, to refuse what ssh refuses.
func (r *reader) criterion(name, argument string, holds bool) (bool, error) {
	patterns := strings.Split(argument, ",")
	host, err := r.hostName()
	if err != nil {
		return false, err
	}
	switch name {
	case "host":
		return listed(host, patterns), nil
	case "originalhost":
		return listed(r.query.Host, patterns), nil
	case "user":
		return listed(or(r.user(), r.places.LocalUser), patterns), nil
	case "localuser":
		return listed(r.places.LocalUser, patterns), nil
	case "tagged":
		return listed(r.one("tag"), patterns), nil
	case "localnetwork":
		return localNetwork(patterns)
	case "exec":
		if !holds {
			return false, nil
		}
		return r.succeeds(host, argument)
	}
	return false, fmt.Errorf("`Match %s` is not a criterion that is known", name)
}

// succeeds runs a command of the operator's own file, as ssh does.
func (r *reader) succeeds(host, command string) (bool, error) {
	line, err := r.tokens(host).some("CdhijkLlnpru", command)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), execLimit)
	defer cancel()
	cmd := Shell(ctx, line)
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		return false, fmt.Errorf("the command of Match exec did not end within %s", execLimit)
	}
	return err == nil, nil
}

// Shell is a command of ssh_config in the operator's shell.
func Shell(ctx context.Context, line string) *exec.Cmd {
	if runtime.GOOS == "windows" {
		return exec.CommandContext(ctx, "cmd", "/c", line)
	}
	return exec.CommandContext(ctx, or(os.Getenv("SHELL"), "/bin/sh"), "-c", line) //nolint:gosec // the operator's own shell and settings, as with ssh
}

// localNetwork reports whether an address of this machine lies in one of the
// networks.
func localNetwork(networks []string) (bool, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false, err
	}
	found := false
	for _, n := range networks {
		prefix, err := netip.ParsePrefix(n)
		if err != nil {
			return false, fmt.Errorf("`Match localnetwork`: %q is no network", n)
		}
		for _, a := range addresses {
			at, ok := a.(*net.IPNet)
			if !ok {
				continue
			}
			ip, ok := netip.AddrFromSlice(at.IP)
			found = found || ok && prefix.Contains(ip.Unmap())
		}
	}
	return found, nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
