// Package stores owns the questions that the live stores answer themselves
// (part of gate G9): who may sign in, with which rights, and what of the data is
// safe. What a file says of a store may have been changed since. It must not know
// the other families.
package stores

import (
	"context"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

// patience bounds one sign-in.
const patience = 5 * time.Second

// Live asks the running stores of the data layer.
func Live() gate.Gate {
	return gate.Gate{
		Rules: Rules,
		ID:    "G9", Name: "stores", Phase: stack.PhasePre,
		Question: "Do the live stores ask for passwords, keep what they confirm, and have no further superuser?",
		Refs:     []string{"SPEC S2", "ASVS 13.2.1", "ASVS 13.2.2"},
		Inspects: "each PostgreSQL and Redis of the data layer: a sign-in without a password on each of its networks, the rules of sign-in, roles, users, and the settings that decide durability",
		Check:    check,
	}
}

// kinds are the stores that are asked, by words in the name of their image.
var kinds = []struct {
	words []string
	port  int
	ask   func(context.Context, gate.Subject, *look) error
}{
	{[]string{"postgres", "postgis", "pgvector", "timescaledb"}, 5432, askPostgres},
	{[]string{"redis", "valkey", "keydb"}, 6379, askRedis},
}

// look is one store and what was seen of it.
type look struct {
	service   stack.Service
	container stack.Container
	port      int
	answer    *gate.Answer
}

func (l *look) tell(rule stack.Rule, problem, expected, observed string) {
	l.answer.Findings = append(l.answer.Findings, stack.Finding{Subject: "service " + l.service.Name, Rule: rule.ID, Problem: problem,
		Expected: expected, Observed: observed, Fix: rule.Fix, File: l.service.File, Line: l.service.Line})
}

// networks are those on which the store has an address, sorted.
func (l *look) networks() []string {
	var out []string
	for name, address := range l.container.Addresses {
		if address != "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// dial reaches the store by its address on a network, as a neighbour there does.
func (l *look) dial(ctx context.Context, s gate.Subject, network string) (net.Conn, error) {
	conn, err := s.Server.DialContext(ctx, "tcp", net.JoinHostPort(l.container.Addresses[network], strconv.Itoa(l.port)))
	if err == nil {
		_ = conn.SetDeadline(time.Now().Add(s.Stretch(patience))) // a tunnel may have none: ctx ends the look
	}
	return conn, err
}

func check(ctx context.Context, s gate.Subject) (gate.Answer, error) {
	a := gate.Answer{Of: "sign-ins, roles and settings of stores"}
	asked := 0
	for _, service := range s.Release.Services {
		for _, k := range kinds {
			if service.Layer != stack.LayerData || service.OneShot || !service.Deployed || s.Release.Elsewhere(service) != "" || !named(service.Image, k.words) {
				continue
			}
			asked++
			c, err := probe.Lasting(ctx, s, service.Name)
			l := look{service, c, k.port, &a}
			if err == nil {
				err = k.ask(ctx, s, &l)
			}
			if ctx.Err() != nil {
				return a, ctx.Err()
			}
			if err != nil { // another team's store may speak TLS alone, or have no psql
				a.Inspected++
				l.tell(askedRule, "the store could not be asked", "an answer", stack.Short(err.Error(), 300))
			}
		}
	}
	if asked == 0 {
		return gate.Answer{Skip: "no service of the data layer is PostgreSQL or Redis"}, nil
	}
	return a, nil
}

// named reports whether the last part of an image's name has one of the words,
// and is no tool beside the store.
func named(image string, words []string) bool {
	image, _, _ = strings.Cut(image, "@")
	name, _, _ := strings.Cut(path.Base(image), ":")
	if strings.Contains(name, "exporter") || strings.Contains(name, "backup") || strings.Contains(name, "commander") || strings.Contains(name, "insight") {
		return false
	}
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, w) })
}
