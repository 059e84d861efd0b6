//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/sandbox"
	"stackctl/test/load"
)

// What happens to a node of several alone.
const (
	faultFrozen fault = "edge frozen"
	faultApart  fault = "cut off from the others"
)

// spot is where a fault happens in a deploy to a cluster: when a step begins, at the
// node of a role.
type spot struct {
	step, role string
	fault      fault
}

func (s spot) String() string { return s.step + ", " + s.role + ", " + string(s.fault) }

// spots are all of a deploy of a changed configuration.
func spots() []spot {
	steps := []string{"ship-files", "start", "reach", "switch", "gates, post-switch", "drain", "commit"}
	everybody, edges := []string{"leader", "manager", "edge", "data"}, []string{"edge"}
	var out []spot
	for _, on := range []struct {
		fault fault
		roles []string
	}{
		{faultKill, []string{"operator"}}, {faultInterrupt, []string{"operator"}}, {faultCut, everybody}, {faultPower, everybody}, {faultEngine, everybody},
		{faultRestart, everybody}, {faultFrozen, edges}, {faultReadOnly, edges}, {faultApart, edges},
	} {
		for _, role := range on.roles {
			for _, step := range steps {
				out = append(out, spot{step, role, on.fault})
			}
		}
	}
	return out
}

// shortSpots are walked where not all are: each fault, step and role at least once.
var shortSpots = []spot{
	{"switch", "operator", faultKill},
	{"drain", "operator", faultKill},
	{"start", "operator", faultInterrupt},
	{"gates, post-switch", "operator", faultInterrupt},
	{"reach", "manager", faultCut},
	{"switch", "edge", faultCut},
	{"start", "leader", faultPower},
	{"switch", "edge", faultPower},
	{"drain", "data", faultPower},
	{"ship-files", "manager", faultPower},
	{"start", "leader", faultEngine},
	{"gates, post-switch", "data", faultEngine},
	{"commit", "edge", faultRestart},
	{"switch", "edge", faultFrozen},
	{"switch", "edge", faultReadOnly},
	{"start", "edge", faultApart},
}

// nodeOfRole is the node that a fault hits.
func (c *cluster) nodeOfRole(role string) string {
	c.t.Helper()
	switch role {
	case "leader":
		return c.leader()
	case "manager":
		if c.leader() == "node3" {
			return "node2"
		}
		return "node3"
	case "edge":
		return "node2"
	case "data":
		return "node1"
	}
	return ""
}

// strike makes a fault happen to a node or to the deploy.
func (c *cluster) strike(f fault, node string, cmd *exec.Cmd) {
	c.t.Helper()
	switch f {
	case faultPower:
		c.power(false, node)
	case faultFrozen:
		c.freeze(node, "pause")
	case faultApart:
		c.apart(node, "-I")
	default:
		strike(c.t, c.box(node), f, cmd)
	}
}

// heal sets right what does not end by itself.
func (c *cluster) heal(f fault, node string) {
	c.t.Helper()
	switch f {
	case faultPower:
		c.power(true, node)
	case faultFrozen:
		c.freeze(node, "unpause")
	case faultApart:
		c.apart(node, "-D")
	default:
		heal(c.t, c.box(node), f)
	}
}

// freeze pauses the edge of a node, or lets it go on.
func (c *cluster) freeze(node, verb string) {
	c.t.Helper()
	var list []struct{ ID string }
	if err := json.Unmarshal([]byte(c.api(node, http.MethodGet, `/containers/json?filters={"label":["dev.stackctl.layer=edge","dev.stackctl.project=shop"]}`, "")), &list); err != nil || len(list) != 1 {
		c.t.Fatalf("the edges of %s: %v, %v", node, list, err)
	}
	c.api(node, http.MethodPost, "/containers/"+list[0].ID+"/"+verb, "")
}

// apart holds what the nodes of a Swarm say to each other.
func (c *cluster) apart(node, change string) {
	c.t.Helper()
	for _, chain := range []string{"INPUT", "OUTPUT"} {
		for _, p := range []string{"tcp", "udp"} {
			onHost(c.t, "docker", "exec", c.box(node), "iptables", change, chain, "-p", p, "-m", "multiport", "--ports", "2377,4789,7946", "-j", "DROP")
		}
	}
}

// struck runs a deploy, lets something happen when it begins a step, and returns how it
// ended and what it said.
func (c *cluster) struck(step string, strike func(cmd *exec.Cmd)) (exit int, said string) {
	c.t.Helper()
	cmd := exec.Command(binary, "deploy")
	cmd.Dir, cmd.Env = c.root, append(os.Environ(), "CI=true")
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	give := time.AfterFunc(8*time.Minute, func() { _ = cmd.Process.Kill() })
	defer give.Stop()
	var all strings.Builder
	happened := false
	for in := bufio.NewScanner(out); in.Scan(); {
		all.WriteString(in.Text() + "\n")
		if strings.Contains(in.Text(), "step     "+step) && !happened {
			happened = true
			strike(cmd)
		}
	}
	_ = cmd.Wait()
	if !happened {
		c.t.Fatalf("it took no step %s\n%s", step, all.String())
	}
	return cmd.ProcessState.ExitCode(), all.String()
}

// leader is the name of the node that leads.
func (c *cluster) leader() (name string) {
	c.t.Helper()
	until(c.t, time.Minute, "a node leads", func() bool {
		for _, n := range c.nodes() {
			if n.Role == "leader" {
				name = n.Name
			}
		}
		return name != ""
	})
	return name
}

// ready waits until all nodes are, and their edges serve.
func (c *cluster) ready() {
	c.t.Helper()
	until(c.t, 2*time.Minute, "all nodes are ready", func() bool {
		list := c.nodes()
		return len(list) == 3 && !slices.ContainsFunc(list, func(n listedNode) bool { return n.State != "ready" })
	})
	for _, n := range c.Nodes[:2] {
		c.served(n, domain)
	}
}

// visitors are loads at each edge, ten requests a second.
func (c *cluster) visitors() (out []*load.Load) {
	c.t.Helper()
	for _, n := range c.Nodes[:2] {
		out = append(out, load.Start(c.t.Context(), c.site(n).Heard(10, "/visitor")))
	}
	return out
}

// meets ends the visitors of the edges, of which each may lose so many.
func (c *cluster) meets(when string, visitors []*load.Load, may func(sandbox.Node) int) {
	c.t.Helper()
	for i, n := range c.Nodes[:2] {
		seen := visitors[i].Stop()
		c.t.Logf("%s, %s: %s", when, n.Name, seen)
		if seen.Sent == 0 || seen.Lost > may(n) {
			c.t.Errorf("%s: visitors of %s lost %d of %d requests, %d may be", when, n.Name, seen.Lost, seen.Sent, may(n))
		}
	}
}

// onItsWay is how many requests may be on their way to a node that dies, of ten a second.
const onItsWay = 30

// TestAClusterSurvivesFaults lets each fault happen in a deploy of a change: it ends, who is
// at an edge that is not hit loses no more than what was on its way to the node, the next deploy
// converges and loses nothing, and no row is lost. FAULTS is as for
// TestEveryFaultAtEveryStepIsSurvived; 1 walks shortSpots.
func TestAClusterSurvivesFaults(t *testing.T) {
	walksLong(t)
	c := shopCluster(t, 3)
	c.must(0, "provision")
	c.must(0, "deploy")
	c.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000)")
	log, chosen := readWalkLog(t, os.Getenv("FAULTS_LOG")), choice()
	for i, s := range spots() {
		if chosen(s, slices.Contains(shortSpots, s)) && !log.survived(s) {
			t.Run(s.String(), func(t *testing.T) {
				began := time.Now()
				defer func() { log.add(t, s, !t.Failed(), time.Since(began)) }()
				c.t = t
				c.survives(s, fmt.Sprint("change ", i))
			})
			c.t = t
		}
	}
	t.Run("without a majority what runs goes on, and nothing is changed", func(t *testing.T) {
		c.t = t
		c.aloneServes()
	})
	c.t = t
}

// survives lets a fault happen in a deploy of a new greeting.
func (c *cluster) survives(s spot, greeting string) {
	c.t.Helper()
	node := c.nodeOfRole(s.role)
	c.write(".env", "GREETING="+greeting+"\n")
	began, visitors := time.Now(), c.visitors()
	exit, said := c.struck(s.step, func(cmd *exec.Cmd) { c.strike(s.fault, node, cmd) })
	c.t.Logf("%s was hit; exit code %d after %s", node, exit, time.Since(began).Round(time.Second))
	if !slices.Contains(s.exits(), exit) {
		c.t.Errorf("exit code %d, want %v", exit, s.exits())
	}
	c.meets("in the fault", visitors, func(n sandbox.Node) int {
		switch {
		case n.Name == node && (s.fault.down() || s.fault == faultFrozen || s.fault == faultApart):
			return 1 << 20
		case s.fault.down() || s.fault == faultApart:
			return onItsWay
		}
		return 0
	})
	c.heal(s.fault, node)
	c.ready()
	c.holds("after the fault")
	visitors = c.visitors()
	next := c.must(0, "deploy", "--lock-wait", "60s").out
	c.meets("in the next deploy", visitors, func(sandbox.Node) int { return 0 })
	for _, n := range c.Nodes[:2] {
		expectBody(c.t, c.at(n), "https://"+domain+"/", greeting+", theme , entries no books")
	}
	if run := c.releases(); len(run) != 1 {
		c.t.Errorf("releases that run: %v", run)
	}
	if c.t.Failed() {
		c.t.Logf("the deploy:\n%sthe next one:\n%s", said, next)
	}
}

// exits are the exit codes of a deploy that a spot hit.
func (s spot) exits() []int {
	out := map[fault][]int{faultFrozen: {0, 1, 4, 5}, faultApart: {1, 3, 4, 5}, faultEngine: {0, 1, 3, 4, 5}}[s.fault]
	if out == nil {
		out = faultExits[s.fault]
	}
	if s.step == "commit" { // the deploy may be done
		out = append(slices.Clone(out), 0)
	}
	return out
}

// releases are those of which a container runs.
func (c *cluster) releases() []string {
	c.t.Helper()
	var status struct {
		Containers []struct{ Release, State string }
	}
	if err := json.Unmarshal([]byte(c.must(0, "status", "--output", "json").out), &status); err != nil {
		c.t.Fatal(err)
	}
	var out []string
	for _, x := range status.Containers {
		if x.Release != "" && x.State == "running" && !slices.Contains(out, x.Release) {
			out = append(out, x.Release)
		}
	}
	return out
}

// aloneServes takes two of three managers away.
func (c *cluster) aloneServes() {
	c.t.Helper()
	_, before := fetch(c.at(c.Nodes[0]), http.MethodGet, "https://"+domain+"/")
	c.power(false, "node1", "node3") // node2 is an edge, and has the second of the pages
	for _, verb := range []string{"deploy", "rollback", "status", "backup"} {
		c.says(3, "start the others", 90*time.Second, verb)
	}
	c.says(3, "more than half run", 90*time.Second, "node", "list")
	if status, _ := fetch(c.at(c.Nodes[1]), http.MethodGet, quickPage); status != http.StatusOK {
		c.t.Errorf("node2 answers %d", status)
	}
	c.power(true, "node1", "node3")
	c.ready()
	c.must(0, "deploy")
	expectBody(c.t, c.at(c.Nodes[0]), "https://"+domain+"/", before)
	c.holds("in the end")
}
