package gate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"stackctl/pkg/stackctl/stack"
)

func (l *userLook) tcp(ctx context.Context, t stack.OwnTCP) error {
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

func (l *userLook) port(subject string, t stack.OwnTCP, open bool) {
	observed := "closed"
	if open {
		observed = "open"
	}
	l.expect(subject, t.Expect, observed, observed == t.Expect)
}

// tcpInside connects from the server to a container. That nothing answers
// means something only where another port of the stack does.
func (l *userLook) tcpInside(ctx context.Context, t stack.OwnTCP, c stack.Container) (bool, error) {
	tried := 0
	for _, a := range c.Addresses {
		if a == "" {
			continue
		}
		tried++
		if err := userDial(ctx, l.s.Server, net.JoinHostPort(a, strconv.Itoa(t.Port)), t); err == nil {
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
func (l *userLook) control(ctx context.Context, t stack.OwnTCP) error {
	what := "see whether the server connects at all: port " + strconv.Itoa(l.s.Config.Traefik.APIPort) + " of " + l.s.Config.Traefik.Service
	c, err := probeLasting(ctx, l.s, l.s.Config.Traefik.Service)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	errs := []error{errors.New("it has no address")}
	for _, a := range c.Addresses {
		err := userDial(ctx, l.s.Server, net.JoinHostPort(a, strconv.Itoa(l.s.Config.Traefik.APIPort)), t)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("%s: %w", what, errs[len(errs)-1])
}

// tcpOutside connects to the edge's address from where the operator is. A
// closed port means something only where the site's own port is open.
func (l *userLook) tcpOutside(ctx context.Context, t stack.OwnTCP) error {
	if l.s.Outside == nil {
		return errors.New("look from outside: no dialer given")
	}
	address := userEdge(l.s.Target, t.Port, t.Port)
	err := userDial(ctx, l.s.Outside, address, t)
	open := err == nil
	l.looked("%s from outside: open %t", address, open)
	if !open {
		site := userEdge(l.s.Target, l.s.Target.Edge.HTTPSPort, 443)
		if site == address {
			l.port(fmt.Sprintf("port %d from outside", t.Port), t, false)
			return nil
		}
		if err := userDial(ctx, l.s.Outside, site, t); err != nil {
			return fmt.Errorf("see whether the server can be reached at all: %s: %s", site, probeReason(err))
		}
	}
	l.port(fmt.Sprintf("port %d from outside", t.Port), t, open)
	return nil
}

func userDial(ctx context.Context, d Dialer, address string, t stack.OwnTCP) error {
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
