package deploy

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// Wanted is what a plan leads to.
type Wanted struct {
	Release stack.Release
	// Pointed are the edge's dynamic files when they point at Release.
	Pointed []stack.File
	// Keep is how many good releases stay on the host, the live one included.
	Keep int
	// Back reports whether Release was live before and is led back to.
	Back bool
	// Rehearse are the names that a staging directory is asked about first.
	Rehearse []string
	// Slots are where the containers of Release are to run in a cluster.
	Slots []stack.Slot
	// DataNodes are the nodes of a cluster that data may be moved to.
	DataNodes []string
	// Hooks are the project's, in their order.
	Hooks []stack.Hook
	// Backup is how the database is backed up before it may change.
	Backup Backing
}

// interest lists the files whose content a plan compares.
func (w Wanted) interest() []string {
	var out []string
	for _, f := range w.Release.Files {
		out = append(out, f.Path)
	}
	for _, p := range w.Release.Persistent {
		out = append(out, p.Path)
	}
	return out
}

// Plan decides what a deploy will do. It is pure: the same release on the same
// observation gives the same steps.
func Plan(want Wanted, seen stack.Observed) stack.Plan {
	p := planner{want: want, seen: seen, r: want.Release, ended: map[string]stack.Kind{}, aside: map[string]bool{}}
	p.plan = stack.Plan{Release: p.r.ID, Live: seen.Live}
	p.images()
	p.files()
	p.outside()
	p.trial()
	p.rehearse()
	p.unfinished() // before anything under it changes
	p.backup(stack.StepData, nil)
	p.base(stack.LayerData, stack.StepData)
	last := p.adopting() && p.joined // what serves holds the web's ports, and all networks are there
	if !last {
		p.front()
	}
	start := p.startCause()
	if start != "" {
		p.migrate(start)
		p.start(start)
	}
	p.gates(stack.PhasePre, p.unseen())
	if last {
		p.front()
	}
	p.reach()
	p.edgeSwitch()
	p.certify()
	p.adoptRest()
	p.drainBehind() // jobs are the new release's now
	p.gates(stack.PhasePost, "what users get is judged from outside")
	p.drain() // what users reached until here is one switch away
	p.add(stack.Step{Kind: stack.StepCommit, Subject: "release " + p.r.ID, Release: p.r.ID, Cause: "every gate has passed"})
	p.narrowIngress()
	p.discard()
	p.orphans(stack.LayerData)
	p.prune()
	if seen.Host.Skew > clocksApart {
		p.plan.Notes = append(p.plan.Notes, fmt.Sprintf("the clocks of the nodes are %s apart: what expires, and who came first, is seen differently on each; `timedatectl` tells whether a node's is set by the network", seen.Host.Skew.Round(time.Second)))
	}
	for _, s := range want.Slots {
		p.plan.Notes = append(p.plan.Notes, s.String())
	}
	return withHooks(p.plan, want)
}

// front brings the edge, and what leads to it, to the release's definition.
func (p *planner) front() {
	p.orphans(stack.LayerEdge) // one may hold the ports that the edge needs
	p.joinIngress()
	p.base(stack.LayerEdge, stack.StepEdge)
	p.endStandby()
}

// clocksApart is more than a request and an answer take.
const clocksApart = 5 * time.Second

type planner struct {
	want Wanted
	seen stack.Observed
	r    stack.Release
	plan stack.Plan
	// joined reports whether a step of the base project was planned: any of them
	// makes all of its networks.
	joined bool
	// ended are the services, by release, that a step of the plan ends early, and how.
	ended map[string]stack.Kind
	// met are the services that users reach by a name that lasts, and that are
	// recreated: they get the successor before it is judged.
	met []string
	// backed reports whether it is settled whether a backup is taken.
	backed bool
	// aside are the services of docker compose that a step of the plan sets aside.
	aside map[string]bool
}

func (p *planner) add(s stack.Step) { p.plan.Steps = append(p.plan.Steps, s) }

func (p *planner) gates(phase stack.Phase, cause string) {
	p.add(stack.Step{Kind: stack.StepGates, Subject: string(phase), Phase: phase, Release: p.r.ID, Cause: cause})
}

// unseen returns why a release is judged before the switch.
func (p *planner) unseen() string {
	cause := "no user sees a release that was not judged"
	if len(p.met) > 0 {
		cause += ", but for " + strings.Join(p.met, ", ") + ": users have it as soon as it listens"
	}
	return cause
}

func (p *planner) files() {
	missing := 0
	for _, f := range p.r.Files {
		if p.seen.Files[f.Path] != f.Hash() {
			missing++
		}
	}
	var causes []string
	if missing > 0 {
		causes = append(causes, fmt.Sprintf("%d of %d files are not there, or differ", missing, len(p.r.Files)))
	}
	for _, k := range absentPersistent(p.r, p.seen) {
		causes = append(causes, k.Path+" of "+strings.Join(k.Services, ", ")+" is not there")
	}
	if len(causes) > 0 {
		p.add(stack.Step{Kind: stack.StepShipFiles, Subject: "release " + p.r.ID, Release: p.r.ID, Cause: strings.Join(causes, "; ")})
	}
}

// base adds a step for the edge or data services that are not as defined.
func (p *planner) base(layer stack.Layer, kind stack.Kind) {
	var names, causes []string
	for _, s := range p.r.Services {
		if s.Layer != layer || !s.Deployed {
			continue
		}
		cause := p.differs(p.r.Project, s)
		if cause == "" {
			continue
		}
		names = append(names, s.Name)
		causes = append(causes, s.Name+" "+cause)
		switch replaced := cause == otherDefinition; {
		case p.seen.Live == "":
		case layer == stack.LayerEdge && p.relieves():
			p.plan.Notes = append(p.plan.Notes, "the edge itself is replaced: a copy of it serves meanwhile")
		case layer == stack.LayerEdge && (replaced || cause == ill || cause == noRoutes || strings.HasPrefix(cause, offNetwork)):
			p.plan.Notes = append(p.plan.Notes, "the edge itself is replaced: connections are refused for some seconds")
		case layer == stack.LayerData && replaced:
			p.plan.Notes = append(p.plan.Notes, s.Name+" is replaced: what needs it fails until it is ready again")
		}
	}
	if len(names) == 0 && !p.joined {
		names, causes = p.networks(layer)
	}
	p.joined = p.joined || len(names) > 0
	if len(names) > 0 {
		p.rivals(names)
		if layer == stack.LayerEdge && p.relieves() {
			p.add(stack.Step{Kind: stack.StepStandby, Subject: "of " + strings.Join(names, ", "), Services: names, Release: p.seen.Live, Cause: "it serves while the edge is replaced"})
		}
		p.add(stack.Step{Kind: kind, Subject: strings.Join(names, ", "), Services: names, Cause: strings.Join(causes, "; ")})
	}
}

// orphans removes the containers of edge or data services that the release
// has no more. Volumes stay: a service that comes back finds its data. What an
// edge on trial left behind goes with them.
func (p *planner) orphans(layer stack.Layer) {
	gone := map[string]bool{}
	for _, c := range p.seen.Containers {
		if c.Project != p.r.Project || c.Layer != layer || !stack.Owns(c, p.r.Project) || c.Labels[stack.LabelDefinition] == "" {
			continue
		}
		if s, ok := p.r.Service(c.Service); !ok || !s.Deployed || s.Layer != layer {
			gone[c.Service] = true
		}
	}
	if names := sorted(gone); len(names) > 0 {
		p.add(stack.Step{Kind: stack.StepRemove, Subject: strings.Join(names, ", "), Services: names, Cause: "the release has no such service"})
	}
	for _, c := range p.seen.Containers {
		if layer == stack.LayerEdge && c.Project == stack.TrialProject(p.r.Project) {
			p.add(stack.Step{Kind: stack.StepRemove, Subject: "the throwaway edge", Cause: "its trial was cut off"})
			return
		}
	}
}

// networks returns the services of a layer whose start makes the networks that
// are missing, and why.
func (p *planner) networks(layer stack.Layer) (names, causes []string) {
	for _, n := range p.r.Networks {
		if !n.External && !slices.Contains(p.seen.Networks, n.RealName(p.r.Project)) {
			causes = append(causes, "network "+n.Name+" is not there")
		}
	}
	if len(causes) == 0 {
		return nil, nil
	}
	for _, s := range p.r.Services {
		if s.Layer == layer && s.Deployed {
			names = append(names, s.Name)
		}
	}
	return names, causes
}

// unfinished waits for the one-shots of a run that was cut off: they are at work
// on the data, and must neither be ended midway nor have a second one beside them.
func (p *planner) unfinished() {
	for _, c := range p.seen.Containers {
		if stack.Owns(c, p.r.Project) && c.OneShot() && c.Active() {
			subject := c.Service
			if c.Release != "" {
				subject += " of release " + c.Release
			}
			p.add(stack.Step{Kind: stack.StepWait, Subject: subject, Services: []string{c.Service}, Release: c.Release, Cause: "a run that was cut off began it, and it still runs"})
		}
	}
}

// migrate runs the one-shots of the release. A rollback runs none: what they do
// is for the schema of their day, and the data has gone on.
func (p *planner) migrate(cause string) {
	if p.want.Back {
		return
	}
	names := slices.DeleteFunc(p.r.OneShots(), func(name string) bool { return isHook(p.want.Hooks, name) })
	p.backup(stack.StepMigrate, names)
	p.rivals(names)
	for _, name := range names {
		p.add(stack.Step{Kind: stack.StepMigrate, Subject: name, Services: []string{name}, Release: p.r.ID, Cause: cause})
	}
}

func (p *planner) edgeSwitch() {
	cause := ""
	if p.seen.Live != p.r.ID {
		cause = "it points at " + p.seen.Live
		if p.seen.Live == "" {
			cause = "it points nowhere"
		}
	} else {
		for _, f := range p.want.Pointed {
			if p.seen.Files[stack.DynamicPath(f.Path)] != stack.Sum(f.Content) {
				cause = f.Path + " differs"
			}
		}
	}
	if cause != "" {
		p.add(stack.Step{Kind: stack.StepSwitch, Subject: "the edge to release " + p.r.ID, Release: p.r.ID, Cause: cause})
	}
}

// drain stops every other release that still runs.
func (p *planner) drain() {
	running := p.others(func(stack.Container) bool { return true })
	for _, id := range sorted(running) {
		p.add(stack.Step{Kind: stack.StepDrain, Subject: "release " + id, Release: id, Cause: "release " + p.r.ID + " serves"})
	}
}

// drainBehind stops what the edge does not lead to, such as workers: the gates
// judge the jobs of the new release alone. What the edge led to runs on: it may
// still be sent requests, and is the way back.
func (p *planner) drainBehind() {
	front := map[string]bool{}
	for _, r := range p.r.Edge.Routes {
		front[r.Service] = true
	}
	if len(front) == 0 {
		return
	}
	for _, name := range p.seen.Routed { // it may have another name in this release
		front[name] = true
	}
	behind := p.others(func(c stack.Container) bool { return !front[c.Service] })
	for _, id := range sorted(behind) {
		p.add(stack.Step{Kind: stack.StepDrain, Subject: "release " + id + ": " + strings.Join(sorted(behind[id]), ", "), Services: sorted(behind[id]),
			Release: id, Cause: "the edge leads to none of them"})
	}
}

// others are the running services of other releases that which chooses, by release.
func (p *planner) others(which func(stack.Container) bool) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for _, c := range p.seen.Containers {
		if !stack.Owns(c, p.r.Project) || c.Layer != stack.LayerApp || c.Release == p.r.ID || c.Release == "" || c.OneShot() ||
			!c.Active() || p.ended[c.Release+" "+c.Service] != "" || !which(c) {
			continue
		}
		if out[c.Release] == nil {
			out[c.Release] = map[string]bool{}
		}
		out[c.Release][c.Service] = true
	}
	return out
}

// prune removes releases beyond retention: the live one, the wanted one and
// the newest good ones stay; of the failed ones only the last.
func (p *planner) prune() {
	records := append([]stack.ReleaseRecord{}, p.seen.Releases...)
	slices.SortStableFunc(records, stack.Newer)
	good, failed := 1, 0
	for _, r := range records {
		if r.ID == p.r.ID || r.ID == p.seen.Live {
			if r.ID == p.seen.Live && r.ID != p.r.ID {
				good++
			}
			continue
		}
		cause := ""
		switch r.State {
		case stack.ReleaseGood:
			if good++; good > p.want.Keep {
				cause = fmt.Sprintf("%d good releases are kept", p.want.Keep)
			}
		case stack.ReleaseFailed:
			if failed++; failed > 1 {
				cause = "a later one failed too"
			}
		case stack.ReleaseUnreadable: // it may have been good: that is a person's to say
		default:
			cause = "its deploy was cut off"
		}
		if cause != "" {
			p.add(stack.Step{Kind: stack.StepPrune, Subject: "release " + r.ID, Release: r.ID, Cause: cause})
		}
	}
}

func sorted[V any](set map[string]V) []string {
	out := make([]string, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
