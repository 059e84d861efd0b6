package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

const (
	// rehearsalDeadline bounds how long a staging directory may take.
	rehearsalDeadline = 90 * time.Second
	// rehearsalQuiet is for connections that were led to the copy just before its end.
	rehearsalQuiet = 2 * time.Second
	// rehearsalCA is where the copy finds the roots of the directory itself.
	rehearsalCA = "/etc/traefik/rehearsal-ca.pem"
)

// rehearse asks a staging directory for certificates of names that are new on a
// public site. What serves is not touched.
func (p *planner) rehearse() {
	names := p.want.Rehearse
	if len(names) > 0 && p.r.Edge.Edges > 0 {
		p.plan.Notes = append(p.plan.Notes, strings.Join(names, ", ")+": not rehearsed, since there are several edges; the public authority is asked at once")
		return
	}
	if len(names) > 0 {
		p.add(stack.Step{Kind: stack.StepRehearse, Subject: "certificates of " + strings.Join(names, ", "), Hosts: names, Release: p.seen.Live,
			Cause: "new on a site that is public: staging is asked before a public authority"})
	}
}

// rehearse runs a throwaway copy of the live release's edge, which asks the staging
// directory. The authority's questions reach it through what serves.
func (x *executor) rehearse(ctx context.Context, step stack.Step) (detail string, err error) {
	what := "rehearse " + step.Subject
	live, err := x.readRelease(ctx, x.server, step.Release, x.want.Release)
	if err != nil {
		return "", err
	}
	t := x.d.Target
	how, ok, err := edge.Rehearse(live.Edge.Static, x.d.Config.Traefik.Resolver, x.d.Config.Traefik.APIPort, t.ACME)
	if err == nil && !ok {
		err = errors.New("the live edge has no entry point for port 80, or none inside")
	}
	if err != nil {
		return "", stack.Fault(stack.CauseStep, what, err, "deploy the new names under `acme: {policy: staging}` first")
	}
	r := rehearsal{executor: x, live: live, how: how, project: stack.TrialProject(live.Project), dir: stack.ReleasePath(x.want.Release.ID, "rehearsal")}
	defer func() {
		late, cancel := node.Aside(ctx)
		defer cancel()
		err = errors.Join(err, r.end(late))
	}()
	began := x.d.Now()
	if err := r.start(ctx); err != nil {
		return "", stack.Fault(stack.CauseStep, what, err, advice(err, "what serves was not touched"))
	}
	if err := r.lead(ctx, step.Hosts); err != nil {
		return "", stack.Fault(stack.CauseStep, what, err, "see what Traefik logs: stackctl logs "+x.d.Config.Traefik.Service)
	}
	if err := r.order(ctx, step.Hosts); err != nil {
		return "", err
	}
	if err := x.noteOrders(ctx, x.orders); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s has certified %s after %s", t.ACME.Rehearsal.Directory, strings.Join(step.Hosts, ", "), x.d.Now().Sub(began).Round(100*time.Millisecond)), nil
}

// rehearsal is one throwaway copy of an edge.
type rehearsal struct {
	*executor
	live    stack.Release
	how     edge.Rehearsal
	project string
	// dir holds its files, relative to the target's folder.
	dir string
}

// start starts the copy with the routes of what serves, and waits until it has them.
func (r rehearsal) start(ctx context.Context) error {
	root := r.d.Target.Path
	files := []stack.File{{Path: path.Join(r.dir, "traefik.yml"), Mode: 0o644, Content: r.how.Static}}
	for _, f := range r.before {
		files = append(files, stack.File{Path: path.Join(r.dir, "dynamic", f.Path), Mode: 0o644, Content: f.Content})
	}
	if file := r.d.Target.ACME.Rehearsal.DirectoryCA; file != "" {
		ca, err := given.Read(file, given.Most)
		if err != nil {
			return fmt.Errorf("read acme.rehearsal.directory_ca: %w", err)
		}
		files = append(files, stack.File{Path: path.Join(r.dir, "ca.pem"), Mode: 0o644, Content: ca})
	}
	if _, err := r.server.WriteFiles(ctx, root, files); err != nil {
		return err
	}
	swap, err := r.edgeSwap(ctx, r.live, path.Join(root, r.dir, "traefik.yml"), path.Join(root, r.dir, "dynamic"))
	if err != nil {
		return err
	}
	ca := ""
	if r.d.Target.ACME.Rehearsal.DirectoryCA != "" {
		ca = path.Join(root, r.dir, "ca.pem")
	}
	compose, err := rehearsalCompose(r.live, r.d.Config.Traefik.Service, r.project, ca, swap)
	if err != nil {
		return err
	}
	started, cancel := context.WithTimeout(ctx, r.stretch(r.d.Config.Timeouts.Start))
	defer cancel()
	if _, err := r.server.Up(started, r.project, compose, nil, nil); err != nil {
		return errors.Join(err, r.trialLog(ctx, r.project))
	}
	address, err := r.address(ctx)
	if err != nil {
		return err
	}
	ready, stop := context.WithTimeout(ctx, r.stretch(trialStart))
	defer stop()
	api := edge.API{Address: address, Dial: r.server.DialContext, User: r.d.Config.Traefik.Staff.User, Password: r.staffPassword()}
	if err := api.WaitLive(ready, r.before); err != nil {
		return errors.Join(err, r.trialLog(context.WithoutCancel(ctx), r.project))
	}
	return nil
}

// address is where the copy's API is, and nobody else comes.
func (r rehearsal) address(ctx context.Context) (string, error) {
	c, err := r.trialContainer(ctx, r.project)
	if err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Addresses)) {
		if c.Addresses[name] != "" {
			return net.JoinHostPort(c.Addresses[name], strconv.Itoa(r.d.Config.Traefik.APIPort)), nil
		}
	}
	return "", errors.New("the throwaway edge has no address")
}

// lead leads an authority's questions to the copy: on a server that projects share
// those about the new names alone, else all that comes to port 80.
func (r rehearsal) lead(ctx context.Context, hosts []string) error {
	if r.live.Shared() {
		there, alias := r.ledThere()
		detour, rules, err := edge.IngressDetour(r.live.Project, alias, there, hosts)
		if err != nil {
			return err
		}
		written := func(string) (stack.File, error) { return detour, nil } // on one server
		return r.writeIngress(ctx, written, slices.Concat(there, hosts), func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, r.stretch(switchDeadline))
			defer cancel()
			return r.eachIngress(ctx, func(api edge.API, _ string) error { return api.WaitRouters(ctx, "http", rules, true) })
		})
	}
	detour, rules, err := r.how.Detour(stack.RehearsalAlias(r.live.Project))
	if err != nil {
		return err
	}
	if err := r.put(ctx, stack.DynamicPath(detour.Path), detour.Content, detour.Mode); err != nil {
		return err
	}
	return r.waitDetour(ctx, rules, true)
}

// ledThere are the hosts that the ingress leads to the project, and to which of its edges.
func (r rehearsal) ledThere() (hosts []string, alias string) {
	alias = stack.IngressAlias(r.live.Project)
	if slices.Contains(r.seen.Astray, r.live.Project) {
		alias = stack.StandbyAlias(r.live.Project)
	}
	return r.seen.Ingress[r.live.Project], alias
}

// waitDetour waits until the edge leads port 80 to the copy, or does so no more.
func (x *executor) waitDetour(ctx context.Context, rules map[string]string, there bool) error {
	edges, err := x.edgeAPIs(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, x.stretch(switchDeadline))
	defer cancel()
	for _, e := range edges {
		if err := e.WaitRouters(ctx, "tcp", rules, there); err != nil {
			return err
		}
	}
	return nil
}

// endDetour has the edge answer on port 80 itself again, where a rehearsal led
// visitors elsewhere: one of this run, or one that was cut off.
func (x *executor) endDetour(ctx context.Context) error {
	file := x.d.Target.At(stack.DynamicPath(stack.DetourFile))
	if _, err := x.server.ReadFile(ctx, file); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := x.server.Remove(ctx, file)
	if runs := slices.ContainsFunc(containersOf(x.seen, x.d.Config.Project, x.d.Config.Traefik.Service), stack.Container.Active); err == nil && runs {
		err = x.waitDetour(ctx, edge.DetourRules(), false)
	}
	if err != nil {
		return fmt.Errorf("lead port 80 back to the edge: %w", err)
	}
	select {
	case <-ctx.Done():
		return stack.Interrupted(ctx, "lead port 80 back to the edge")
	case <-time.After(rehearsalQuiet):
		return nil
	}
}

// order has the copy ask for the certificates, and waits for each or its refusal.
func (r rehearsal) order(ctx context.Context, hosts []string) error {
	what, directory := "rehearse certificates of "+strings.Join(hosts, ", "), r.d.Target.ACME.Rehearsal.Directory
	file, err := r.how.Orders(hosts)
	if err != nil {
		return err
	}
	if err := r.put(ctx, path.Join(r.dir, "dynamic", file.Path), file.Content, file.Mode); err != nil {
		return stack.Fault(stack.CauseStep, what, err, "")
	}
	address, err := r.address(ctx)
	if err != nil {
		return stack.Fault(stack.CauseStep, what, err, "")
	}
	late, cancel := context.WithTimeout(ctx, r.stretch(rehearsalDeadline))
	defer cancel()
	tick := time.NewTicker(certifiedLook)
	defer tick.Stop()
	missing := slices.Clone(hosts)
	for {
		missing = slices.DeleteFunc(missing, func(host string) bool { return r.certified(late, address, host) })
		if len(missing) == 0 {
			return nil
		}
		refused, asked := r.refusals(late, missing)
		switch {
		case len(refused) > 0 && !asked:
			return stack.Fault(stack.CauseUnjudged, what, fmt.Errorf("%s cannot be asked: %s; what serves was not touched", directory, shown(refused)), "run the same command again once it answers")
		case len(refused) == len(missing):
			return stack.Fault(stack.CauseGate, what, fmt.Errorf("%s refuses: %s; no public authority was asked, and what serves was not touched", directory, shown(refused)),
				"correct the names in the routes, or their DNS records, and deploy again")
		}
		select {
		case <-late.Done():
			if ctx.Err() != nil {
				return stack.Interrupted(ctx, what)
			}
			return stack.Fault(stack.CauseGate, what, fmt.Errorf("%s has not certified %s within %s; no public authority was asked, and what serves was not touched", directory, strings.Join(missing, ", "), rehearsalDeadline),
				"see whether the names lead to the server, and deploy again")
		case <-tick.C:
		}
	}
}

// refusals is what the directory has against hosts, by the copy's log.
func (r rehearsal) refusals(ctx context.Context, hosts []string) (map[string]string, bool) {
	c, err := r.trialContainer(ctx, r.project)
	if err != nil {
		return map[string]string{}, true
	}
	var log bytes.Buffer
	_ = r.server.Logs(ctx, c.ID, stack.LogOptions{Tail: 400}, &log, &log) // the next look tells
	return edge.Refusals(log.Bytes(), hosts)
}

func shown(refused map[string]string) string {
	var out []string
	for _, host := range sorted(refused) {
		out = append(out, host+": "+refused[host])
	}
	return strings.Join(out, "; ")
}

// end removes the copy once nobody is led to it, and its files.
func (r rehearsal) end(ctx context.Context) error {
	var err error
	if r.live.Shared() {
		there, alias := r.ledThere()
		err = r.leadIngress(ctx, there, alias)
	} else {
		err = r.endDetour(ctx)
	}
	if err != nil {
		return err // what is led to the copy needs it
	}
	return errors.Join(r.server.RemoveProject(ctx, r.project), r.server.RemoveAll(ctx, r.d.Target.At(r.dir)))
}

// rehearsalCompose is a copy of a release's edge that rehearses certificates: it is on
// the edge's networks under a name of its own, and has none of its volumes. One that a
// run leaves behind which is killed goes on redirecting visitors.
func rehearsalCompose(r stack.Release, service, project, ca string, swap map[string]string) ([]byte, error) {
	c, err := copyOf(r.Base, service, swap)
	if err != nil {
		return nil, err
	}
	delete(c.service, "healthcheck")
	delete(c.service, "deploy")
	edged, _ := r.Service(service)
	joined, networks := map[string]any{}, map[string]any{}
	for _, name := range edged.Networks {
		joined[name] = map[string]any{"aliases": []string{stack.RehearsalAlias(r.Project)}}
		networks[name] = map[string]any{"name": r.NetworkName(name), "external": true}
	}
	c.service["networks"], c.service["restart"] = joined, "unless-stopped"
	c.service["tmpfs"] = []string{edge.RehearsalStore + ":size=1m,mode=1777"}
	mounts := slices.DeleteFunc(c.mounts(), func(m map[string]any) bool { return m["type"] != "bind" })
	environment, _ := c.service["environment"].(map[string]any)
	environment = maps.Clone(environment)
	delete(environment, "LEGO_CA_CERTIFICATES")
	if ca != "" {
		mounts = append(mounts, map[string]any{"type": "bind", "source": ca, "target": rehearsalCA, "read_only": true})
		if environment == nil {
			environment = map[string]any{}
		}
		environment["LEGO_CA_CERTIFICATES"] = rehearsalCA
	}
	c.service["volumes"], c.service["environment"] = mounts, environment
	return c.compose(service, project, map[string]any{"networks": networks})
}
