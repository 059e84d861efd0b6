package provision_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/provision"
	"stackctl/pkg/stackctl/stack"
)

// dropletVariable names the target file of a droplet that these tests may
// change and reboot. `stackctl sandbox up` writes such a file.
const dropletVariable = "STACKCTL_DROPLET"

// droplet is the server of these tests.
type droplet struct {
	target   stack.Target
	settings provision.Settings
	admin    *host.Conn
}

// openDroplet logs in to the droplet as its admin.
func openDroplet(t *testing.T) *droplet {
	t.Helper()
	file := os.Getenv(dropletVariable)
	if file == "" {
		t.Skipf("needs a droplet that may be changed: set %s to its target.yaml; the end-to-end suite does", dropletVariable)
	}
	text, err := os.ReadFile(file)
	must(t, err)
	var from struct {
		Host, User, Admin, Key, Path string
		Port                         int
		KnownHosts                   string `yaml:"known_hosts"`
	}
	must(t, yaml.Unmarshal(text, &from))
	d := &droplet{target: stack.Target{
		Name: "droplet", Host: from.Host, Port: from.Port, User: from.User, Admin: from.Admin,
		Key: from.Key, KnownHosts: from.KnownHosts, Path: from.Path,
	}}
	key, err := host.PublicKey(host.OptionsFor(d.target, true))
	must(t, err)
	d.settings = provision.SettingsFor(d.target, key)
	d.admin = d.dial(t, true)
	return d
}

func (d *droplet) dial(t *testing.T, admin bool) *host.Conn {
	t.Helper()
	conn, err := host.Dial(t.Context(), host.OptionsFor(d.target, admin))
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// sh runs a script as root and returns what it printed.
func (d *droplet) sh(t *testing.T, script string, args ...string) string {
	t.Helper()
	out, err := d.admin.Run(t.Context(), append([]string{"sh", "-c", script, "sh"}, args...)...)
	must(t, err)
	if out.Exit != 0 {
		t.Fatalf("%s: exit %d: %s%s", script, out.Exit, out.Stdout, out.Stderr)
	}
	return strings.TrimSpace(string(out.Stdout))
}

// ready provisions, and checks that nothing is left to change.
func (d *droplet) ready(t *testing.T) []provision.Change {
	t.Helper()
	var story story
	changes, err := provision.Ensure(t.Context(), d.admin, d.settings, story.emit)
	if err != nil {
		t.Fatalf("%v\n%s", err, story.text())
	}
	again, err := provision.Ensure(t.Context(), d.admin, d.settings, story.emit)
	must(t, err)
	if len(again) != 0 {
		t.Errorf("the second run changed:\n%s", provision.Text(again))
	}
	return changes
}

// story keeps events.
type story struct {
	lock   sync.Mutex
	events []stack.Event
}

func (s *story) emit(e stack.Event) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.events = append(s.events, e)
}

func (s *story) text() string {
	s.lock.Lock()
	defer s.lock.Unlock()
	var b strings.Builder
	for _, e := range s.events {
		fmt.Fprintf(&b, "%s %s: %s\n", e.Kind, e.Name, e.Message)
	}
	return b.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// opens reports whether a TCP port of the droplet takes connections from outside.
// A port that is dropped does not answer at all.
func (d *droplet) opens(port int) bool {
	c, err := net.DialTimeout("tcp", net.JoinHostPort(d.target.Host, fmt.Sprint(port)), 1500*time.Millisecond)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// held asserts that published ports are held: the public ones answer, the
// database's does not.
func (d *droplet) held(t *testing.T, when string) {
	t.Helper()
	for _, port := range []int{80, 443} {
		within(t, 30*time.Second, fmt.Sprintf("port %d to answer %s", port, when), func() bool { return d.opens(port) })
	}
	if d.opens(5432) {
		t.Errorf("%s: 5432, published by a container, is reachable from outside", when)
	}
	if !d.opens(22) {
		t.Errorf("%s: SSH is not reachable", when)
	}
}

func within(t *testing.T, limit time.Duration, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %s in vain for %s", limit, what)
		}
	}
}

func TestDropletBecomesReadyAndStaysSo(t *testing.T) {
	d := openDroplet(t)
	began := time.Now()
	changes := d.ready(t)
	t.Logf("ready after %s:\n%s", time.Since(began).Round(time.Millisecond), provision.Text(changes))

	deploy := d.dial(t, false)
	if out, err := deploy.Run(t.Context(), "id", "-un"); err != nil || strings.TrimSpace(string(out.Stdout)) != d.target.User {
		t.Errorf("deploy user: %v %s", err, out.Stdout)
	}
	socket, err := deploy.DialContext(t.Context(), "unix", "/var/run/docker.sock")
	must(t, err)
	fmt.Fprint(socket, "GET /_ping HTTP/1.0\r\n\r\n")
	answer := make([]byte, 12)
	if n, _ := socket.Read(answer); !strings.HasSuffix(string(answer[:n]), " 200") {
		t.Errorf("the Engine answered %q", answer[:n])
	}
	for _, f := range provision.Folders {
		if f.Path == "." {
			continue
		}
		must(t, deploy.WriteFile(t.Context(), filepath.Join(d.settings.Path, f.Path, "probe"), []byte("x"), 0o600))
		must(t, deploy.Remove(t.Context(), filepath.Join(d.settings.Path, f.Path, "probe")))
	}
	if out, _ := deploy.Run(t.Context(), "sudo", "-n", "true"); out.Exit == 0 {
		t.Error("the deploy user may use sudo")
	}
	out, err := exec.Command("ssh", "-o", "BatchMode=yes", "-o", "PubkeyAuthentication=no", "-o", "UserKnownHostsFile="+d.target.KnownHosts,
		"root@"+d.target.Host, "true").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "Permission denied (publickey)") {
		t.Errorf("sshd offers more than keys: %v %s", err, out)
	}
	if said := d.sh(t, "fail2ban-client status sshd"); !strings.Contains(said, "Journal matches") {
		t.Errorf("fail2ban: %s", said)
	}
}

// listener is a program that answers on three ports, for an image that needs
// no registry.
const listener = `package main

import "net"

func main() {
	for _, port := range []string{":8080", ":8443", ":5432"} {
		l, err := net.Listen("tcp", port)
		if err != nil {
			panic(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err == nil {
					c.Close()
				}
			}
		}()
	}
	select {}
}
`

// publish runs a container on the droplet that publishes 80, 443 and 5432.
func (d *droplet) publish(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(listener), 0o600))
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", filepath.Join(dir, "listen"), filepath.Join(dir, "main.go"))
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	program, err := os.ReadFile(filepath.Join(dir, "listen"))
	must(t, err)
	must(t, d.admin.WriteFile(t.Context(), "/root/listen", program, 0o755))
	// Debian 13 has the client in a package of its own, which only this test needs.
	d.sh(t, `command -v docker >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker-cli >/dev/null
docker rm -f listen >/dev/null 2>&1
tar -C /root -c listen | docker import - listen:1 >/dev/null
docker run -d --name listen --restart unless-stopped -p 80:8080 -p 443:8443 -p 5432:5432 listen:1 /listen`)
	t.Cleanup(func() {
		conn, err := host.Dial(context.Background(), host.OptionsFor(d.target, true))
		if err != nil {
			t.Errorf("clean up: %v", err)
			return
		}
		defer conn.Close()
		if out, err := conn.Run(context.Background(), "sh", "-c", "docker rm -f listen && docker rmi listen:1 && rm -f /root/listen"); err != nil || out.Exit != 0 {
			t.Errorf("clean up: %v %s", err, out.Stderr)
		}
	})
}

func TestPublishedPortsAreHeld(t *testing.T) {
	d := openDroplet(t)
	d.ready(t)
	d.publish(t)
	d.held(t, "after provisioning")

	// Without the rules the port is open: it is they that hold it.
	d.sh(t, "iptables -w 5 -F DOCKER-USER")
	if !d.opens(5432) {
		t.Error("5432 is not reachable without the rules, so this test proves nothing")
	}
	facts, err := provision.Observe(t.Context(), d.admin, d.settings)
	must(t, err)
	if plan := provision.Text(provision.Plan(facts, d.settings)); !strings.Contains(plan, "published ports are not held (IPv4)") {
		t.Errorf("the missing rules were not noticed:\n%s", plan)
	}
	d.ready(t)
	d.held(t, "after they were put back")

	d.sh(t, "systemctl restart docker.service")
	d.held(t, "after a restart of the Engine")
	d.sh(t, "ufw reload")
	d.held(t, "after a reload of ufw")
	if rules := d.sh(t, "ip6tables -w 5 -S DOCKER-USER"); strings.Count(rules, "DROP") != 3 {
		t.Errorf("IPv6 rules:\n%s", rules)
	}
	// A container still reaches out and its neighbours.
	d.sh(t, "iptables -w 5 -C DOCKER-USER -i docker0 -j RETURN")

	d.reboot(t)
	d.held(t, "after a reboot")
	if changes := d.ready(t); len(changes) != 0 {
		t.Errorf("a reboot undid:\n%s", provision.Text(changes))
	}
}

// reboot restarts the droplet and logs in again.
func (d *droplet) reboot(t *testing.T) {
	t.Helper()
	before := d.sh(t, "systemctl show -p KernelTimestamp -p UserspaceTimestampMonotonic; cat /proc/1/stat | cut -d' ' -f22")
	_, _ = d.admin.Run(t.Context(), "systemctl", "reboot")
	within(t, 60*time.Second, "the droplet to come back", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		conn, err := host.Dial(ctx, host.OptionsFor(d.target, true))
		if err != nil {
			return false
		}
		out, err := conn.Run(ctx, "sh", "-c", "systemctl show -p KernelTimestamp -p UserspaceTimestampMonotonic; cat /proc/1/stat | cut -d' ' -f22")
		if err != nil || strings.TrimSpace(string(out.Stdout)) == before {
			conn.Close()
			return false
		}
		d.admin = conn
		t.Cleanup(func() { conn.Close() })
		return true
	})
}
