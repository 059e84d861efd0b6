package declared

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

func (l *look) tcp(ctx context.Context, t stack.OwnTCP) error {
	if t.Service == "" {
		return l.tcpOutside(ctx, t)
	}
	containers, err := l.containers(ctx, t.Service)
	if err != nil {
		return err
	}
	for _, c := range containers {
		open, err := l.tcpInside(ctx, t, c)
		if err != nil {
			return err
		}
		l.port(fmt.Sprintf("port %d of %s", t.Port, c.Service), t, open)
	}
	return nil
}

func (l *look) port(subject string, t stack.OwnTCP, open bool) {
	observed := "closed"
	if open {
		observed = "open"
	}
	l.expect(subject, t.Expect, observed, observed == t.Expect)
}

// tcpInside connects from the server to a container. That nothing answers
// means something only where another port of the stack does.
func (l *look) tcpInside(ctx context.Context, t stack.OwnTCP, c stack.Container) (bool, error) {
	tried := 0
	for _, a := range c.Addresses {
		if a == "" {
			continue
		}
		tried++
		if err := dial(ctx, l.s.Server, net.JoinHostPort(a, strconv.Itoa(t.Port)), t); err == nil {
			l.looked("%s from the server: connected", net.JoinHostPort(a, strconv.Itoa(t.Port)))
			return true, nil
		}
		l.looked("%s from the server: not connected", net.JoinHostPort(a, strconv.Itoa(t.Port)))
	}
	if tried == 0 {
		return false, fmt.Errorf("container %s has no address on any network", c.Name)
	}
	return false, l.control(ctx, t)
}

// control connects to the edge's inside API, which every stack has.
func (l *look) control(ctx context.Context, t stack.OwnTCP) error {
	what := "see whether the server connects at all: port " + strconv.Itoa(l.s.Config.Traefik.APIPort) + " of " + l.s.Config.Traefik.Service
	c, err := probe.Lasting(ctx, l.s, l.s.Config.Traefik.Service)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	errs := []error{errors.New("it has no address")}
	for _, a := range c.Addresses {
		err := dial(ctx, l.s.Server, net.JoinHostPort(a, strconv.Itoa(l.s.Config.Traefik.APIPort)), t)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("%s: %w", what, errs[len(errs)-1])
}

// tcpOutside connects to the edge's address from where the operator is. A
// closed port means something only where the site's own port is open.
func (l *look) tcpOutside(ctx context.Context, t stack.OwnTCP) error {
	if l.s.Outside == nil {
		return errors.New("look from outside: no dialer given")
	}
	address := edge(l.s.Target, t.Port, t.Port)
	err := dial(ctx, l.s.Outside, address, t)
	open := err == nil
	l.looked("%s from outside: open %t", address, open)
	if !open {
		site := edge(l.s.Target, l.s.Target.Edge.HTTPSPort, 443)
		if site == address {
			l.port(fmt.Sprintf("port %d from outside", t.Port), t, false)
			return nil
		}
		if err := dial(ctx, l.s.Outside, site, t); err != nil {
			return fmt.Errorf("see whether the server can be reached at all: %s: %s", site, probe.Reason(err))
		}
	}
	l.port(fmt.Sprintf("port %d from outside", t.Port), t, open)
	return nil
}

func dial(ctx context.Context, d gate.Dialer, address string, t stack.OwnTCP) error {
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
