package deploy

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// Maintaining is what is wanted of visitors: kept out or not, and who is let in.
type Maintaining struct {
	On bool
	// Allow are addresses and networks that reach the site all the same.
	Allow []string
	// WithoutMe lets the operator's own address in only where Allow has it.
	WithoutMe bool
}

// Maintenance makes the edge answer visitors itself, or leads them to the site
// again. It touches no container.
func (d *Deployer) Maintenance(ctx context.Context, want Maintaining) (stack.Report, error) {
	s := d.begin("maintenance")
	for i, text := range want.Allow {
		n, err := edge.Network(text)
		if err != nil {
			return s.end(ctx, stack.Fault(stack.CauseUsage, "begin maintenance", err, ""))
		}
		want.Allow[i] = n
	}
	return s.end(ctx, s.held(ctx, func(ctx context.Context, server node.Server, seen stack.Observed) error {
		s.report.Release = seen.Live
		x := &executor{story: s, server: server}
		return s.unlessStopped(ctx, s.phase("maintenance", func() (string, error) {
			if !want.On {
				return x.letEveryoneIn(ctx)
			}
			return x.keepOut(ctx, want, seen.Live)
		}))
	}))
}

// keepOut closes the doors of the live release.
func (x *executor) keepOut(ctx context.Context, want Maintaining, live string) (string, error) {
	const what = "begin maintenance"
	if live == "" {
		return "", stack.Fault(stack.CauseUsage, what, errors.New("no release is live: there is no site to keep visitors from"), "")
	}
	r, err := x.readRelease(ctx, x.server, live, stack.Release{})
	if err != nil {
		return "", err
	}
	m := edge.Maintenance{Since: x.hostNow().Truncate(time.Second), By: x.d.Owner, Doors: doors(traefik.Read(r, x.d.Config.Traefik))}
	if len(m.Doors) == 0 {
		return "", stack.Fault(stack.CauseUsage, what, errors.New("the live release has no route that the edge serves by HTTPS"), "")
	}
	if m.Allow, err = x.letIn(ctx, want); err != nil {
		return "", err
	}
	before, _ := node.Maintenance(ctx, x.server, x.d.Target) // what cannot be read is replaced
	if before != nil {
		m.Since = before.Since
	}
	if err := x.closeDoors(ctx, m); err != nil {
		return "", stack.Fault(stack.CauseStep, what, errors.Join(err, x.reopen(ctx, before)), "see what Traefik logs: stackctl logs "+x.d.Config.Traefik.Service)
	}
	if len(m.Allow) == 0 {
		return "visitors get 503, whoever they are", nil
	}
	return "visitors get 503, but for " + strings.Join(m.Allow, ", "), nil
}

// closeDoors writes the file and waits until the edge has loaded it.
func (x *executor) closeDoors(ctx context.Context, m edge.Maintenance) error {
	f, err := m.File()
	if err != nil {
		return err
	}
	if err := x.put(ctx, stack.DynamicPath(f.Path), f.Content, f.Mode); err != nil {
		return err
	}
	return x.waitRouters(ctx, m, true)
}

// reopen brings back what was before doors that could not be closed, also for a
// run that was told to stop.
func (x *executor) reopen(ctx context.Context, before *edge.Maintenance) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), switchDeadline)
	defer cancel()
	if before != nil {
		return x.closeDoors(ctx, *before)
	}
	err := x.server.Remove(ctx, x.d.Target.At(stack.DynamicPath(stack.MaintenanceFile)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// letEveryoneIn removes what closes the doors, whoever wrote it.
func (x *executor) letEveryoneIn(ctx context.Context) (string, error) {
	m, broken := node.Maintenance(ctx, x.server, x.d.Target)
	if m == nil && broken == nil {
		return "the site was not in maintenance mode", nil
	}
	err := x.server.Remove(ctx, x.d.Target.At(stack.DynamicPath(stack.MaintenanceFile)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", stack.Fault(stack.CauseStep, "end maintenance", err, "")
	}
	if m == nil {
		return "a file that stackctl had not written is gone", nil
	}
	if err := x.waitRouters(ctx, *m, false); err != nil {
		return "", stack.Fault(stack.CauseStep, "end maintenance", err, "see what Traefik logs: stackctl logs "+x.d.Config.Traefik.Service)
	}
	return fmt.Sprintf("visitors reach the site again, after %s", x.hostNow().Sub(m.Since).Round(time.Second)), nil
}

func (x *executor) waitRouters(ctx context.Context, m edge.Maintenance, there bool) error {
	edges, err := x.edgeAPIs(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, switchDeadline)
	defer cancel()
	for _, e := range edges {
		if err := e.WaitRouters(ctx, "http", m.Rules(), there); err != nil {
			return err
		}
	}
	return nil
}

// letIn are the networks that reach the site: those that are named, and the
// address that the operator's connection comes from.
func (x *executor) letIn(ctx context.Context, want Maintaining) ([]string, error) {
	out := slices.Clone(want.Allow)
	if !want.WithoutMe {
		me, err := x.server.Run(ctx, "printenv", "SSH_CONNECTION") // set by sshd: client address and port, server address and port
		if err != nil {
			return nil, err
		}
		from, _, _ := strings.Cut(string(me.Stdout), " ")
		if a, err := netip.ParseAddr(from); err == nil {
			out = append(out, a.Unmap().WithZone("").String())
		} else {
			x.note("the server does not tell which address you come from: name it with --allow")
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// doors are what the public routes of an edge leave open by HTTPS. Hosts close
// whole, also what none of their routes takes; a rule without a host closes by itself.
func doors(m traefik.Model) []edge.Door {
	var out []edge.Door
	for _, r := range m.Routers {
		if r.TCP || !r.TLS || !r.Public() {
			continue
		}
		var points []string
		for _, p := range r.EntryPoints {
			if p.Public {
				points = append(points, p.Name)
			}
		}
		options := ""
		for _, src := range m.Dynamic {
			options = cmp.Or(options, src.Root.Text("http", "routers", r.Name, "tls", "options"))
		}
		var rules []string
		for _, h := range r.Hosts {
			rules = append(rules, "Host(`"+h+"`)")
		}
		if len(rules) == 0 {
			rules = []string{r.Rule}
		}
		i := slices.IndexFunc(out, func(d edge.Door) bool { return d.Options == options && slices.Equal(d.EntryPoints, points) })
		if i < 0 {
			i, out = len(out), append(out, edge.Door{EntryPoints: points, Options: options})
		}
		for _, rule := range rules {
			if !slices.Contains(out[i].Rules, rule) {
				out[i].Rules = append(out[i].Rules, rule)
			}
		}
	}
	return out
}

// checkMaintenance returns an error where the edge keeps visitors out, and this
// machine with them: gates would judge the edge's answer for the site's.
func (s *story) checkMaintenance(ctx context.Context, server node.Server) error {
	m, err := node.Maintenance(ctx, server, s.d.Target)
	if m == nil || err != nil {
		return err
	}
	since := fmt.Sprintf("the site is in maintenance mode since %s (%s)", m.Since.Format(time.RFC3339), m.By)
	host := m.Host(s.d.Target.Domain)
	if refused(ctx, s.d.Target, host) {
		return stack.Fault(stack.CauseUsage, "look at https://"+host+"/", errors.New(since+", and this machine is not let in: gates would judge the edge's answer for the site's; nothing was changed"),
			"let it in with `stackctl maintenance on --allow ADDRESS`, or end it with `stackctl maintenance off`")
	}
	s.note(since + ": visitors get 503, gates see the site")
	return nil
}

// refused reports whether the edge answers this machine for a host as it answers
// visitors during maintenance. No answer at all is for the gates to tell.
func refused(ctx context.Context, t stack.Target, host string) bool {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return outside{}.DialContext(ctx, network, net.JoinHostPort(t.Edge.Address, strconv.Itoa(t.Edge.HTTPSPort)))
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // G1 judges the certificate; this asks who is let in
	}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, "https://"+host+"/", nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == edge.RetryAfter
}
