package exposure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/stack"
)

func TestExposureDeclaredCatches(t *testing.T) {
	service := func(name, add string) (string, string) {
		return "\n  " + name + ":\n", "\n  " + name + ":\n    " + add + "\n"
	}
	m := func(name, svc, add, problem string) gatetest.Mutant {
		from, to := service(svc, add)
		return gatetest.Mutant{Name: name, File: gatetest.ComposeFile, From: from, To: to, Subject: "service " + svc, Problem: problem}
	}
	override := func(text string) func(*testing.T, gatetest.Repo) {
		return func(t *testing.T, r gatetest.Repo) {
			r.Write(t, "compose/override.yaml", text)
			r.Change(t, "stackctl.yaml", "files: [compose/stack.yaml]", "files: [compose/stack.yaml, compose/override.yaml]")
		}
	}
	host := func(t *testing.T, r gatetest.Repo) {
		r.Change(t, gatetest.ComposeFile, "    tmpfs: [/tmp, /data]\n    networks: [data]\n", "    tmpfs: [/tmp, /data]\n    network_mode: host\n")
	}
	gatetest.StaticMutants(t, Declared(), []gatetest.Mutant{
		m("PostgreSQL published", "postgres", `ports: ["5432:5432"]`, "other than the edge publishes"),
		m("PostgreSQL published on loopback", "postgres", `ports: ["127.0.0.1:5432:5432"]`, "other than the edge publishes"),
		m("Redis on an ephemeral port", "redis", `ports: ["6379"]`, "other than the edge publishes"),
		m("API published beside the edge", "api", `ports: [{target: 8000, published: "8000"}]`, "other than the edge publishes"),
		m("a port of a profile", "pgadmin", `ports: ["5050:80"]`, "other than the edge publishes"),
		m("a range of ports", "worker", `ports: ["9000-9002:9000-9002"]`, "other than the edge publishes"),
		{Name: "the edge publishes its dashboard", File: gatetest.ComposeFile, From: `      - "443:443"`, To: "      - \"443:443\"\n      - \"8080:8080\"", Subject: "service traefik", Problem: "another port"},
		{Name: "the edge publishes an ephemeral port", File: gatetest.ComposeFile, From: `      - "443:443"`, To: "      - \"443:443\"\n      - \"8080\"", Subject: "service traefik", Problem: "not fixed"},
		{Name: "UDP without http3", File: gatetest.ComposeFile, From: `      - "443:443"`, To: "      - \"443:443\"\n      - \"443:443/udp\"", Subject: "service traefik", Problem: "UDP"},
		{Name: "host network", Also: host, Subject: "service redis", Problem: "shares a network"},
		{Name: "an override adds a port", Also: override("services:\n  redis:\n    ports: [\"6379:6379\"]\n"), Subject: "service redis", Problem: "other than the edge publishes"},
		{Name: "an override adds a second edge", Also: override("services:\n  caddy:\n    image: caddy:2.8\n    ports: [\"8443:443\"]\n"), Subject: "service caddy", Problem: "other than the edge publishes"},
		{Name: "another container's network", After: func(s *gate.Subject) { gatetest.ServiceOf(s, "web").NetworkMode = "service:traefik" }, Subject: "service web", Problem: "shares a network"},
		m("Traefik labels", "web", `labels: ["traefik.enable=true", "traefik.http.routers.x.rule=Host(\x60x\x60)"]`, "asks for a route"),
		m("Caddy labels", "web", "labels: {caddy: example.org, caddy.reverse_proxy: \"{{upstreams 80}}\"}", "asks for a route"),
		m("a device", "worker", "devices: [/dev/mem]", "device"),
		m("the engine's socket", "worker", `volumes: ["/var/run/docker.sock:/var/run/docker.sock:ro"]`, "socket"),
		m("the engine's socket under another name", "worker", `volumes: ["/run/docker.sock:/tmp/s"]`, "socket"),
		{Name: "docker provider", File: gatetest.StaticFile, From: "  file:\n", To: "  docker: {exposedByDefault: false}\n  file:\n", Subject: "provider docker", Problem: "elsewhere"},
		{Name: "http provider", File: gatetest.StaticFile, From: "  file:\n", To: "  HTTP: {endpoint: \"http://x\"}\n  file:\n", Subject: "provider HTTP", Problem: "elsewhere"},
		{Name: "proxy variables", File: gatetest.ComposeFile, From: "APP_ENV: $", To: "VIRTUAL_HOST: example.org\n  APP_ENV: $", Subject: "service web", Problem: "variable asks"},
	})
}

func TestExposureDeclaredAllowsHTTP3(t *testing.T) {
	r := gatetest.NewRepo(t)
	r.Change(t, gatetest.ComposeFile, `      - "443:443"`, "      - \"443:443\"\n      - \"443:443/udp\"")
	r.Change(t, gatetest.StaticFile, `    address: ":443"`, "    address: \":443\"\n    http3: {}")
	if got := gatetest.Run(context.Background(), Declared(), r.Subject(t)); got.Status != stack.Passed {
		t.Errorf("%s %+v", got.Status, got.Findings)
	}
}

// network is a host with open ports: what dials it reaches a real listener.
type network struct {
	real string
	// open maps an address to its open ports; other ports are refused, other
	// addresses do not answer.
	open map[string][]int
	// all answers on every port.
	all   bool
	asked atomic.Int64
}

func newNetwork(t *testing.T, open map[string][]int) *network {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return &network{real: l.Addr().String(), open: open}
}

func (n *network) DialContext(ctx context.Context, kind, address string) (net.Conn, error) {
	n.asked.Add(1)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ports, known := n.open[host]
	if !known {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for _, p := range ports {
		if n.all || strconv.Itoa(p) == port {
			var d net.Dialer
			return d.DialContext(ctx, kind, n.real)
		}
	}
	return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
}

// procTable writes /proc/net lines as a kernel does.
func procTable(state string, addresses ...string) string {
	text := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	for i, a := range addresses {
		ap := netip.MustParseAddrPort(a)
		raw := ap.Addr().AsSlice()
		word := ""
		for k := 0; k < len(raw); k += 4 {
			word += fmt.Sprintf("%02X%02X%02X%02X", raw[k+3], raw[k+2], raw[k+1], raw[k])
		}
		text += fmt.Sprintf("%4d: %s:%04X 00000000:0000 %s 00000000:00000000 00:00000000 00000000     0        0 1\n", i, word, ap.Port(), state)
	}
	return text
}

// hostOf is the server side: /proc and ip as on a real host.
func hostOf(tcp, tcp6, udp []string, addresses string, containers ...stack.Container) *gatetest.Server {
	return &gatetest.Server{List: containers, OnRun: func(argv []string) (stack.Output, error) {
		switch strings.Join(argv, " ") {
		case "cat /proc/net/tcp":
			return stack.Output{Stdout: []byte(procTable("0A", tcp...))}, nil
		case "cat /proc/net/tcp6":
			return stack.Output{Stdout: []byte(procTable("0A", tcp6...))}, nil
		case "cat /proc/net/udp":
			return stack.Output{Stdout: []byte(procTable("07", udp...))}, nil
		case "cat /proc/net/udp6":
			return stack.Output{Exit: 1, Stderr: []byte("no such file")}, nil
		case "ip -o addr show up scope global":
			return stack.Output{Stdout: []byte(addresses)}, nil
		}
		return stack.Output{Exit: 127}, nil
	}}
}

func edgeContainer() stack.Container {
	return stack.Container{ID: "e", Name: "stack-traefik-1", Project: "stack", Service: "traefik", State: "running", NetworkMode: "stack_edge", Ports: []stack.Port{
		{HostIP: "0.0.0.0", Published: "80", Target: 80, Protocol: "tcp"}, {HostIP: "::", Published: "443", Target: 443, Protocol: "tcp"}}}
}

var goodSockets = []string{"0.0.0.0:22", "0.0.0.0:80", "0.0.0.0:443", "127.0.0.53:53"}

// reachableSite is a good host.
func reachableSite(t *testing.T) (gate.Subject, *network) {
	s := gatetest.NewRepo(t).Subject(t)
	n := newNetwork(t, map[string][]int{gatetest.SiteAddress: {22, 80, 443}, gatetest.SiteAddress6: {22, 80, 443}})
	s.Outside = n
	s.Server = hostOf(goodSockets, []string{"[::]:22", "[::1]:631"}, []string{"0.0.0.0:68"}, gatetest.SiteLinks, edgeContainer())
	return s, n
}

func TestExposureReachablePasses(t *testing.T) {
	s, n := reachableSite(t)
	r := gatetest.Run(context.Background(), Reachable(), s)
	if r.Status != stack.Passed {
		t.Fatalf("%s %s %+v", r.Status, r.Reason, r.Findings)
	}
	core := n.asked.Load()
	var doc record
	if err := json.Unmarshal(s.Artifacts.(*gatetest.Sink).Kept["exposure.json"], &doc); err != nil || len(doc.Scans) != 2 || len(doc.Sockets) != 7 {
		t.Errorf("exposure.json: %v, %d scans, %d sockets", err, len(doc.Scans), len(doc.Sockets))
	}
	s.All = true
	if r = gatetest.Run(context.Background(), Reachable(), s); r.Status != stack.Passed || r.Inspected < 2*65535 {
		t.Errorf("all ports: %s %s, %d inspected", r.Status, r.Reason, r.Inspected)
	}
	if core > 1000 {
		t.Errorf("%d connects without --all-tests", core)
	}
}

// stranger adds a running container that no compose file declares.
func stranger(set func(c *stack.Container)) func(s *gate.Subject, n *network) {
	return func(s *gate.Subject, _ *network) {
		c := stack.Container{ID: "x", Name: "x", State: "running"}
		set(&c)
		s.Target.Path = "/srv/stack"
		s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, edgeContainer(), c)
	}
}

func TestExposureReachableCatches(t *testing.T) {
	published := func(c *stack.Container, ports ...stack.Port) stack.Container {
		c.State, c.Ports = "running", ports
		return *c
	}
	db := func(ports ...stack.Port) stack.Container {
		return published(&stack.Container{ID: "p", Name: "stack-postgres-1", Project: "stack", Service: "postgres"}, ports...)
	}
	for _, c := range []struct {
		name             string
		change           func(s *gate.Subject, n *network)
		subject, problem string
	}{
		{"a container publishes PostgreSQL", func(s *gate.Subject, n *network) {
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, edgeContainer(), db(stack.Port{HostIP: "0.0.0.0", Published: "5432", Target: 5432, Protocol: "tcp"}))
		}, "port 5432/tcp", "other than the edge publishes"},
		{"only on loopback", func(s *gate.Subject, n *network) {
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, edgeContainer(), db(stack.Port{HostIP: "127.0.0.1", Published: "5432", Target: 5432, Protocol: "tcp"}))
		}, "port 5432/tcp", "other than the edge publishes"},
		{"a port over IPv6 only", func(_ *gate.Subject, n *network) {
			n.open[gatetest.SiteAddress6] = append(n.open[gatetest.SiteAddress6], 5432)
		}, "port 5432/tcp", "can be reached"},
		{"a stranger's container", func(s *gate.Subject, n *network) {
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, edgeContainer(), stack.Container{ID: "x", Name: "netdata", State: "running", Ports: []stack.Port{{HostIP: "0.0.0.0", Published: "19999", Target: 19999, Protocol: "tcp"}}})
		}, "port 19999/tcp", "not allowed"},
		{"an ephemeral port", func(s *gate.Subject, n *network) {
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, edgeContainer(), stack.Container{ID: "x", Name: "x", State: "running", Ports: []stack.Port{{Target: 5432, Protocol: "tcp", Mode: "host"}}})
		}, "port (any)/tcp", "not allowed"},
		{"a UDP port", func(s *gate.Subject, n *network) {
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, edgeContainer(), stack.Container{ID: "x", Name: "dns", State: "running", Ports: []stack.Port{{HostIP: "0.0.0.0", Published: "53", Target: 53, Protocol: "udp"}}})
		}, "port 53/udp", "not allowed"},
		{"an app container of this release", func(s *gate.Subject, n *network) {
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, edgeContainer(), stack.Container{ID: "x", Name: "api", Project: s.Release.AppProject(), Service: "api", State: "running", Ports: []stack.Port{{HostIP: "0.0.0.0", Published: "443", Target: 8000, Protocol: "tcp"}}})
		}, "port 443/tcp", "other than the edge publishes"},
		{"a declared port with another behind it", func(s *gate.Subject, n *network) {
			c := withPort(s, stack.Port{HostIP: "0.0.0.0", Published: "2222", Target: 22, Protocol: "tcp"})
			c.Ports[0].Target = 5432
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, edgeContainer(), c)
		}, "port 2222/tcp", "other than the edge publishes"},
		{"a declared port that the firewall holds", func(s *gate.Subject, _ *network) {
			s.Server = hostOf(append([]string{"0.0.0.0:2222"}, goodSockets...), nil, nil, gatetest.SiteLinks, edgeContainer(), withPort(s, stack.Port{HostIP: "0.0.0.0", Published: "2222", Target: 22, Protocol: "tcp"}))
		}, "port 2222/tcp", "does not answer from outside"},
		{"UDP that the compose file does not publish", func(s *gate.Subject, n *network) {
			c := withPort(s, stack.Port{HostIP: "0.0.0.0", Published: "2222", Target: 22, Protocol: "tcp"})
			c.Ports = append(c.Ports, stack.Port{HostIP: "0.0.0.0", Published: "53", Target: 53, Protocol: "udp"})
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, edgeContainer(), c)
		}, "port 53/udp", "other than the edge publishes"},
		{"in the network of another than the named sibling", func(s *gate.Subject, n *network) {
			s.Config.Traefik.Own = true
			gatetest.ServiceOf(s, "api").NetworkMode = "service:worker"
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, edgeContainer(), stack.Container{ID: "a", Name: "a", Project: s.Release.AppProject(), Service: "api", State: "running", NetworkMode: "container:e"})
		}, "container api", "another network namespace"},
		{"the edge publishes its dashboard", func(s *gate.Subject, n *network) {
			e := edgeContainer()
			e.Ports = append(e.Ports, stack.Port{HostIP: "0.0.0.0", Published: "8080", Target: 8080, Protocol: "tcp"})
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, e)
		}, "port 8080/tcp", "not allowed"},
		{"Redis on the host network", func(s *gate.Subject, n *network) {
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, edgeContainer(), stack.Container{ID: "r", Name: "stack-redis-1", Project: "stack", Service: "redis", State: "running", NetworkMode: "host"})
		}, "container redis", "another network namespace"},
		{"in another container's network", func(s *gate.Subject, n *network) {
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, edgeContainer(), stack.Container{ID: "r", Name: "stack-redis-1", Project: "stack", Service: "redis", State: "running", NetworkMode: "container:e"})
		}, "container redis", "another network namespace"},
		{"a process of the host, on an odd port", func(s *gate.Subject, n *network) {
			s.Server = hostOf(append([]string{"0.0.0.0:31337"}, goodSockets...), nil, nil, gatetest.SiteLinks, edgeContainer())
			n.open[gatetest.SiteAddress] = append(n.open[gatetest.SiteAddress], 31337)
		}, "port 31337/tcp", "can be reached"},
		{"a process of the host, IPv6", func(s *gate.Subject, n *network) {
			s.Server = hostOf(goodSockets, []string{"[::]:31338"}, nil, gatetest.SiteLinks, edgeContainer())
			n.open[gatetest.SiteAddress6] = append(n.open[gatetest.SiteAddress6], 31338)
		}, "port 31338/tcp", "can be reached"},
		{"a known port that nothing declares", func(_ *gate.Subject, n *network) {
			n.open[gatetest.SiteAddress] = append(n.open[gatetest.SiteAddress], 2375)
		}, "port 2375/tcp", "can be reached"},
		{"any port, asked under --all-tests", func(s *gate.Subject, n *network) {
			s.All = true
			n.open[gatetest.SiteAddress] = append(n.open[gatetest.SiteAddress], 40123)
		}, "port 40123/tcp", "can be reached"},
		{"a port that the settings do not allow", func(s *gate.Subject, _ *network) {
			s.Config.Gates.Exposure.Allow = []int{443}
			s.Target.Port, s.Target.Edge.HTTPPort = 443, 443
		}, "port 80/tcp", "can be reached"},
		{"an edge address of its own", func(s *gate.Subject, n *network) {
			s.Target.Edge.Address = "203.0.113.8"
			n.open["203.0.113.8"] = []int{443, 6379}
		}, "port 6379/tcp", "can be reached"},
		{"a stranger publishes a port of the site", stranger(func(c *stack.Container) {
			c.Ports = []stack.Port{{HostIP: "203.0.113.9", Published: "443", Target: 443, Protocol: "tcp"}}
		}), "port 443/tcp", "one of the site's ports"},
		{"the server's ingress, which the site is not behind", func(s *gate.Subject, _ *network) {
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, ingressContainer())
		}, "port 443/tcp", "one of the site's ports"},
		{"who only has the ingress's name", func(s *gate.Subject, _ *network) {
			gatetest.ServiceOf(s, "traefik").Networks = []string{stack.IngressProject}
			c := ingressContainer()
			c.Labels = nil
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, c)
		}, "port 443/tcp", "one of the site's ports"},
		{"a stranger on the host's network", stranger(func(c *stack.Container) { c.NetworkMode = "host" }), "container x", "shares the network of the host"},
		{"a stranger in the edge's network", stranger(func(c *stack.Container) { c.NetworkMode = "container:e" }), "container x", "shares the network of container stack-traefik-1"},
		{"a stranger is privileged", stranger(func(c *stack.Container) { c.Privileged = true }), "container x", "privileged"},
		{"a stranger has the engine's socket", stranger(func(c *stack.Container) { c.Mounts = []string{"/var/run/docker.sock"} }), "container x", "rules the engine"},
		{"a stranger has the folder of the engine's socket", stranger(func(c *stack.Container) { c.Mounts = []string{"/var/run"} }), "container x", "rules the engine"},
		{"a stranger has the whole host", stranger(func(c *stack.Container) { c.Mounts = []string{"/"} }), "container x", "rules the engine"},
		{"a stranger has the site's folder", stranger(func(c *stack.Container) { c.Mounts = []string{"/srv/stack/secrets"} }), "container x", "files or data"},
		{"a stranger has the site's data", stranger(func(c *stack.Container) { c.Mounts = []string{"/var/lib/docker/volumes/stack_postgres/_data"} }), "container x", "files or data"},
		{"a stranger on the data network", stranger(func(c *stack.Container) { c.Addresses = map[string]string{"stack_data": "172.20.0.9"} }), "container x", "network of the site"},
		{"a stranger under the project's name", stranger(func(c *stack.Container) { c.Project, c.Service, c.Privileged = "stack", "miner", true }), "container x", "privileged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, n := reachableSite(t)
			c.change(&s, n)
			gatetest.WantFinding(t, gatetest.Run(context.Background(), Reachable(), s), c.subject, c.problem)
		})
	}
}

// withPort has a service publish a port beside stackctl's own edge, and returns its
// container.
func withPort(s *gate.Subject, p stack.Port) stack.Container {
	s.Config.Traefik.Own = true
	s.Config.Gates.Exposure.Allow = []int{22, 80, 443, 2222}
	gatetest.ServiceOf(s, "api").Ports = []stack.Port{{Published: p.Published, Target: p.Target, Protocol: p.Protocol}}
	return stack.Container{ID: "g", Name: "forge", Project: s.Release.AppProject(), Service: "api", State: "running", Ports: []stack.Port{p}}
}

// What the firewall holds, what only the host reaches, and what stopped is no
// exposure.
func TestExposureReachableDoesNotCryWolf(t *testing.T) {
	for name, change := range map[string]func(s *gate.Subject, n *network){
		"a process behind the firewall": func(s *gate.Subject, n *network) {
			s.Server = hostOf(append([]string{"0.0.0.0:5355"}, goodSockets...), nil, []string{"0.0.0.0:5355"}, gatetest.SiteLinks, edgeContainer())
		},
		"a stranger's container on loopback": func(s *gate.Subject, n *network) {
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, edgeContainer(), stack.Container{ID: "x", Name: "x", State: "running", Ports: []stack.Port{{HostIP: "127.0.0.1", Published: "3000", Target: 3000, Protocol: "tcp"}}})
		},
		"a stranger with files of its own": stranger(func(c *stack.Container) {
			c.Mounts, c.NetworkMode = []string{"/srv/other", "/srv/stackbeside", "/var/lib/docker/volumes/stack_two_data/_data", "/var/lib/docker/volumes/other_data/_data", "/run/other.sock"}, "other_default"
			c.Addresses = map[string]string{"other_default": "172.30.0.2", "stack_two_edge": "172.31.0.2"}
		}),
		"a stranger in another stranger's network": stranger(func(c *stack.Container) { c.NetworkMode = "container:y" }),
		"a stopped container": func(s *gate.Subject, n *network) {
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, edgeContainer(), stack.Container{ID: "x", Name: "x", State: "exited", Ports: []stack.Port{{HostIP: "0.0.0.0", Published: "3000", Target: 3000, Protocol: "tcp"}}})
		},
		"exposed, not published": func(s *gate.Subject, n *network) {
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, edgeContainer(), stack.Container{ID: "x", Name: "x", Project: "stack", Service: "postgres", State: "running", Ports: []stack.Port{{Target: 5432, Protocol: "tcp"}}})
		},
		"the server's ingress": func(s *gate.Subject, _ *network) {
			gatetest.ServiceOf(s, "traefik").Networks = []string{stack.IngressProject}
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, ingressContainer())
		},
		"a port that the project declares": func(s *gate.Subject, n *network) {
			git := withPort(s, stack.Port{HostIP: "0.0.0.0", Published: "2222", Target: 22, Protocol: "tcp"})
			n.open[gatetest.SiteAddress] = append(n.open[gatetest.SiteAddress], 2222)
			s.Server = hostOf(append([]string{"0.0.0.0:2222"}, goodSockets...), nil, nil, gatetest.SiteLinks, edgeContainer(), git)
		},
		"UDP of a service": func(s *gate.Subject, _ *network) {
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, edgeContainer(), withPort(s, stack.Port{HostIP: "0.0.0.0", Published: "27015", Target: 27015, Protocol: "udp"}))
		},
		"a container in its sibling's network": func(s *gate.Subject, _ *network) {
			s.Config.Traefik.Own = true
			gatetest.ServiceOf(s, "api").NetworkMode = "service:worker"
			app := s.Release.AppProject()
			s.Server = hostOf(goodSockets, nil, nil, gatetest.SiteLinks, edgeContainer(), stack.Container{ID: "w", Name: "w", Project: app, Service: "worker", State: "running"},
				stack.Container{ID: "a", Name: "a", Project: app, Service: "api", State: "running", NetworkMode: "container:w"})
		},
		"IPv6 that does not reach here": func(_ *gate.Subject, n *network) { delete(n.open, gatetest.SiteAddress6) },
		"SSH on another port": func(s *gate.Subject, n *network) {
			s.Target.Port = 2222
			n.open[gatetest.SiteAddress] = []int{2222, 80, 443}
		},
		"reached by a forward": func(s *gate.Subject, n *network) {
			s.Target.Host, s.Target.Edge.Address = "127.0.0.1", "127.0.0.1"
			s.Target.Edge.HTTPSPort = 8443
			n.open["127.0.0.1"] = []int{5432, 8443}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, n := reachableSite(t)
			change(&s, n)
			if r := gatetest.Run(context.Background(), Reachable(), s); r.Status != stack.Passed {
				t.Errorf("%s %s %+v", r.Status, r.Reason, r.Findings)
			}
		})
	}
}

func TestExposureCouldNotJudge(t *testing.T) {
	for name, change := range map[string]func(s *gate.Subject, n *network){
		"nothing answers": func(_ *gate.Subject, n *network) {
			n.open = map[string][]int{gatetest.SiteAddress: {}, gatetest.SiteAddress6: {}}
		},
		"a network that accepts everything": func(_ *gate.Subject, n *network) { n.all = true },
		"the host's tables cannot be read": func(s *gate.Subject, _ *network) {
			s.Server = &gatetest.Server{OnRun: func([]string) (stack.Output, error) { return stack.Output{}, errors.New("connection lost") }}
		},
		"the host's tables are something else": func(s *gate.Subject, _ *network) {
			s.Server = &gatetest.Server{OnRun: func([]string) (stack.Output, error) { return stack.Output{Stdout: []byte("welcome\n")}, nil }}
		},
		"no connection": func(s *gate.Subject, _ *network) { s.Server = nil },
	} {
		t.Run(name, func(t *testing.T) {
			s, n := reachableSite(t)
			change(&s, n)
			if r := gatetest.Run(context.Background(), Reachable(), s); r.Status != stack.CouldNotJudge || r.Reason == "" {
				t.Errorf("%s %q %+v", r.Status, r.Reason, r.Findings)
			}
		})
	}
}

func TestParseSockets(t *testing.T) {
	table := "  sl  local_address                         remote_address\n" +
		"   0: 0100007F:0CEA 00000000:0000 0A 0 0 0 0 0 1\n" +
		"   1: 00000000:0016 00000000:0000 0A 0 0 0 0 0 1\n" +
		"   2: 0707CB71:8F5C 00000000:01BB 01 0 0 0 0 0 1\n" +
		"   3: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A 0 0 0 0 0 1\n"
	got, err := parseSockets("tcp", []byte(table))
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v %v", got, err)
	}
	if got[0].Port != 3306 || !got[0].local() || got[1].Port != 22 || got[1].local() || got[2].Address != netip.IPv6Loopback() {
		t.Errorf("%+v", got)
	}
}

func FuzzParseSockets(f *testing.F) {
	f.Add([]byte(procTable("0A", "0.0.0.0:22", "[::]:80")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _ = parseSockets("tcp", raw)
		parseAddresses(raw)
	})
}
