package provision

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/stack"
)

//go:embed observe.sh
var observeScript string

// loginScript tells who is logged in and on what, without any right.
const loginScript = `id -u; id -un; uname -m; echo "${SSH_CONNECTION:-}"
[ -d /run/systemd/system ] && echo systemd || echo none
cat /etc/os-release`

// root runs commands as root: directly, or through sudo without a password.
type root struct {
	conn *host.Conn
	sudo bool
}

// argv is a command as root runs it.
func (r root) argv(argv []string) []string {
	if r.sudo {
		return append([]string{"sudo", "-n", "--"}, argv...)
	}
	return argv
}

// Observe looks at a host and changes nothing. It refuses a system that this
// package was not made for, and a login that cannot become root.
func Observe(ctx context.Context, conn *host.Conn, s Settings) (Facts, error) {
	if err := s.check(); err != nil {
		return Facts{}, err
	}
	on := conn.Options().String()
	r, login, err := become(ctx, conn)
	if err != nil {
		return Facts{}, err
	}
	args := []string{s.User, strings.Join(relevant, " ")}
	for _, f := range s.folders() {
		args = append(args, f.Path)
	}
	argv := r.argv(append([]string{"sh", "-s", "--"}, args...))
	out, err := conn.RunInput(ctx, strings.NewReader(observeScript), argv...)
	if err != nil {
		return Facts{}, err
	}
	facts, err := parse(string(out.Stdout))
	if err != nil {
		return Facts{}, stack.Fault(stack.CauseStep, "observe "+on, fmt.Errorf("%w %s", err, lastLines(out.Stderr, 3)), "")
	}
	facts.Admin = login.user
	facts.Operator, facts.Port = login.from, login.port
	return facts, cmp.Or(facts.conflict(on), facts.foreign(s, on))
}

// foreign refuses to take the ingress's folder from another project's deploy user.
func (f Facts) foreign(s Settings, on string) error {
	owner, _, _ := strings.Cut(f.Folders[stack.IngressPath], " ")
	if !s.Shared || owner == "" || owner == s.User || owner == "root" {
		return nil
	}
	return stack.Fault(stack.CauseUsage, "provision "+on, fmt.Errorf("%s belongs to %s; nothing was changed", stack.IngressPath, owner),
		"projects that share a server deploy as one user: set `user: "+owner+"` in the target")
}

// login is who is logged in, and from where.
type login struct{ user, from, port string }

// become finds out how to act as root, after it has made sure that the system
// is a supported one.
func become(ctx context.Context, conn *host.Conn) (root, login, error) {
	on := conn.Options().String()
	out, err := conn.Run(ctx, "sh", "-c", loginScript)
	if err != nil {
		return root{}, login{}, err
	}
	lines := strings.SplitN(string(out.Stdout), "\n", 6)
	if len(lines) < 6 {
		return root{}, login{}, stack.Fault(stack.CauseUsage, "provision "+on,
			errors.New("the login shell did not answer as a Linux shell does; nothing was changed"), "check the target's host")
	}
	id, system := lines[0], assignments(lines[5])
	if err := refuse(system, lines[2], on); err != nil {
		return root{}, login{}, err
	}
	if lines[4] != "systemd" {
		return root{}, login{}, stack.Fault(stack.CauseUsage, "provision "+on,
			errors.New("systemd does not run; nothing was changed"), "boot the host with systemd as its first process")
	}
	who := login{user: lines[1]}
	if c := strings.Fields(lines[3]); len(c) == 4 {
		who.from, who.port = c[0], c[3]
	}
	if id == "0" {
		return root{conn: conn}, who, nil
	}
	out, err = conn.Run(ctx, "sudo", "-n", "true")
	if err != nil {
		return root{}, login{}, err
	}
	if out.Exit != 0 {
		return root{}, login{}, stack.Fault(stack.CauseUsage, "provision "+on,
			fmt.Errorf("%s is not root and cannot use sudo without a password (%s); nothing was changed", who.user, lastLines(out.Stderr, 1)),
			"set the target's admin to root, or allow it with a line `"+who.user+" ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d")
	}
	return root{conn: conn, sudo: true}, who, nil
}

// lastLines are the last lines of a command's output, on one line.
func lastLines(b []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	text := strings.Join(lines[max(0, len(lines)-n):], " | ")
	return text[max(0, len(text)-600):]
}
