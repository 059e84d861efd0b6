package sandbox

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// of is the state of a sandbox with so many nodes, of which nothing runs.
func of(t *testing.T, nodes int) (*builder, State) {
	t.Helper()
	b := &builder{Options: Options{Name: "test", Nodes: nodes}}
	s := State{Name: "test", Dir: t.TempDir(), Domain: "stack.localhost", Container: b.named("")}
	pools := netip.MustParsePrefix("10.213.7.0/24")
	s.Subnet, s.Gateway, s.Address = pools, at(pools, gatewayHost), at(pools, dropletHost)
	s.Address6 = netip.MustParseAddr("fd73:7461:636b:7::a")
	return b, s
}

func TestWithoutNodesThereIsOneDroplet(t *testing.T) {
	b, s := of(t, 0)
	all := b.droplets(s)
	if len(all) != 1 || all[0].archive != "droplet.tar" || all[0].Container != "stackctl-test" || all[0].hostname != "test" || all[0].volume(b, "docker") != "stackctl-test-docker" || !all[0].public {
		t.Errorf("%+v", all)
	}
	if got := b.edges(s); !slices.Equal(got, []netip.Addr{s.Address}) {
		t.Errorf("names resolve to %v", got)
	}
}

func TestNodesDifferInAllThatMustNotBeShared(t *testing.T) {
	b, s := of(t, MaxNodes)
	seen := map[string]string{}
	for _, d := range b.droplets(s) {
		for what, value := range map[string]string{"name": d.Name, "address": d.Address.String(), "IPv6 address": d.Address6.String(), "container": d.Container, "hostname": d.hostname, "volume": d.volume(b, "docker")} {
			if other := seen[what+value]; other != "" {
				t.Errorf("%s and %s have the %s %s", other, d.Name, what, value)
			}
			seen[what+value] = d.Name
		}
		if d.archive != "droplet13.tar" || !s.Subnet.Contains(d.Address) || d.host >= acmeHost || d.public != (d.Name == "node1") {
			t.Errorf("%+v", d)
		}
	}
	first := b.droplets(s)[0]
	if first.Container != s.Container || first.Address != s.Address {
		t.Errorf("the first node is %+v, not the droplet", first)
	}
	if got := fmt.Sprint(b.edges(s)); got != "[10.213.7.10 10.213.7.14]" {
		t.Errorf("names resolve to %s", got)
	}
}

func TestNodesAreThoseOfTheTarget(t *testing.T) {
	b, s := of(t, 3)
	for _, d := range b.droplets(s) {
		s.Nodes = append(s.Nodes, d.Node)
	}
	if err := writeTarget(s); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(s.Target())
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Host   string
		Shared bool
		Nodes  []struct {
			Name, Host, Private string
			Labels              []string
		}
	}
	if err := yaml.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if want := "[{node1 10.213.7.10 10.213.7.10 [edge data app]} {node2 10.213.7.14 10.213.7.14 [edge app]} {node3 10.213.7.15 10.213.7.15 [app]}]"; got.Host != "" || !got.Shared || fmt.Sprint(got.Nodes) != want {
		t.Errorf("%+v\n%s", got, text)
	}
	if n, err := s.Node("node2"); err != nil || !strings.HasSuffix(strings.Join(s.On(n).SSH("root"), " "), "root@10.213.7.14") {
		t.Errorf("%v %v", n, err)
	}
	if _, err := s.Node("node4"); err == nil || !strings.Contains(err.Error(), "node1, node2, node3") {
		t.Errorf("the error is %v", err)
	}
}

func TestAnImageTakesTheArchivesPlaceForASingleDroplet(t *testing.T) {
	for nodes, want := range map[int]string{0: "sha256:ready", 1: ""} {
		b, s := of(t, nodes)
		b.Image, b.Images = "sha256:ready", t.TempDir()
		got, err := b.system(t.Context(), b.droplets(s)[0])
		if got != want || (err == nil) != (nodes == 0) {
			t.Errorf("with %d nodes it is made from %q, %v", nodes, got, err)
		}
	}
}
