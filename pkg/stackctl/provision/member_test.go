package provision

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// three is a target with three servers.
func three() stack.Target {
	return stack.Target{Name: "prod", User: "deploy", Admin: "root", Path: "/srv/stack", Nodes: []stack.Node{
		{Name: "node1", Host: "203.0.113.1", Private: "10.0.0.1", Labels: []string{"edge", "data", "app"}},
		{Name: "node2", Host: "203.0.113.2", Private: "10.0.0.2", Labels: []string{"edge", "app"}},
		{Name: "node3", Host: "203.0.113.3", Private: "10.0.0.3", Labels: []string{"app"}},
	}}
}

// memberSettings are those of a node of a target.
func memberSettings(t stack.Target, node int) Settings {
	return SettingsFor(t.On(t.Nodes[node]), testKey).InCluster(t, t.Nodes[node])
}

// readyMember are the facts of a node that is as it is to be.
func readyMember(t *testing.T, s Settings) Facts {
	t.Helper()
	f := recorded(t, "ready-debian12")
	f.Packages = append(f.Packages, "iputils-ping")
	f.Files[daemonJSON] = strings.Replace(f.Files[daemonJSON], `"live-restore": true`, `"live-restore": false`, 1)
	rules := chain(s.Ports, s.Member)
	loaded := []string{"-A DOCKER-USER -m comment --comment " + mark(rules) + " -j DROP"}
	f.Files[ufwRules4], f.Files[ufwRules6], f.Chain4, f.Chain6 = block(rules), block(rules), loaded, loaded
	if !s.Member.Edge {
		f.UFW.Added = []string{"allow 22/tcp"}
	}
	for _, r := range s.Member.rules() {
		f.UFW.Added = append(f.UFW.Added, r+clusterComment)
	}
	return f
}

func TestAReadyNodeGetsNothing(t *testing.T) {
	for i, n := range three().Nodes {
		s := memberSettings(three(), i)
		if changes := Plan(readyMember(t, s), s); len(changes) != 0 {
			t.Errorf("%s:\n%s", n.Name, Text(changes))
		}
	}
}

func TestTheSwarmsPortsAreOpenToTheOtherNodesAlone(t *testing.T) {
	four := three()
	four.Nodes = append(four.Nodes, stack.Node{Name: "node4", Host: "203.0.113.4", Private: "10.0.0.4"})
	for i, want := range []int{12, 12, 12, 9} { // the fourth is a worker
		var managed int
		rules := memberSettings(four, i).Member.rules()
		for _, r := range rules {
			if !strings.HasPrefix(r, "allow from 10.0.0.") || strings.Contains(r, "from "+four.Nodes[i].Private+" ") {
				t.Errorf("%s: %s", four.Nodes[i].Name, r)
			}
			if strings.HasSuffix(r, "port 2377 proto tcp") {
				managed++
			}
		}
		if len(rules) != want || managed != map[bool]int{true: 3, false: 0}[i < 3] {
			t.Errorf("%s has %d rules, %d for managers:\n%s", four.Nodes[i].Name, len(rules), managed, strings.Join(rules, "\n"))
		}
	}
}

func TestANodeThatDiffersGetsOneChange(t *testing.T) {
	for name, c := range map[string]struct {
		node        int
		differ      func(*Facts)
		item, words string
		script      []string
	}{
		"live-restore": {0, func(f *Facts) {
			f.Files[daemonJSON] = strings.Replace(f.Files[daemonJSON], `"live-restore": false`, `"live-restore": true`, 1)
		}, "docker settings", "live-restore is on", nil},
		"no ping":        {0, func(f *Facts) { f.Packages = without(f.Packages, "iputils-ping") }, "packages", "lacks iputils-ping", nil},
		"a rule is gone": {0, func(f *Facts) { f.UFW.Added = f.UFW.Added[:len(f.UFW.Added)-1] }, "firewall", "1 rules for the other nodes are missing", []string{"allow from 10.0.0.3 to any port 2377 proto tcp"}},
		"of an old node": {0, func(f *Facts) {
			f.UFW.Added = append(f.UFW.Added, "allow from 10.0.0.9 to any port 7946 proto tcp"+clusterComment)
		}, "firewall", "of no node", []string{"delete allow from 10.0.0.9 to any port 7946 proto tcp"}},
		"an edge before":  {2, func(f *Facts) { f.UFW.Added = append(f.UFW.Added, "allow 443/tcp") }, "firewall", "no edge any more", []string{"delete allow 443/tcp"}},
		"published there": {2, func(f *Facts) { *f = withChain(*f, []Port{{Number: 80}, {Number: 443}}) }, "firewall", "published ports are not held", nil},
		"a single server": {0, func(f *Facts) { *f = withRules(*f, chain(webPorts, nil)) }, "firewall", "published ports are not held", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := memberSettings(three(), c.node)
			f := readyMember(t, s)
			c.differ(&f)
			changes := Plan(f, s)
			if len(changes) != 1 || changes[0].Item != c.item || !strings.Contains(changes[0].Cause, c.words) {
				t.Fatalf("plan:\n%s", Text(changes))
			}
			for _, want := range c.script {
				if !slices.ContainsFunc(changes[0].Actions, func(a Action) bool { return slices.Contains(a.Run, want) }) {
					t.Errorf("no %q in %+v", want, changes[0].Actions)
				}
			}
		})
	}
}

func withChain(f Facts, ports []Port) Facts { return withRules(f, chain(ports, &Member{})) }

func withRules(f Facts, rules string) Facts {
	loaded := []string{"-A DOCKER-USER -m comment --comment " + mark(rules) + " -j DROP"}
	f.Files[ufwRules4], f.Files[ufwRules6], f.Chain4, f.Chain6 = block(rules), block(rules), loaded, loaded
	return f
}

func TestRulesOfOthersStay(t *testing.T) {
	s := memberSettings(three(), 0)
	f := readyMember(t, s)
	f.UFW.Added = append(f.UFW.Added, "allow from 198.51.100.0/24 to any port 9100", "allow 2222/tcp comment 'mine'")
	if changes := Plan(f, s); len(changes) != 0 {
		t.Errorf("plan:\n%s", Text(changes))
	}
}

func TestAnEngineThatIsTooOldIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		differ func(*Facts)
		good   bool
	}{
		"20.10 runs":           {func(f *Facts) { f.Engine = "20.10.24+dfsg1" }, false},
		"24 runs":              {func(f *Facts) { f.Engine = "24.0.7" }, false},
		"25 runs":              {func(f *Facts) { f.Engine = "25.0.0" }, true},
		"26.1 runs":            {func(f *Facts) { f.Engine = "26.1.5+dfsg1" }, true},
		"20.10 is offered":     {func(f *Facts) { f.Engine, f.EngineOffered = "", "20.10.24+dfsg1-1" }, false},
		"26.1 is offered":      {func(f *Facts) { f.Engine, f.EngineOffered = "", "26.1.5+dfsg1-9+b9" }, true},
		"Docker's own":         {func(f *Facts) { f.Engine, f.EngineOffered, f.DockerCE = "", "20.10.24", true }, true},
		"a bare Debian 12":     {func(f *Facts) { f.Engine = "" }, false},
		"a bare Debian 13":     {func(f *Facts) { f.Engine, f.System["VERSION_ID"] = "", "13" }, true},
		"a version of nothing": {func(f *Facts) { f.Engine = "library-import" }, true},
	} {
		f := recorded(t, "ready-debian12")
		f.System = maps.Clone(f.System)
		c.differ(&f)
		if err := f.checkEngine("node2"); (err == nil) != c.good || err != nil && (stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "node2")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// nodeCertificate is a certificate as the Swarm gives it to its nodes.
func nodeCertificate(t *testing.T, cluster, role, node string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{Organization: []string{cluster}, OrganizationalUnit: []string{role}, CommonName: node}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestANodesOwnFilesSayWhichSwarmItIsIn(t *testing.T) {
	var printed strings.Builder
	for _, fact := range [][2]string{{"system", "ID=debian"}, {"sshd", "port 22"}, {"swarm-node", nodeCertificate(t, "c1", "swarm-manager", "n1")}, {"swarm-mark", "c1\n"}, {"engine-offered", "(none)"}, {"whole", "yes"}} {
		printed.WriteString(base64.StdEncoding.EncodeToString([]byte(fact[1])) + " " + fact[0] + "\n")
	}
	f, err := parse(printed.String())
	if err != nil || f.Standing != (Standing{Cluster: "c1", Node: "n1", Manager: true, Mark: "c1"}) || f.EngineOffered != "" {
		t.Errorf("%v: %+v", err, f.Standing)
	}
	for _, text := range []string{"", "none", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		var s Standing
		if s.read(text); s != (Standing{}) {
			t.Errorf("%q: %+v", text, s)
		}
	}
}

func TestANodeOfAnotherSwarmIsRefused(t *testing.T) {
	in := func(cluster, mark string) Standing { return Standing{Cluster: cluster, Node: "n", Mark: mark} }
	for name, c := range map[string]struct {
		at      []Standing
		ours    string
		refused []string // words of the error
	}{
		"none":                   {[]Standing{{}, {}, {}}, "", nil},
		"all":                    {[]Standing{in("a", "a"), in("a", "a"), in("a", "a")}, "a", nil},
		"half made":              {[]Standing{in("a", pendingMark), {}, {}}, "a", nil},
		"left by hand":           {[]Standing{in("a", "a"), {Mark: "a"}, in("a", "a")}, "a", nil},
		"somebody's":             {[]Standing{{}, in("x", ""), {}}, "", []string{"provision node2", "Swarm x, that stackctl did not make", "docker swarm leave --force"}},
		"somebody's beside ours": {[]Standing{in("a", "a"), in("a", "a"), in("x", "")}, "a", []string{"provision node3", "Swarm x, and the others of a"}},
		"left and made another":  {[]Standing{in("a", "a"), in("a", "a"), in("x", "a")}, "a", []string{"provision node3", "Swarm x"}},
		"the fewer are foreign":  {[]Standing{in("b", "b"), in("a", "a"), in("a", "a")}, "a", []string{"provision node1", "Swarm b, and the others of a"}},
		"two are refused":        {[]Standing{in("x", ""), in("a", "a"), in("y", "")}, "a", []string{"provision node1", "provision node3"}},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := three().Nodes
			ours, err := checkSwarms(nodes, func(name string) Standing {
				return c.at[slices.IndexFunc(nodes, func(n stack.Node) bool { return n.Name == name })]
			})
			if ours != c.ours && err == nil || (err == nil) != (c.refused == nil) {
				t.Fatalf("%q, %v", ours, err)
			}
			for _, want := range c.refused {
				if !strings.Contains(err.Error(), want) || stack.CauseOf(err) != stack.CauseUsage {
					t.Errorf("%v: lacks %q", err, want)
				}
			}
		})
	}
}

func TestPublishedPortsOfANodeAreHeld(t *testing.T) {
	for _, c := range []struct {
		node int
		want string
	}{{1, `*filter
:DOCKER-USER - [0:0]
# answers, and what containers send
-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
-A DOCKER-USER -i docker0 -j RETURN
-A DOCKER-USER -i br-+ -j RETURN
-A DOCKER-USER -i docker_gwbridge -j RETURN
# the public ports, as the client asked for them
-A DOCKER-USER -p tcp -m conntrack --ctstate DNAT --ctorigdstport 80 -j RETURN
-A DOCKER-USER -p tcp -m conntrack --ctstate DNAT --ctorigdstport 443 -j RETURN
# every other published port, and containers addressed directly
-A DOCKER-USER -m conntrack --ctstate DNAT -m comment --comment MARK -j DROP
-A DOCKER-USER -o docker0 -j DROP
-A DOCKER-USER -o br-+ -j DROP
-A DOCKER-USER -o docker_gwbridge -j DROP
-A DOCKER-USER -j RETURN
COMMIT
`}, {2, `*filter
:DOCKER-USER - [0:0]
# answers, and what containers send
-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
-A DOCKER-USER -i docker0 -j RETURN
-A DOCKER-USER -i br-+ -j RETURN
-A DOCKER-USER -i docker_gwbridge -j RETURN
# the public ports, as the client asked for them
# every other published port, and containers addressed directly
-A DOCKER-USER -m conntrack --ctstate DNAT -m comment --comment MARK -j DROP
-A DOCKER-USER -o docker0 -j DROP
-A DOCKER-USER -o br-+ -j DROP
-A DOCKER-USER -o docker_gwbridge -j DROP
-A DOCKER-USER -j RETURN
COMMIT
`}} {
		s := memberSettings(three(), c.node)
		got := chain(s.public(recorded(t, "ready-debian12")), s.Member)
		if got = strings.Replace(got, mark(got), "MARK", 1); got != c.want {
			t.Errorf("node%d:\n%s", c.node+1, got)
		}
	}
}

func TestStaleLabelsAreTakenAway(t *testing.T) {
	now := map[string]string{"rack": "7", labelNode: "old", labelPrefix + "data": "true", labelPrefix + "edge": "true"}
	want := map[string]string{"rack": "7", labelNode: "node3", labelPrefix + "app": "true"}
	if got := relabel(now, three().Nodes[2]); !maps.Equal(got, want) || now[labelNode] != "old" {
		t.Errorf("%v, from %v", got, now)
	}
}
