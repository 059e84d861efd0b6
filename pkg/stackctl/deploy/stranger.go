package deploy

import (
	"fmt"
	"slices"

	"stackctl/pkg/stackctl/stack"
)

// checkPorts refuses what would publish a port that a container of somebody else
// holds, before anything is changed: the engine says so when half is started.
func checkPorts(plan stack.Plan, r stack.Release, t stack.Target, seen stack.Observed) error {
	for _, s := range starts(plan, r, seen) {
		for _, c := range seen.Containers {
			if !c.Active() || stack.Owns(c, r.Project) {
				continue
			}
			if port, held := meets(s.Ports, c.Ports); held {
				return stack.Fault(stack.CauseStep, "publish port "+port+" for "+s.Name,
					fmt.Errorf("%s holds it on %s; nothing was changed", holder(c), t.Where()), wayOut(c))
			}
		}
	}
	return nil
}

// checkStrangers refuses a project whose name on the host is another's: that of
// containers that `docker compose` started, which are taken over on demand alone.
// What is left of an adoption whose release is good is no stranger.
func checkStrangers(r stack.Release, t stack.Target, seen stack.Observed, adopt bool) error {
	if len(seen.Adopted) == 0 || settled(seen) && !slices.ContainsFunc(seen.Adopted, func(c stack.Container) bool { return !c.Aside() || c.Active() }) {
		return nil
	}
	if adopt {
		return checkAdopted(r, t, seen)
	}
	if !settled(seen) && slices.ContainsFunc(seen.Adopted, stack.Container.Aside) {
		return stack.Fault(stack.CauseStep, "deploy project "+r.Project+" to "+t.Where(),
			fmt.Errorf("its adoption was cut off: what `docker compose` started waits aside (%s); nothing was changed", namesOf(seen.Adopted)),
			"run `stackctl deploy --adopt`: it goes on, and starts them again if the release is not good")
	}
	return stack.Fault(stack.CauseStep, "deploy project "+r.Project+" to "+t.Where(),
		fmt.Errorf("`docker compose` started a project of that name there (%s); nothing was changed", origin(seen.Adopted)),
		"if it is this project, "+adoptHint+"; if it is another one, give this one another name in stackctl.yaml")
}

// adoptHint is how a project that Compose started becomes stackctl's: its volumes
// have the names that a release's have.
const adoptHint = "see `stackctl plan --adopt`, and `stackctl deploy --adopt` takes it over with its volumes"

// meets returns the first port that two lists publish at one address of the host.
func meets(want, has []stack.Port) (string, bool) {
	for _, w := range want {
		for _, h := range has {
			if w.Published != "" && w.Published != "0" && w.Published == h.Published && protocol(w) == protocol(h) && sameAddress(w.HostIP, h.HostIP) {
				return w.Published, true
			}
		}
	}
	return "", false
}

// sameAddress reports whether two listeners get in each other's way: one of them
// listens at all addresses, or both at the same.
func sameAddress(a, b string) bool {
	all := func(ip string) bool { return ip == "" || ip == "0.0.0.0" || ip == "::" }
	return all(a) || all(b) || a == b
}

// holder names a container of somebody else.
func holder(c stack.Container) string {
	text := "container " + c.Name
	switch owner := c.Labels[stack.LabelProject]; {
	case owner != "" && c.Layer == stack.LayerEdge:
		return text + ", the edge of project " + owner + ","
	case owner != "":
		return text + " of project " + owner
	case c.Project != "":
		return text + " of the compose project " + c.Project
	}
	return text
}

// wayOut returns how the port gets free. What serves others is not to be stopped.
func wayOut(c stack.Container) string {
	switch owner := c.Labels[stack.LabelProject]; {
	case owner != "" && c.Layer == stack.LayerEdge:
		return "write `shared: true` in the targets of both projects and run `stackctl provision`; then deploy " + owner + ", whose edge makes room, and then this one"
	case owner != "":
		return "project " + owner + " needs it: publish another port, or deploy to another server"
	case c.Project != "":
		return "if it is this project, write `project: " + c.Project + "` in stackctl.yaml, since volumes are found by the project's name; then " + adoptHint + ". If it is another project, publish another port"
	}
	return "see what it is by `docker inspect " + c.Name + "` on the host; stop it if nobody needs it, or publish another port"
}
