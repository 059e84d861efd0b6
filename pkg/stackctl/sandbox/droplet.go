package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// ensureDroplets makes sure that the container of each droplet runs.
func (b *builder) ensureDroplets(ctx context.Context, s *State) error {
	s.Container = b.named("")
	for _, d := range b.droplets(*s) {
		fresh, err := b.ensureDroplet(ctx, *s, d)
		if err != nil {
			return err
		}
		s.Fresh = s.Fresh || fresh
		if b.Nodes > 0 {
			s.Nodes = append(s.Nodes, d.Node)
		}
	}
	running, err := b.api.ContainerInspect(ctx, s.Container, client.ContainerInspectOptions{})
	if err != nil {
		return fault("look at the droplet", err, "")
	}
	s.HTTPPort, s.HTTPSPort = published(running.Container, "80/tcp"), published(running.Container, "443/tcp")
	return nil
}

// ensureDroplet makes sure that one droplet's container runs, and reports whether
// it made it.
func (b *builder) ensureDroplet(ctx context.Context, s State, d droplet) (fresh bool, err error) {
	seen, err := b.api.ContainerInspect(ctx, d.Container, client.ContainerInspectOptions{})
	if err != nil && !errdefs.IsNotFound(err) {
		return false, fault("look for "+d.Name, err, "")
	}
	if err != nil {
		if err := b.createDroplet(ctx, s, d); err != nil {
			return false, err
		}
		fresh = true
	} else if seen.Container.Config.Labels[label] != b.Name {
		return false, fault("make "+d.Name, fmt.Errorf("a container %s exists and is not the sandbox's", d.Container), "remove it, or pick another name")
	}
	if fresh || !seen.Container.State.Running {
		b.say("start %s at %s", d.Name, d.Address)
		if _, err := b.api.ContainerStart(ctx, d.Container, client.ContainerStartOptions{}); err != nil {
			return fresh, fault("start "+d.Name, err, "run `stackctl sandbox down` and up again")
		}
	}
	if fresh {
		return true, nil
	}
	return false, b.authorize(ctx, s, d.Node)
}

// capabilities are what systemd and an inner Docker Engine need beyond the
// Engine's default. --privileged would ask for more than some machines have.
var capabilities = []string{"SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYSLOG", "NET_RAW", "MKNOD"}

// freshVolumes makes the volumes of the droplet's own Engine. What one left that
// was removed by hand would come back on a server whose other files are new.
func (b *builder) freshVolumes(ctx context.Context, d droplet) ([]mount.Mount, error) {
	var mounts []mount.Mount
	for part, target := range map[string]string{"docker": "/var/lib/docker", "containerd": "/var/lib/containerd"} {
		name := d.volume(b, part)
		if _, err := b.api.VolumeRemove(ctx, name, client.VolumeRemoveOptions{Force: true}); err != nil && !errdefs.IsNotFound(err) {
			return nil, fault("remove the old volume "+name, err, "")
		}
		if _, err := b.api.VolumeCreate(ctx, client.VolumeCreateOptions{Name: name, Labels: b.labels()}); err != nil {
			return nil, fault("make volume "+name, err, "")
		}
		mounts = append(mounts, mount.Mount{Type: mount.TypeVolume, Source: name, Target: target})
	}
	return mounts, nil
}

func (b *builder) createDroplet(ctx context.Context, s State, d droplet) error {
	image, err := b.system(ctx, d)
	if err != nil {
		return err
	}
	public, err := os.ReadFile(s.Key() + ".pub")
	if err != nil {
		return fault("read the sandbox's key", err, "")
	}
	mounts, err := b.freshVolumes(ctx, d)
	if err != nil {
		return err
	}
	labels := b.labels()
	if b.Nodes > 0 {
		labels[nodesLabel] = strconv.Itoa(b.Nodes)
	}
	b.say("make %s: a bare %s with systemd and sshd", d.Name, d.system)
	_, err = b.api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: d.Container,
		Config: &container.Config{
			Image: image, Hostname: d.hostname, Labels: labels, Env: []string{"DROPLET_DNS=" + nameservers()},
			Cmd: []string{"/usr/local/sbin/droplet-init"}, StopSignal: "SIGRTMIN+3",
			ExposedPorts: network.PortSet{network.MustParsePort("80/tcp"): {}, network.MustParsePort("443/tcp"): {}},
		},
		HostConfig: &container.HostConfig{
			Resources:     container.Resources{DeviceCgroupRules: []string{"a *:* rwm"}, Memory: b.Memory},
			CapAdd:        capabilities,
			CgroupnsMode:  container.CgroupnsModePrivate,
			SecurityOpt:   []string{"seccomp=unconfined", "apparmor=unconfined"},
			MaskedPaths:   []string{},
			ReadonlyPaths: []string{},
			Tmpfs:         map[string]string{"/run": "", "/run/lock": ""},
			Mounts:        mounts,
			NetworkMode:   container.NetworkMode(b.named("")),
			PortBindings:  d.ports(),
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyUnlessStopped},
		},
		NetworkingConfig: b.endpoint(s, d.host),
	})
	if err != nil {
		return fault("make "+d.Name, err, "")
	}
	return b.equip(ctx, d, public)
}

// system is the image that a droplet is made from.
func (b *builder) system(ctx context.Context, d droplet) (string, error) {
	if b.Image != "" && b.Nodes == 0 {
		return b.Image, nil
	}
	return b.image(ctx, d.archive)
}

// equip puts on a new droplet the key that logs in, and this machine's way to packages.
func (b *builder) equip(ctx context.Context, d droplet, public []byte) error {
	files := []file{{path: "/root/.ssh", mode: 0o700}, {path: authorizedKeys, mode: 0o600, content: public}}
	if conf := aptSettings(ctx); conf != nil {
		files = append(files, file{path: "/etc/apt/apt.conf.d/80provider", mode: 0o644, content: conf})
	}
	if err := b.put(ctx, d.Container, files...); err != nil {
		return fault("give "+d.Name+" its key", err, "")
	}
	return nil
}

const authorizedKeys = "/root/.ssh/authorized_keys"

// authorize lets our key in where it is not: the sandbox's folder was removed
// and made anew while its droplet stayed.
func (b *builder) authorize(ctx context.Context, s State, n Node) error {
	public, err := os.ReadFile(s.Key() + ".pub")
	if err != nil {
		return fault("read the sandbox's key", err, "")
	}
	known, err := b.get(ctx, n.Container, authorizedKeys)
	if err != nil && !errdefs.IsNotFound(err) {
		return fault("read the authorized keys of "+n.Name, err, "")
	}
	if bytes.Contains(known, bytes.TrimSpace(public)) {
		return nil
	}
	b.say("give %s the new key", n.Name)
	err = b.put(ctx, n.Container, file{path: "/root/.ssh", mode: 0o700}, file{path: authorizedKeys, mode: 0o600, content: append(known, public...)})
	if err != nil {
		return fault("give "+n.Name+" its key", err, "")
	}
	return nil
}

// ports are those of a droplet that this machine publishes on its loopback.
func (d droplet) ports() network.PortMap {
	out := network.PortMap{}
	if d.public {
		out[network.MustParsePort("80/tcp")] = onLoopback(80, 8080)
		out[network.MustParsePort("443/tcp")] = onLoopback(443, 8443)
	}
	return out
}

// onLoopback binds a port on 127.0.0.1: the same one, a second choice, or any.
func onLoopback(ports ...int) []network.PortBinding {
	binding := network.PortBinding{HostIP: netip.AddrFrom4([4]byte{127, 0, 0, 1}), HostPort: "0"}
	for _, p := range ports {
		l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(p)))
		if err != nil {
			continue
		}
		if l.Close() == nil {
			binding.HostPort = strconv.Itoa(p)
			break
		}
	}
	return []network.PortBinding{binding}
}

func published(c container.InspectResponse, port string) int {
	if c.NetworkSettings == nil {
		return 0
	}
	for _, binding := range c.NetworkSettings.Ports[network.MustParsePort(port)] {
		if n, err := strconv.Atoi(binding.HostPort); err == nil && binding.HostIP.Is4() {
			return n
		}
	}
	return 0
}

// nameservers are those of this machine that a container can reach. The
// Engine's own resolver listens on the container's loopback, where the inner
// Engine's containers cannot reach it.
func nameservers() string {
	for _, path := range []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var found []string
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) < 2 || fields[0] != "nameserver" {
				continue
			}
			if a, err := netip.ParseAddr(fields[1]); err == nil && !a.IsLoopback() && a.Is4() {
				found = append(found, fields[1])
			}
		}
		if len(found) > 0 {
			return strings.Join(found, " ")
		}
	}
	return ""
}

// aptSettings are this machine's settings for how apt reaches its mirror.
func aptSettings(ctx context.Context) []byte {
	dump, err := exec.CommandContext(ctx, "apt-config", "dump").Output()
	if err != nil {
		return nil // no apt here: the droplet keeps Debian's defaults
	}
	var out bytes.Buffer
	for line := range strings.Lines(string(dump)) {
		for _, prefix := range []string{"Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Check-Valid-Until ", "Acquire::Check-Date "} {
			if strings.HasPrefix(line, prefix) {
				out.WriteString(line)
			}
		}
	}
	if out.Len() == 0 {
		return nil
	}
	return out.Bytes()
}

// awaitDroplet waits until systemd has started everything and sshd answers.
func (b *builder) awaitDroplet(ctx context.Context, n Node) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var state string
	for {
		out, err := b.exec(ctx, n.Container, "systemctl", "is-system-running")
		state = strings.TrimSpace(out)
		if state == "running" || state == "degraded" {
			break
		}
		if !pause(ctx) {
			return fault("wait for the systemd of "+n.Name, fmt.Errorf("it says %q (%v)", state, err), "look at `docker logs "+n.Container+"`") //nolint:errorlint // the answer is the cause, and err can be nil
		}
	}
	if state == "degraded" {
		failed, _ := b.exec(ctx, n.Container, "systemctl", "list-units", "--failed", "--plain", "--no-legend") // said as a note only
		b.say("%s runs, but some units failed: %s", n.Name, strings.TrimSpace(failed))
	}
	for {
		err := banner(ctx, netip.AddrPortFrom(n.Address, 22))
		if err == nil {
			return nil
		}
		if !pause(ctx) {
			return fault("wait for the sshd of "+n.Name+" at "+n.Address.String(), err, "look at `docker exec "+n.Container+" systemctl status ssh`")
		}
	}
}

// banner reads the first bytes that an SSH server sends.
func banner(ctx context.Context, address netip.AddrPort) error {
	conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "tcp", address.String())
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	hello := make([]byte, 4)
	if _, err := conn.Read(hello); err != nil {
		return err
	}
	if string(hello) != "SSH-" {
		return fmt.Errorf("it answers %q", hello)
	}
	return nil
}

// pause waits a moment and says whether there is still time.
func pause(ctx context.Context) bool {
	t := time.NewTimer(50 * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
