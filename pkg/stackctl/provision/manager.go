package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/stack"
)

const swarmPort = "2377"

// managerAPI is the Engine of one node, over a connection of the deploy user's:
// a join token goes through it and stands in no command line and no log.
type managerAPI struct {
	conn *host.Conn
	*client.Client
}

func openManager(ctx context.Context, t stack.Target) (*managerAPI, error) {
	conn, err := host.Dial(ctx, host.OptionsFor(t, false))
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{DisableCompression: true, IdleConnTimeout: time.Minute,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return conn.DialContext(ctx, "unix", t.Socket)
		}}
	// WithHost comes before WithHTTPClient, because it would replace the dialer.
	api, err := client.New(client.WithHost("tcp://docker.invalid"), client.WithHTTPClient(&http.Client{Transport: transport, CheckRedirect: client.CheckRedirect}))
	if err == nil {
		_, err = api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ask the Docker Engine at %s: %w", t.Socket, err), conn.Close())
	}
	return &managerAPI{conn, api}, nil
}

func (a *managerAPI) close() error { return errors.Join(a.Close(), a.conn.Close()) }

// ReadSwarm asks one node of a target for its Swarm; the node is a manager, or
// this fails.
func ReadSwarm(ctx context.Context, node stack.Target) (*Swarm, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	api, err := openManager(ctx, node)
	if err != nil {
		return nil, err
	}
	seen, err := api.read(ctx)
	return seen, errors.Join(err, api.close())
}

// read returns the Swarm that the Engine manages.
func (a *managerAPI) read(ctx context.Context) (*Swarm, error) {
	s, err := a.SwarmInspect(ctx, client.SwarmInspectOptions{})
	if err != nil {
		return nil, err
	}
	list, err := a.NodeList(ctx, client.NodeListOptions{})
	if err != nil {
		return nil, err
	}
	out := &Swarm{Cluster: s.Swarm.ID, Locked: s.Swarm.Spec.EncryptionConfig.AutoLockManagers}
	if limit := s.Swarm.Spec.Orchestration.TaskHistoryRetentionLimit; limit != nil {
		out.History = *limit
	}
	for _, n := range list.Items {
		out.Nodes = append(out.Nodes, told(n))
	}
	return out, nil
}

func told(n swarm.Node) SwarmNode {
	out := SwarmNode{
		ID: n.ID, Hostname: n.Description.Hostname, Address: n.Status.Addr, Labels: n.Spec.Labels,
		Manager: n.Spec.Role == swarm.NodeRoleManager, Ready: n.Status.State == swarm.NodeStateReady,
		State: string(n.Status.State), Availability: string(n.Spec.Availability), Engine: n.Description.Engine.EngineVersion,
	}
	if m := n.ManagerStatus; m != nil {
		out.Leader, out.Reachable = m.Leader, m.Reachability == swarm.ReachabilityReachable
		if address, _, err := net.SplitHostPort(m.Addr); err == nil {
			out.Address = address // the other one is 0.0.0.0 on some managers
		}
	}
	return out
}

// manager is the Engine of a host that manages the Swarm now, but not that of but.
func (c *Cluster) manager(ctx context.Context, but string) (*managerAPI, error) {
	errs := []error{errors.New("no other manager of the Swarm answers")}
	for _, h := range c.Hosts {
		if h.Node.Name == but {
			continue
		}
		api, err := h.engine(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", h.Node.Name, err))
			continue
		}
		info, err := api.Info(ctx, client.InfoOptions{})
		if err == nil && info.Info.Swarm.ControlAvailable {
			return api, nil
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", h.Node.Name, err))
		}
	}
	return nil, errors.Join(errs...)
}

// moveTime bounds one change: an Engine that joins waits 20 seconds by itself.
const moveTime = time.Minute

// apply carries out one change and decides nothing.
func (c *Cluster) apply(ctx context.Context, m Move) error {
	ctx, cancel := context.WithTimeout(ctx, moveTime)
	defer cancel()
	h := c.Hosts[slices.IndexFunc(c.Hosts, func(h *ClusterHost) bool { return h.Node.Name == m.Node })]
	switch m.kind {
	case moveInit:
		return c.begin(ctx, h)
	case moveJoin:
		return c.join(ctx, h)
	case moveLeave:
		api, err := h.engine(ctx)
		if err != nil {
			return err
		}
		_, err = api.SwarmLeave(ctx, client.SwarmLeaveOptions{Force: true})
		return err
	case moveMark:
		return h.mark(ctx, c.seen.Cluster)
	}
	but := ""
	if m.kind == moveRemove || m.kind == moveDemote {
		but = m.Node
	}
	api, err := c.manager(ctx, but)
	if err != nil {
		return err
	}
	switch m.kind {
	case moveRemove:
		return api.remove(ctx, m.id)
	case movePromote:
		return api.update(ctx, m.id, func(s *swarm.NodeSpec) { s.Role = swarm.NodeRoleManager })
	case moveDemote:
		return api.update(ctx, m.id, func(s *swarm.NodeSpec) { s.Role = swarm.NodeRoleWorker })
	case moveLabel:
		return api.update(ctx, m.id, func(s *swarm.NodeSpec) { s.Labels = relabel(s.Labels, h.Node) })
	default:
		return api.keep(ctx, historyLimit)
	}
}

// begin makes the first manager.
func (c *Cluster) begin(ctx context.Context, h *ClusterHost) error {
	api, err := h.engine(ctx)
	if err != nil {
		return err
	}
	if err := h.mark(ctx, pendingMark); err != nil {
		return err
	}
	address := cmp.Or(h.Node.Private, h.Target.Host)
	limit := int64(historyLimit)
	made, err := api.SwarmInit(ctx, client.SwarmInitOptions{
		ListenAddr: net.JoinHostPort(address, swarmPort), AdvertiseAddr: address, DataPathAddr: address,
		Spec: swarm.Spec{Annotations: swarm.Annotations{Name: "default"}, Orchestration: swarm.OrchestrationConfig{TaskHistoryRetentionLimit: &limit}},
	})
	if err != nil {
		return err
	}
	return c.welcome(ctx, h, api, made.NodeID)
}

// join makes a host part of the Swarm. Its token is read from a manager for this.
func (c *Cluster) join(ctx context.Context, h *ClusterHost) error {
	leader, err := c.manager(ctx, h.Node.Name)
	if err != nil {
		return err
	}
	api, err := h.engine(ctx)
	if err != nil {
		return err
	}
	s, err := leader.SwarmInspect(ctx, client.SwarmInspectOptions{})
	if err != nil {
		return fmt.Errorf("read the token: %w", err)
	}
	seen, err := leader.read(ctx)
	if err != nil {
		return fmt.Errorf("read the managers: %w", err)
	}
	token := s.Swarm.JoinTokens.Worker
	if slices.ContainsFunc(c.Target.Managers(), func(n stack.Node) bool { return n.Name == h.Node.Name }) {
		token = s.Swarm.JoinTokens.Manager
	}
	var remote []string
	for _, n := range seen.Nodes {
		if n.Leader || n.Manager && n.Reachable {
			remote = append(remote, net.JoinHostPort(n.Address, swarmPort))
		}
	}
	if err := h.mark(ctx, pendingMark); err != nil {
		return err
	}
	_, err = api.SwarmJoin(ctx, client.SwarmJoinOptions{
		ListenAddr: net.JoinHostPort(h.Node.Private, swarmPort), AdvertiseAddr: h.Node.Private, DataPathAddr: h.Node.Private,
		RemoteAddrs: remote, JoinToken: token,
	})
	if err != nil {
		return err
	}
	info, err := api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return err
	}
	return c.welcome(ctx, h, leader, info.Info.Swarm.NodeID)
}

// welcome labels a node that has joined, and notes on it which Swarm that is.
func (c *Cluster) welcome(ctx context.Context, h *ClusterHost, manager *managerAPI, id string) error {
	if err := manager.update(ctx, id, func(s *swarm.NodeSpec) { s.Labels = relabel(s.Labels, h.Node) }); err != nil {
		return fmt.Errorf("label it: %w", err)
	}
	s, err := manager.SwarmInspect(ctx, client.SwarmInspectOptions{})
	if err != nil {
		return err
	}
	return h.mark(ctx, s.Swarm.ID)
}

// update changes what a node is to be. It tries again while others change it, as
// the Swarm itself does when a node joins.
func (a *managerAPI) update(ctx context.Context, id string, change func(*swarm.NodeSpec)) error {
	for {
		n, err := a.NodeInspect(ctx, id, client.NodeInspectOptions{})
		if err == nil {
			change(&n.Node.Spec)
			_, err = a.NodeUpdate(ctx, id, client.NodeUpdateOptions{Version: n.Node.Version, Spec: n.Node.Spec})
		}
		if err == nil || !pause(ctx, 300*time.Millisecond) {
			return err
		}
	}
}

// remove takes a node out of the Swarm, as a worker: a manager's vote goes first.
func (a *managerAPI) remove(ctx context.Context, id string) error {
	if err := a.update(ctx, id, func(s *swarm.NodeSpec) { s.Role = swarm.NodeRoleWorker }); err != nil {
		return err
	}
	for {
		_, err := a.NodeRemove(ctx, id, client.NodeRemoveOptions{Force: true})
		if err == nil || !pause(ctx, 300*time.Millisecond) {
			return err
		}
	}
}

// keep sets how many ended tasks the Swarm keeps of a service.
func (a *managerAPI) keep(ctx context.Context, limit int64) error {
	s, err := a.SwarmInspect(ctx, client.SwarmInspectOptions{})
	if err != nil {
		return err
	}
	s.Swarm.Spec.Orchestration.TaskHistoryRetentionLimit = &limit
	_, err = a.SwarmUpdate(ctx, client.SwarmUpdateOptions{Version: s.Swarm.Version, Spec: s.Swarm.Spec})
	return err
}

// RemoveNode takes a node that the file does not name out of the Swarm which one of
// a target's nodes manages. One that answers and is not drained is refused unless it
// is forced: what it runs would end.
func RemoveNode(ctx context.Context, manager stack.Target, name string, force bool) (SwarmNode, error) {
	ctx, cancel := context.WithTimeout(ctx, moveTime)
	defer cancel()
	api, err := openManager(ctx, manager)
	if err != nil {
		return SwarmNode{}, err
	}
	defer func() { _ = api.close() }() // the answer is there
	seen, err := api.read(ctx)
	if err != nil {
		return SwarmNode{}, err
	}
	n, err := removable(seen, name, force)
	if err != nil {
		return n, err
	}
	return n, api.remove(ctx, n.ID)
}

// removable finds the node that is to go, by its name or the beginning of its ID.
func removable(seen *Swarm, name string, force bool) (SwarmNode, error) {
	fail := func(n SwarmNode, problem, fix string) (SwarmNode, error) {
		return n, stack.Fault(stack.CauseUsage, "remove the node "+name, errors.New(problem), fix)
	}
	var found []SwarmNode
	for _, n := range seen.Nodes {
		if n.Name() == name || len(name) >= 6 && strings.HasPrefix(n.ID, name) {
			found = append(found, n)
		}
	}
	switch {
	case len(found) == 0:
		return fail(SwarmNode{}, "the Swarm has no such node", "`stackctl node list` shows its nodes")
	case len(found) > 1:
		return fail(SwarmNode{}, "the Swarm has two of that name", "give the ID of one, which `stackctl node list --output json` shows")
	case found[0].Leader:
		return fail(found[0], "it leads the Swarm", "restart its Engine, so that another one leads, and run this again")
	case found[0].Ready && found[0].Availability != string(swarm.NodeAvailabilityDrain) && !force:
		return fail(found[0], "it answers and is not drained: what it runs would end", "drain it first; --force takes it out all the same")
	}
	return found[0], nil
}
