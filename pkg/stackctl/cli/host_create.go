package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/cloud"
	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/stack"
)

const (
	// loginLimit is how long a server that runs may take until SSH answers, and
	// loginEvery how often it is asked.
	loginLimit = 5 * time.Minute
	loginEvery = 3 * time.Second
)

// hostCreateOptions are the flags of host create, and what it needs.
type hostCreateOptions struct {
	*printer
	project *project
}

func newHostCreate(s *session, run func(context.Context, *hostCreateOptions) error) *cobra.Command {
	o := &hostCreateOptions{printer: s.printer, project: s.project}
	return &cobra.Command{
		Use: "create", Args: cobra.NoArgs,
		Short: "Make the server of a target, or take up what is there of it",
		Long: `create makes the droplet of a target with its firewall and DNS records, waits
until SSH answers, and pins its host key: the order brings a key of its own, which
is good for the first login and replaced in it. Run again, also after Ctrl-C, it
takes up what is there, by its tag; it never makes a second one.`,
		Example: "  stackctl host create --target production\n  stackctl provision --target production",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
}

func runHostCreate(ctx context.Context, o *hostCreateOptions) error {
	r, err := rentedTarget(ctx, o.project, o.printer)
	if err != nil {
		return err
	}
	if r.target.Host != "" && r.target.Host != r.known.Address {
		return stack.Usage(r.config.File, 0, "target "+r.target.Name+" has a host already: "+r.target.Host, "remove host from it, so that a server is made, or remove host_from")
	}
	if r.place.PublicKey, err = publicKeyOf(r.target); err != nil {
		return err
	}
	r.landlord.Settle = func(ctx context.Context, h stack.MadeHost) (stack.MadeHost, error) { return o.settle(ctx, r, h) }
	made, err := r.landlord.Create(ctx, r.place, r.known)
	if err != nil {
		return err
	}
	if o.output == "json" {
		return o.json(made)
	}
	fmt.Fprintf(o.out, "the server of target %s is %s at %s\n", r.target.Name, made.Name, made.Address)
	fmt.Fprintf(o.out, "where .stackctl is not, such as in CI, write into the target: host: %s\n", made.Address)
	fmt.Fprintf(o.out, "next     stackctl provision --target %s\n", r.target.Name)
	return nil
}

// settle waits until SSH answers with a host key of the server's, gives it one that
// nobody else has had, and has known_hosts hold that.
func (o *hostCreateOptions) settle(ctx context.Context, r rented, h stack.MadeHost) (stack.MadeHost, error) {
	c, err := config.Load(o.project.file) // its host is known now
	if err != nil {
		return h, err
	}
	t, err := config.Target(c, r.target.Name)
	if err != nil {
		return h, err
	}
	if len(h.HostKeys) == 0 {
		o.noteHost("this machine has not made the server, so nobody here knows its host key: compare it with the provider's console by `stackctl trust --target " + t.Name + "`")
		return h, nil
	}
	login := host.OptionsFor(t, true)
	if !h.Settled {
		if h, err = o.replaceKey(ctx, r, login, h); err != nil {
			return h, err
		}
	}
	return h, trustMade(ctx, login, h)
}

// replaceKey logs in by the keys that the server may have.
func (o *hostCreateOptions) replaceKey(ctx context.Context, r rented, login host.Options, h stack.MadeHost) (stack.MadeHost, error) {
	what := "give " + h.Name + " a host key of its own"
	conn, err := o.firstLogin(ctx, login, h)
	if err != nil {
		return h, err
	}
	defer func() { _ = conn.Close() }()
	for _, part := range []string{"make", "use"} {
		out, err := conn.Run(ctx, "sh", "-c", cloud.Script, "sh", part)
		if err == nil && out.Exit != 0 {
			err = errors.New(strings.TrimSpace(string(out.Stderr)))
		}
		if err != nil {
			return h, stack.Fault(stack.CauseStep, what, err, "run the same command again: it takes up what is there")
		}
		if part == "make" {
			h.HostKeys = append(h.HostKeys, strings.TrimSpace(string(out.Stdout)))
		} else {
			h.HostKeys, h.Settled = h.HostKeys[len(h.HostKeys)-1:], true
		}
		if err := r.landlord.Keep(h); err != nil {
			return h, stack.Fault(stack.CauseStep, what, err, "")
		}
	}
	return h, nil
}

// firstLogin logs in as the admin once SSH answers.
func (o *hostCreateOptions) firstLogin(ctx context.Context, login host.Options, h stack.MadeHost) (*host.Conn, error) {
	dir, err := os.MkdirTemp("", "stackctl-host-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	login.KnownHosts, login.AlsoKnown, login.HostKeyAlias = filepath.Join(dir, "known_hosts"), nil, ""
	name := h.Address
	if login.Port != 0 && login.Port != 22 {
		name = "[" + h.Address + "]:" + strconv.Itoa(login.Port)
	}
	if err := os.WriteFile(login.KnownHosts, []byte(cloud.KnownHosts(name, h)), 0o600); err != nil {
		return nil, err
	}
	o.sayHost("wait for SSH at " + net.JoinHostPort(h.Address, strconv.Itoa(max(login.Port, 22))))
	late, cancel := context.WithTimeout(ctx, loginLimit)
	defer cancel()
	for {
		conn, err := host.Dial(late, login)
		if err == nil {
			return conn, nil
		}
		if waitFor(late, loginEvery) != nil {
			if ctx.Err() != nil {
				return nil, stack.Interrupted(ctx, "wait for SSH at "+h.Address)
			}
			return nil, err
		}
	}
}

// restartLimit is how long sshd may take to start anew with the key that it was given.
const restartLimit = 30 * time.Second

// trustMade adds the server's host key to known_hosts, once it serves that: sshd is
// started anew with it.
func trustMade(ctx context.Context, login host.Options, h stack.MadeHost) error {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(h.HostKeys[len(h.HostKeys)-1]))
	if err != nil {
		return stack.Fault(stack.CauseStep, "read the host key of "+h.Name, err, "run `stackctl trust`")
	}
	late, cancel := context.WithTimeout(ctx, restartLimit)
	defer cancel()
	for {
		served, err := host.Scan(late, login)
		for _, k := range served {
			if k.Fingerprint == ssh.FingerprintSHA256(key) {
				_, err := host.Trust(login, k)
				return err
			}
		}
		if waitFor(late, loginEvery) == nil {
			continue
		}
		if ctx.Err() != nil {
			return stack.Interrupted(ctx, "trust "+h.Address)
		}
		if err != nil {
			return err
		}
		break
	}
	return stack.Fault(stack.CauseUnreachable, "trust "+h.Address, errors.New("it does not serve the host key that it was given, "+ssh.FingerprintSHA256(key)), "another server may answer: see the provider's console")
}
