package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/stack"
)

// ClusterHost is one server of a cluster.
type ClusterHost struct {
	Node stack.Node
	// Target is the node as a target of its own.
	Target stack.Target
	// Settings are what it is to be like, Conn its admin's connection.
	Settings Settings
	Conn     *host.Conn

	facts Facts
	api   *managerAPI
}

// Changes are what must be changed on the host, as it was last observed.
func (h *ClusterHost) Changes() []Change { return Plan(h.facts, h.Settings) }

// Notes say what is left out on the host.
func (h *ClusterHost) Notes() []string { return Notes(h.facts) }

// Cluster is the servers of a target that has several.
type Cluster struct {
	Target stack.Target
	Hosts  []*ClusterHost

	ours string // the Swarm that the hosts are in; empty: there is none
	seen *Swarm
}

// Close ends what the cluster opened by itself; the admins' connections are those
// of who made them.
func (c *Cluster) Close() error {
	var errs []error
	for _, h := range c.Hosts {
		if h.api != nil {
			errs = append(errs, h.api.close())
			h.api = nil
		}
	}
	return errors.Join(errs...)
}

// Each runs one thing for each host, at most limit at once, and returns what
// failed.
func (c *Cluster) Each(limit int, do func(*ClusterHost) error) error {
	errs := make([]error, len(c.Hosts))
	slots := make(chan struct{}, limit)
	var all sync.WaitGroup
	for i, h := range c.Hosts {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			errs[i] = do(h)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// Observe looks at all hosts, and at the Swarm where there is one. It changes
// nothing, and refuses what could not become a cluster.
func (c *Cluster) Observe(ctx context.Context) error {
	err := c.Each(len(c.Hosts), func(h *ClusterHost) (err error) {
		if h.facts, err = Observe(ctx, h.Conn, h.Settings); err != nil {
			return fmt.Errorf("%s: %w", h.Node.Name, err)
		}
		return h.facts.checkEngine(h.Node.Name)
	})
	if err != nil {
		return err
	}
	if c.ours, err = checkSwarms(c.Target.Nodes, c.standing); err != nil {
		return err
	}
	if c.seen = nil; c.ours == "" {
		return nil
	}
	c.seen, err = c.read(ctx)
	if err != nil && c.stopped() {
		return nil // it is read once the Engines run that are started before
	}
	return err
}

// stopped reports whether the Engine of a host does not run.
func (c *Cluster) stopped() bool {
	return slices.ContainsFunc(c.Hosts, func(h *ClusterHost) bool { return !h.facts.running("docker.service") })
}

func (c *Cluster) standing(name string) Standing {
	i := slices.IndexFunc(c.Hosts, func(h *ClusterHost) bool { return h.Node.Name == name })
	if i < 0 {
		return Standing{}
	}
	return c.Hosts[i].facts.Standing
}

// read asks the managers of the Swarm, one after the other, until one answers.
func (c *Cluster) read(ctx context.Context) (*Swarm, error) {
	errs := []error{fmt.Errorf("no manager of the Swarm %s answers", c.ours)}
	for _, h := range c.Hosts {
		if s := h.facts.Standing; s.Cluster != c.ours || !s.Manager {
			continue
		}
		seen, err := h.read(ctx)
		if err == nil {
			return seen, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", h.Node.Name, err))
	}
	return nil, stack.Fault(stack.CauseStep, "read the Swarm of "+c.Target.Name, errors.Join(errs...),
		"start the Engine of enough managers that more than half of them run; where they are lost for good, see docs/cluster.md")
}

// readTime bounds how long one manager is asked: one without a quorum does not answer.
const readTime = 15 * time.Second

func (h *ClusterHost) read(ctx context.Context) (*Swarm, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	api, err := h.engine(ctx)
	if err != nil {
		return nil, err
	}
	return api.read(ctx)
}

// engine is the host's Engine, as the deploy user reaches it.
func (h *ClusterHost) engine(ctx context.Context) (*managerAPI, error) {
	if h.api == nil {
		api, err := openManager(ctx, h.Target)
		if err != nil {
			return nil, err
		}
		h.api = api
	}
	return h.api, nil
}

// Moves are what must be changed for the hosts to be one Swarm; none where that
// cannot be told before their Engines run.
func (c *Cluster) Moves() []Move {
	if c.unread() {
		return nil
	}
	return planSwarm(c.Target, c.standing, c.seen)
}

// unread reports whether there is a Swarm that no manager tells of.
func (c *Cluster) unread() bool { return c.ours != "" && c.seen == nil }

// Notes say what of the cluster is not as the file has it and is left as it is.
func (c *Cluster) Notes() []string {
	notes := SwarmNotes(c.Target, c.seen)
	if c.unread() {
		notes = append(notes, "the Swarm "+c.ours+" has no leader while Engines are stopped: what it needs is seen once they run")
	}
	return notes
}

// Swarm is the Swarm as it was last observed; nil: there is none.
func (c *Cluster) Swarm() *Swarm { return c.seen }

// holdTime is how long a Swarm that was changed may take to look as it was made.
const holdTime = 30 * time.Second

// MakeSwarm makes the provisioned hosts one Swarm. It observes, changes what
// differs and observes again; what was done stays, and the next run goes on from it.
func (c *Cluster) MakeSwarm(ctx context.Context, emit stack.Emit) ([]Move, error) {
	if err := c.elected(ctx); err != nil {
		return nil, err
	}
	moves := c.Moves()
	for i, m := range moves {
		began := time.Now()
		event := func(kind stack.EventKind, message string) {
			emit(stack.Event{At: time.Now(), Kind: kind, Target: m.Node, Name: "swarm", Message: message, Done: int64(i), Total: int64(len(moves)), Unit: "changes", Took: time.Since(began)})
		}
		event(stack.EventStep, m.What+", because "+m.Cause)
		if err := c.apply(ctx, m); err != nil {
			err = stack.Fault(stack.CauseStep, "provision "+m.Node+": swarm: "+m.What, err, "look at `journalctl -u docker` on "+m.Node+"; run it again, it goes on from what is there")
			event(stack.EventFailed, err.Error())
			return moves[:i], err
		}
		event(stack.EventDone, m.What)
	}
	return moves, c.held(ctx, len(moves) > 0)
}

// elected observes, and waits for a leader where there is a Swarm: managers whose
// Engines have just started choose one first.
func (c *Cluster) elected(ctx context.Context) error {
	give := time.Now().Add(holdTime)
	for {
		err := c.Observe(ctx)
		if err == nil || !c.unread() || time.Now().After(give) {
			return err
		}
		if !pause(ctx, 500*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
}

// held waits until nothing is left to change and every node is heard of: one whose
// Engine has just started is not at once.
func (c *Cluster) held(ctx context.Context, changed bool) error {
	give := time.Now().Add(holdTime)
	for {
		if changed {
			if err := c.Observe(ctx); err != nil {
				return err
			}
		}
		changed = true
		left := missing(c.Target, c.seen)
		for _, m := range c.Moves() {
			left = append(left, m.Node+": "+m.String())
		}
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(give) {
			return stack.Fault(stack.CauseStep, "provision "+c.Target.Name, errors.New("the Swarm is not as it was made: "+strings.Join(left, "; ")),
				"look at `journalctl -u docker` on the nodes, and whether they reach each other by their private addresses")
		}
		if !pause(ctx, 500*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
}

// pause waits, and reports whether there is still time.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// mark notes on a host which Swarm stackctl made it part of.
func (h *ClusterHost) mark(ctx context.Context, swarm string) error {
	r, _, err := become(ctx, h.Conn)
	if err != nil {
		return err
	}
	out, err := h.Conn.RunInput(ctx, strings.NewReader(swarm+"\n"), r.argv(shell(writeFile, markFile, "600", ""))...)
	if err == nil && out.Exit != 0 {
		err = fmt.Errorf("write %s: exit code %d: %s", markFile, out.Exit, lastLines(out.Stderr, 2))
	}
	return err
}
