package operate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// Certificate is what the edge serves for one host name.
type Certificate struct {
	Host   string    `json:"host"`
	Issuer string    `json:"issuer,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	// DaysLeft are whole days; below zero, it has expired.
	DaysLeft int `json:"days_left"`
	// Problem is what is wrong with it; empty: nothing.
	Problem string `json:"problem,omitempty"`
}

const (
	// certificateLimit bounds one handshake.
	certificateLimit = 5 * time.Second
	// maxHosts bounds how many hosts are asked.
	maxHosts = 64
)

// reached is a target as its first edge node shows it that answers.
func reached(t stack.Target, absent []stack.Absent) stack.Target {
	for _, n := range t.Labelled(stack.NodeEdge) {
		if !slices.ContainsFunc(absent, func(a stack.Absent) bool { return a.Node == n.Name }) {
			return t.On(n)
		}
	}
	return t
}

// certificates reads from outside what the edge's own address serves for each
// public host of the live release, whatever their names resolve to.
func certificates(ctx context.Context, t stack.Target, kept stack.Release, now time.Time) []Certificate {
	hosts := publicHosts(t, kept)
	out := make([]Certificate, len(hosts))
	var all sync.WaitGroup
	for i, h := range hosts {
		all.Go(func() { out[i] = certificate(ctx, t, h, now) })
	}
	all.Wait()
	return out
}

// publicHosts are the host names of a release that the edge serves by TLS.
func publicHosts(t stack.Target, kept stack.Release) []string {
	if kept.ID == "" {
		return nil
	}
	hosts := append(kept.Edge.Certified(), t.Domain)
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	return hosts[:min(len(hosts), maxHosts)]
}

// liveRelease is what the host keeps of the live release; empty where it keeps
// nothing.
func liveRelease(ctx context.Context, server node.Host, t stack.Target, live string) stack.Release {
	if live == "" {
		return stack.Release{}
	}
	r, err := node.ReadFrozen(ctx, server, t, live)
	if err != nil {
		return stack.Release{}
	}
	return r
}

func certificate(ctx context.Context, t stack.Target, host string, now time.Time) Certificate {
	c := Certificate{Host: host}
	ctx, cancel := context.WithTimeout(ctx, certificateLimit)
	defer cancel()
	// The chain is judged below, where what is wrong with it can be told.
	dialer := tls.Dialer{Config: &tls.Config{ServerName: host, InsecureSkipVerify: true}} //nolint:gosec // see above
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(t.Edge.Address, strconv.Itoa(t.Edge.HTTPSPort)))
	if err != nil {
		c.Problem = "no answer: " + err.Error()
		return c
	}
	defer conn.Close()
	chain := conn.(*tls.Conn).ConnectionState().PeerCertificates
	leaf := chain[0] // a handshake without a certificate fails
	c.Issuer, c.Until = leaf.Issuer.CommonName, leaf.NotAfter.UTC()
	c.DaysLeft = int(leaf.NotAfter.Sub(now) / (24 * time.Hour))
	if leaf.NotAfter.Before(now) {
		c.DaysLeft = min(c.DaysLeft, -1)
	}
	c.Problem = distrust(t, host, chain, now)
	return c
}

// distrust returns why a served chain must not be trusted; empty: it may be.
func distrust(t stack.Target, host string, chain []*x509.Certificate, now time.Time) string {
	leaf := chain[0]
	switch {
	case leaf.VerifyHostname(host) != nil:
		return "it is for another name"
	case now.After(leaf.NotAfter):
		return "it has expired"
	case now.Before(leaf.NotBefore):
		return "it is not valid yet"
	case leaf.CheckSignatureFrom(leaf) == nil:
		return "it is signed by itself"
	case t.ACME.Roots == "":
		return ""
	}
	roots, err := readRoots(t.ACME.Roots)
	if err != nil {
		return "its chain was not judged: " + err.Error()
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between, CurrentTime: now}); err != nil {
		return "it does not chain to the target's roots"
	}
	return ""
}

func readRoots(file string) (*x509.CertPool, error) {
	pem, err := given.Read(file, given.Most)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New(file + " holds no certificate")
	}
	return pool, nil
}
