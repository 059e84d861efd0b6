package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/stack"
)

const cluster = `project: shop
targets:
  prod:
    domain: example.org
    nodes:
      - {name: node1, host: 203.0.113.7, private: 10.0.0.1, labels: [edge, data, app]}
      - {name: node2, host: shop, private: 10.0.0.2, labels: edge}
      - {name: node3, host: 203.0.113.9, port: 2200, private: 10.0.0.3}
`

func TestEachNodeHasTheLoginOfItsOwnHost(t *testing.T) {
	home(t)
	c, err := config.Load(write(t, cluster))
	if err != nil {
		t.Fatal(err)
	}
	target, err := config.Target(c, "")
	if err != nil {
		t.Fatal(err)
	}
	if target.Host != "203.0.113.7" || target.Edge.Address != "203.0.113.7" || len(target.Nodes) != 3 || !target.Nodes[1].Has(stack.NodeEdge) || target.Nodes[1].Has(stack.NodeApp) {
		t.Errorf("the target is at %s %s with %+v", target.Host, target.Edge.Address, target.Nodes)
	}
	nodes, err := config.Nodes(target)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range nodes {
		got = append(got, fmt.Sprintf("%s %s@%s:%d alias=%s keys=%d via=%d edge=%s nodes=%d", n.Name, n.User, n.Host, n.Port, n.Alias, len(n.Login.Keys), len(n.Login.Via), n.Edge.Address, len(n.Nodes)))
	}
	for i, want := range []string{
		"prod deploy@203.0.113.7:22 alias= keys=", "prod deploy@203.0.113.9:2222 alias=shop keys=1 via=1 edge=example.org nodes=0", "prod deploy@203.0.113.9:2200 alias= ",
	} {
		if !strings.HasPrefix(got[i], want) {
			t.Errorf("node %d is %q, want %q", i+1, got[i], want)
		}
	}
}

func TestANodeHasNothingOfTheFirstOnesAlias(t *testing.T) {
	home(t)
	c, err := config.Load(write(t, "project: shop\ntargets:\n  prod: {domain: example.org, nodes: [{name: one, host: shop, private: 10.0.0.1}, {name: two, host: 203.0.113.8, private: 10.0.0.2}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	target, err := config.Target(c, "")
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := config.Nodes(target)
	if err != nil || nodes[0].Alias != "shop" || nodes[0].Port != 2222 || nodes[1].Alias != "" || nodes[1].Port != 22 || nodes[1].User != "jane.doe" || len(nodes[1].Login.Via) != 0 {
		t.Errorf("%v: %+v", err, nodes)
	}
}

func TestAPortOfTheTargetIsThatOfNodesWithoutOne(t *testing.T) {
	home(t)
	c, err := config.Load(write(t, strings.Replace(cluster, "domain: example.org", "domain: example.org\n    port: 2022", 1)))
	if err != nil {
		t.Fatal(err)
	}
	target, err := config.Target(c, "")
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := config.Nodes(target)
	if err != nil || nodes[0].Port != 2022 || nodes[1].Port != 2022 || nodes[2].Port != 2200 {
		t.Errorf("%v: %+v", err, nodes)
	}
}

func TestOneNodeAloneNeedsNoPrivateAddress(t *testing.T) {
	if _, err := config.Load(write(t, "project: shop\ntargets:\n  prod: {domain: example.org, nodes: [{name: one, host: 203.0.113.7}]}\n")); err != nil {
		t.Error(err)
	}
}

func TestBadNodesAreRefusedWithTheirPlace(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"a host of its own":     {"domain: example.org", "domain: example.org\n    host: 198.51.100.1", "stackctl.yaml:5: target prod: host is 198.51.100.1, and the first node's 203.0.113.7"},
		"a name of two labels":  {"name: node2", "name: node2.example", "stackctl.yaml:7: target prod: node name \"node2.example\" is no host name"},
		"no name":               {"name: node2, ", "", "stackctl.yaml:7: target prod: node name \"\""},
		"one name twice":        {"name: node2", "name: node1", "stackctl.yaml:7: target prod: two nodes are called node1"},
		"no host":               {"host: shop, ", "", "stackctl.yaml:7: target prod: node node2 has no host"},
		"a host with a user":    {"host: shop", "host: root@shop", "stackctl.yaml:7: target prod: node node2: host \"root@shop\" is no name or address"},
		"one host twice":        {"host: 203.0.113.9", "host: SHOP", "stackctl.yaml:8: target prod: two nodes have the host SHOP"},
		"no port":               {"port: 2200", "port: 70000", "stackctl.yaml:8: target prod: node node3: port 70000 is no port"},
		"no private address":    {", private: 10.0.0.3", "", "stackctl.yaml:8: target prod: node node3 has no private address"},
		"a name for an address": {"private: 10.0.0.3", "private: node3.internal", "stackctl.yaml:8: target prod: node node3: private \"node3.internal\" is no address"},
		"loopback":              {"private: 10.0.0.3", "private: 127.0.0.1", "is no address by which others reach it"},
		"one address twice":     {"private: 10.0.0.3", "private: 10.0.0.1", "stackctl.yaml:8: target prod: two nodes have the private address 10.0.0.1"},
		"an unknown label":      {"labels: edge", "labels: web", "stackctl.yaml:7: target prod: node node2: label \"web\" is none of edge, data, app"},
		"a label twice":         {"labels: edge", "labels: [edge, edge]", "or stands twice"},
		"an unknown key":        {"labels: edge", "label: edge", `stackctl.yaml:7: unknown key "label"`},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(cluster, c.old, c.new, 1)
			if text == cluster {
				t.Fatal("nothing was replaced")
			}
			_, err := config.Load(write(t, text))
			if err == nil || !strings.Contains(err.Error(), c.want) || stack.CauseOf(err) != stack.CauseUsage {
				t.Errorf("the error is %v, want %q", err, c.want)
			}
		})
	}
	for _, label := range []string{"edge", "app", "data"} {
		labels := strings.Join(strings.Fields(strings.Replace("edge data app", label, "", 1)), ", ")
		text := fmt.Sprintf("project: shop\ntargets:\n  prod:\n    domain: example.org\n    nodes:\n      - {name: one, host: 203.0.113.7, labels: [%s]}\n", labels)
		_, err := config.Load(write(t, text))
		if label == "data" && err != nil { // the databases are elsewhere
			t.Errorf("without data: %v", err)
		}
		if label != "data" && (err == nil || !strings.Contains(err.Error(), "stackctl.yaml:5: target prod: no node is labelled "+label)) {
			t.Errorf("without %s: %v", label, err)
		}
	}
}

func TestASandboxOfSeveralNodesIsATarget(t *testing.T) {
	home(t)
	file := write(t, "project: shop\ntargets:\n  prod: {host: 203.0.113.7, domain: example.org, shared: true}\n")
	path := filepath.Join(filepath.Dir(file), config.SandboxFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	text := "ssh_config: none\ndomain: stack.localhost\nnodes:\n  - {name: node1, host: 10.213.0.10, port: 22, private: 10.213.0.10}\n  - {name: node2, host: 10.213.0.14, port: 22, private: 10.213.0.14}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	target, err := config.Target(c, config.SandboxTarget)
	if err != nil || !target.Shared || target.Host != "10.213.0.10" || len(target.Nodes) != 2 {
		t.Errorf("%v: %+v", err, target)
	}
	if is, err := config.IsSandbox(c, target); err != nil || !is {
		t.Errorf("it is no sandbox: %v", err)
	}
}
