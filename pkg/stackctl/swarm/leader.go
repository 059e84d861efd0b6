package swarm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// A Swarm that has lost its leader chooses another one within seconds. Until then it
// answers no question, and the new one does not know of any node whether it is there.

const (
	// leaderTime is how long a Swarm may be without a leader before that counts.
	leaderTime = 20 * time.Second
	// nodeTime is how long it may take to know that a node is down.
	nodeTime = time.Minute
	// maxFault bounds what is read of an answer that is an error.
	maxFault = 16 << 10
)

// leaderRetry asks a manager again while its Swarm has no leader.
type leaderRetry struct {
	http.RoundTripper
	every, most time.Duration
}

// RoundTrip sends a request, again where there was no leader to carry it out.
func (p leaderRetry) RoundTrip(req *http.Request) (*http.Response, error) {
	for began := time.Now(); ; {
		res, err := p.RoundTripper.RoundTrip(req)
		if err != nil || !leaderless(req.Method, res) || time.Since(began) > p.most {
			return res, err
		}
		again := req.Clone(req.Context())
		if req.GetBody != nil {
			if again.Body, err = req.GetBody(); err != nil {
				return res, nil //nolint:nilerr // the answer that is there says why
			}
		}
		select {
		case <-req.Context().Done():
			return res, nil
		case <-time.After(p.every):
		}
		_ = res.Body.Close()
		req = again
	}
}

// leaderless reports whether a manager refused for want of a leader, who then has
// carried out nothing; a question may also be one that the leader was lost in.
func leaderless(method string, res *http.Response) bool {
	if res.StatusCode < http.StatusInternalServerError {
		return false
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, maxFault)) // what is cut off is told as it is
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text), res.Body), res.Body}
	return bytes.Contains(text, []byte("does not have a leader")) ||
		method == http.MethodGet && (bytes.Contains(text, []byte("code = Unavailable")) || bytes.Contains(text, []byte("code = DeadlineExceeded")))
}

// retryLost carries out a change again whose leader was lost in it: nobody knows whether that
// one has carried it out, so do looks first.
func retryLost(ctx context.Context, do func() error) error {
	for began := time.Now(); ; {
		err := do()
		lost := err != nil && (strings.Contains(err.Error(), "lost leader") || strings.Contains(err.Error(), "does not have a leader") || strings.Contains(err.Error(), "code = Unavailable"))
		if !lost || time.Since(began) > leaderTime || pause(ctx) != nil {
			return err
		}
	}
}

// awaitNodes waits until the Swarm has each node as it answers here: ready, or down. One that
// cannot be reached and goes on serving would be believed away, and serve an old release.
func (c *Cluster) awaitNodes(ctx context.Context) error {
	for began := time.Now(); ; {
		list, err := c.home.manager.NodeList(ctx, client.NodeListOptions{})
		if err != nil {
			return err
		}
		doubted := c.unsettled(list.Items)
		if len(doubted) == 0 {
			return nil
		}
		if time.Since(began) > nodeTime {
			return stack.Fault(stack.CauseUnreachable, "reach the cluster of "+c.target.Domain, errors.New(strings.Join(doubted, "; ")), "mend that; a server that is switched off counts as away, and nothing is placed there")
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// unsettled are the nodes that the Swarm has otherwise than they answer here.
func (c *Cluster) unsettled(list []swarm.Node) []string {
	var out []string
	for _, n := range list {
		name := n.Spec.Labels[LabelNode]
		switch {
		case c.down[name] != nil && n.Status.State != swarm.NodeStateDown:
			out = append(out, fmt.Sprintf("%s cannot be reached, and the Swarm has it as %s: %v", name, n.Status.State, c.down[name]))
		case c.member(name) != nil && n.Status.State != swarm.NodeStateReady:
			out = append(out, fmt.Sprintf("%s answers, and the Swarm has it as %s: its Engine does not run, or the others do not reach it at its private address", name, n.Status.State))
		}
	}
	slices.Sort(out)
	return out
}
