package deploy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/stack"
)

const (
	// certifiedDeadline bounds how long an edge may take to get certificates before
	// visitors are led to it: an authority may be slow, or refuse.
	certifiedDeadline = 90 * time.Second
	// certifiedLook is how often it is seen whether it has them.
	certifiedLook = 500 * time.Millisecond
	// uncertified begins the name in Traefik's own certificate.
	uncertified = "TRAEFIK DEFAULT"
)

// standby starts a copy of the edge of the live release and leads the ingress to
// it, so that the edge can be replaced: nobody is on a connection to it then.
func (x *executor) standby(ctx context.Context, step stack.Step) (string, error) {
	what, project := "start a copy of the edge", stack.StandbyProject(x.want.Release.Project)
	live, err := x.readRelease(ctx, x.server, step.Release, x.want.Release)
	if err != nil {
		return "", err
	}
	compose, err := x.standbyFiles(ctx, live, project)
	if err != nil {
		return "", stack.Fault(stack.CauseStep, what, err, "")
	}
	started, cancel := context.WithTimeout(ctx, x.stretch(x.d.Config.Timeouts.Start))
	defer cancel()
	if _, err := x.server.Up(started, project, compose, nil, nil); err != nil {
		return "", stack.Fault(stack.CauseStep, what, err, advice(err, "the edge was not touched"))
	}
	if err := x.leadIngress(ctx, live.Edge.Hosts(), stack.StandbyAlias(x.d.Config.Project)); err != nil {
		return "", ingressFault(x.d.Config.Project, err)
	}
	return "the edge has no visitor", x.quiet(ctx)
}

// quiet waits until connections of before have ended.
func (x *executor) quiet(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return stack.Interrupted(ctx, "lead visitors to another edge")
	case <-time.After(edge.KeepAlive + time.Second):
		return nil
	}
}

// removeStandby ends the copy of the edge once nobody is on a connection to it.
func (x *executor) removeStandby(ctx context.Context) error {
	if err := x.quiet(ctx); err != nil {
		return err
	}
	return errors.Join(x.server.RemoveProject(ctx, stack.StandbyProject(x.d.Config.Project)), x.server.Remove(ctx, x.standbyStatic()))
}

func (x *executor) standbyStatic() string { return x.d.Target.At(stack.EdgeStandby) }

// standbyFiles writes the static file of a copy of a release's edge, and returns the
// copy's compose file.
func (x *executor) standbyFiles(ctx context.Context, r stack.Release, project string) ([]byte, error) {
	static, err := edge.StandbyStatic(r.Edge.Static)
	if err != nil {
		return nil, err
	}
	if err := x.server.WriteFileVia(ctx, x.d.Target.At(stack.TmpDir), x.standbyStatic(), static, 0o644); err != nil {
		return nil, err
	}
	swap, err := x.edgeSwap(ctx, r, x.standbyStatic(), x.d.Target.At(stack.EdgeDynamic))
	if err != nil {
		return nil, err
	}
	return standbyCompose(r, x.d.Config.Traefik.Service, project, swap)
}

// waitCertified waits until an edge has a certificate for each of the hosts, so
// that visitors are led to it only then. Where it gets none in time the gates tell.
func (x *executor) waitCertified(ctx context.Context, c stack.Container, hosts []string) {
	address := c.Addresses[stack.IngressProject]
	ctx, cancel := context.WithTimeout(ctx, certifiedDeadline)
	defer cancel()
	if address == "" {
		return
	}
	if lacks := x.lacking(ctx, net.JoinHostPort(address, "443"), hosts); len(lacks) > 0 {
		x.note("the edge" + ofNode(c.Node) + " has no certificate yet for " + strings.Join(lacks, ", "))
	}
}

// lacking waits until an edge serves certificates for all hosts, or until the context
// ends; it returns the hosts without one.
func (x *executor) lacking(ctx context.Context, address string, hosts []string) []string {
	tick := time.NewTicker(certifiedLook)
	defer tick.Stop()
	hosts = slices.Clone(hosts)
	for {
		hosts = slices.DeleteFunc(hosts, func(host string) bool { return x.certified(ctx, address, host) })
		if len(hosts) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return hosts
		case <-tick.C:
		}
	}
}

// certified reports whether an edge serves, at an address with its port, another certificate for a host than
// Traefik's own.
func (x *executor) certified(ctx context.Context, address, host string) bool {
	ctx, cancel := context.WithTimeout(ctx, x.stretch(trialLook))
	defer cancel()
	raw, err := x.server.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer func() { _ = raw.Close() }()
	conn := tls.Client(raw, &tls.Config{ServerName: host, InsecureSkipVerify: true}) //nolint:gosec // G1 judges the certificate; this asks whether there is one
	if err := conn.HandshakeContext(ctx); err != nil {
		return false
	}
	served := conn.ConnectionState().PeerCertificates
	return len(served) > 0 && !strings.HasPrefix(served[0].Subject.CommonName, uncertified)
}
