package projects_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"stackctl/pkg/stackctl/cli"
	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/exposure"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// What passes as files must pass as containers that run as the files say: a gate
// that is stricter after the switch would roll each deploy back.
func TestWhatRunsAsItsFilesSayIsNotExposed(t *testing.T) {
	files, err := filepath.Abs("files")
	if err != nil {
		t.Fatal(err)
	}
	projects, err := os.ReadDir(files)
	if err != nil {
		t.Fatal(err)
	}
	judged := 0
	for _, p := range projects {
		if refused[p.Name()].exit != cli.ExitDone {
			continue
		}
		t.Run(p.Name(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), p.Name())
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(files, p.Name()))); err != nil {
				t.Fatal(err)
			}
			t.Chdir(dir)
			if exit, said := run("init", "--host", gatetest.SiteAddress, "--domain", "example.org", "--yes"); exit != cli.ExitDone {
				t.Fatal(said)
			}
			s := running(t)
			if !slices.ContainsFunc(s.Server.(*gatetest.Server).List, unusual) {
				return // nothing but the edge could be exposed
			}
			judged++
			if r := gatetest.Run(t.Context(), exposure.Reachable(), s); r.Status != stack.Passed {
				t.Errorf("%s %s %+v", r.Status, r.Reason, r.Findings)
			}
		})
	}
	if judged < 10 {
		t.Errorf("only %d projects were judged", judged)
	}
}

// unusual reports whether a container beside the edge publishes a port, or has
// another network than its own.
func unusual(c stack.Container) bool {
	return c.NetworkMode != "" || c.Service != config.OwnEdge && len(c.Ports) > 0
}

// running is the project in the working directory, deployed.
func running(t *testing.T) gate.Subject {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load("stackctl.yaml")
	must(err)
	target, err := config.Target(c, "production")
	must(err)
	draft, err := release.Read(t.Context(), c, target)
	must(err)
	service, err := draft.EdgeService()
	must(err)
	routed, err := edge.Read(c, target, service, edge.Behind{Recreated: draft.Recreated(), Replicas: draft.Replicas()})
	must(err)
	r, err := draft.Freeze(release.Inputs{Edge: routed, Now: time.Now()})
	must(err)
	host := hostOf(r)
	return gate.Subject{Release: r, Config: c, Target: target, Server: host.server(), Outside: gatetest.DialerFunc(host.dial), Artifacts: &gatetest.Sink{Kept: map[string][]byte{}}}
}

// host is a server on which a release runs.
type host struct {
	containers []stack.Container
	tcp, udp   []string // ports that containers publish
}

func hostOf(r stack.Release) *host {
	h := &host{tcp: []string{"22"}}
	for _, s := range r.Services {
		if !s.Deployed || s.OneShot {
			continue
		}
		c := stack.Container{ID: "id-" + s.Name, Name: s.Name, Project: r.Project, Service: s.Name, Release: r.ID, State: "running"}
		if s.Layer == stack.LayerApp {
			c.Project = r.AppProject()
		}
		c.NetworkMode = s.NetworkMode
		if of, shares := strings.CutPrefix(s.NetworkMode, "service:"); shares {
			c.NetworkMode = "container:id-" + of
		}
		for _, p := range s.Ports {
			if p.HostIP == "" {
				p.HostIP = "0.0.0.0"
			}
			c.Ports = append(c.Ports, p)
			if p.HostIP != "0.0.0.0" {
				continue
			}
			switch strings.ToLower(p.Protocol) {
			case "udp":
				h.udp = append(h.udp, p.Published)
			case "tcp":
				h.tcp = append(h.tcp, p.Published)
			}
		}
		h.containers = append(h.containers, c)
	}
	return h
}

func (h *host) server() *gatetest.Server {
	return &gatetest.Server{List: h.containers, OnRun: func(argv []string) (stack.Output, error) {
		out := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
		switch strings.Join(argv, " ") {
		case "cat /proc/net/tcp":
			out += table("0A", h.tcp)
		case "cat /proc/net/udp":
			out += table("07", h.udp)
		case "cat /proc/net/tcp6", "cat /proc/net/udp6":
		case "ip -o addr show up scope global":
			out = gatetest.SiteLinks
		default:
			return stack.Output{Exit: 127}, nil
		}
		return stack.Output{Stdout: []byte(out)}, nil
	}}
}

// table are lines of /proc/net for sockets at all addresses.
func table(state string, ports []string) (out string) {
	for i, p := range ports {
		n, _ := strconv.Atoi(p) // a range has been taken apart
		out += fmt.Sprintf("%4d: 00000000:%04X 00000000:0000 %s 00000000:00000000 00:00000000 00000000     0        0 1\n", i, n, state)
	}
	return out
}

// dial reaches what is published.
func (h *host) dial(_ context.Context, _, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(h.tcp, port) {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	here, there := net.Pipe()
	_ = there.Close()
	return here, nil
}
