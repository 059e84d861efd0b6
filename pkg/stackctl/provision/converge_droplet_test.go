package provision_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/provision"
	"stackctl/pkg/stackctl/stack"
)

// harm is what somebody did to a server that was ready, and a word of the plan that
// sets it right.
type harm struct{ name, does, expect string }

// harmed harms the droplet, and sees that one run finds all of it and sets it right.
func (d *droplet) harmed(t *testing.T, all ...harm) {
	t.Helper()
	for _, h := range all {
		d.sh(t, "{ "+h.does+"; } >/dev/null")
	}
	facts, err := provision.Observe(t.Context(), d.admin, d.settings)
	must(t, err)
	plan := provision.Text(provision.Plan(facts, d.settings))
	for _, h := range all {
		if !strings.Contains(plan, h.expect) {
			t.Errorf("%s: the plan does not name %q:\n%s", h.name, h.expect, plan)
		}
	}
	d.ready(t)
}

// TestHalfProvisionedDropletConverges does all harm at once; `make full` each by
// itself as well.
func TestHalfProvisionedDropletConverges(t *testing.T) {
	d := openDroplet(t)
	d.ready(t)
	all := []harm{
		{"user without group", "gpasswd -d " + d.target.User + " docker", "group docker"},
		{"key removed", ": >~" + d.target.User + "/.ssh/authorized_keys", "deploy key"},
		{"passwords back on", "echo PasswordAuthentication yes >/etc/ssh/sshd_config.d/00-stackctl.conf", "passwordauthentication"},
		{"log limits removed", `echo '{"live-restore": true, "mtu": 1400}' >/etc/docker/daemon.json`, "log-driver is not set"},
		{"engine stopped", "systemctl disable --now docker.service docker.socket", "docker.service is"},
		{"folder of root's", "chown root " + d.settings.Path + "/secrets; chmod 755 " + d.settings.Path + "/secrets", "/secrets is root 755"},
		{"package removed", "DEBIAN_FRONTEND=noninteractive apt-get remove -y -qq fail2ban >/dev/null 2>&1", "fail2ban"},
		{"dpkg interrupted", "cd /tmp && apt-get download -qq hello && dpkg --unpack hello_*.deb", "not yet configured"},
		{"updates off", "systemctl disable --now apt-daily.timer", "apt-daily.timer"},
		{"firewall rule removed", "ufw delete allow 443/tcp", "no rule lets in 443"},
	}
	off := harm{"firewall off", "ufw disable", "ufw is not active"} // then none of its rules is there to be named
	if os.Getenv("FAULTS") == "" {
		d.harmed(t, append(all[:len(all)-1], off)...)
		d.harmed(t, all[len(all)-1])
	} else {
		for _, h := range append(all, off) {
			t.Run(h.name, func(t *testing.T) { d.harmed(t, h) })
		}
	}
	if daemon := d.sh(t, "cat /etc/docker/daemon.json"); !strings.Contains(daemon, `"mtu": 1400`) {
		t.Errorf("a setting of somebody else's was lost:\n%s", daemon)
	}
}

func TestUnsupportedSystemIsLeftAlone(t *testing.T) {
	d := openDroplet(t)
	fingerprint := `find /etc /usr/bin /var/lib/dpkg /home -xdev -type f ! -name .pwd.lock -printf '%p %T@ %s\n' | sort | sha256sum`
	d.sh(t, `cp -p --remove-destination /etc/os-release /etc/os-release.kept
printf 'ID=fedora\nVERSION_ID=41\nPRETTY_NAME="Fedora Linux 41"\n' >/etc/os-release.new && mv /etc/os-release.new /etc/os-release`)
	t.Cleanup(func() { d.admin.Run(context.Background(), "mv", "/etc/os-release.kept", "/etc/os-release") })
	before := d.sh(t, fingerprint)
	_, err := provision.Ensure(t.Context(), d.admin, d.settings, func(stack.Event) {})
	if stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "Fedora Linux 41 is not supported; nothing was changed") {
		t.Errorf("says %v", err)
	}
	if d.sh(t, fingerprint) != before {
		t.Error("something was changed")
	}
}

func TestLoginWithoutSudoIsRefused(t *testing.T) {
	d := openDroplet(t)
	d.ready(t)
	target := d.target
	target.Admin = d.target.User
	conn, err := host.Dial(t.Context(), host.OptionsFor(target, true))
	must(t, err)
	defer conn.Close()
	_, err = provision.Observe(t.Context(), conn, d.settings)
	if stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "NOPASSWD") {
		t.Errorf("says %v", err)
	}
}

func TestSettingsThatLockOutAreUndone(t *testing.T) {
	d := openDroplet(t)
	d.ready(t)
	before := d.sh(t, "cat /etc/ssh/sshd_config.d/00-stackctl.conf; ufw status")
	for name, action := range map[string]provision.Action{
		"ssh":      {File: &provision.File{Path: "/etc/ssh/sshd_config.d/00-stackctl.conf", Mode: "644", Content: "PubkeyAuthentication no\n"}},
		"firewall": {Run: []string{"ufw", "deny", "22/tcp"}},
	} {
		t.Run(name, func(t *testing.T) {
			undo := map[string][]string{
				"ssh":      {"systemctl", "reload", "ssh.service"},
				"firewall": {"ufw", "allow", "22/tcp"},
			}[name]
			change := provision.Change{
				Item: name, What: "lock everybody out", Cause: "this is a test",
				Actions: []provision.Action{action, {Run: []string{"sh", "-c", "systemctl reload ssh.service; ufw reload"}}},
				Guard:   &provision.Guard{Name: name, Files: []string{"/etc/ssh/sshd_config.d/00-stackctl.conf"}, Undo: undo},
			}
			err := provision.Apply(t.Context(), d.admin, []provision.Change{change}, func(stack.Event) {})
			if err == nil || !strings.Contains(err.Error(), "a second connection failed") || !strings.Contains(err.Error(), "settings before are back") {
				t.Fatalf("says %v", err)
			}
			within(t, 30*time.Second, "a login with the settings before", func() bool {
				conn, err := host.Dial(t.Context(), host.OptionsFor(d.target, true))
				if err == nil {
					conn.Close()
				}
				return err == nil
			})
		})
	}
	if after := d.sh(t, "cat /etc/ssh/sshd_config.d/00-stackctl.conf; ufw status"); after != before {
		t.Errorf("not as before:\n%s\nwas\n%s", after, before)
	}
	if changes := d.ready(t); len(changes) != 0 {
		t.Errorf("left behind:\n%s", provision.Text(changes))
	}
}

func TestCutOffChangeIsDoneAgain(t *testing.T) {
	d := openDroplet(t)
	d.ready(t)
	d.sh(t, "rm /etc/ssh/sshd_config.d/00-stackctl.conf")
	facts, err := provision.Observe(t.Context(), d.admin, d.settings)
	must(t, err)
	cut := func(e stack.Event) {
		if e.Message == "trying a second connection" {
			d.admin.Close()
		}
	}
	if err := provision.Apply(t.Context(), d.admin, provision.Plan(facts, d.settings), cut); stack.CauseOf(err) != stack.CauseUnreachable {
		t.Fatalf("says %v", err)
	}
	d.admin = d.dial(t, true)
	if timers := d.sh(t, "systemctl list-timers --all --no-pager"); !strings.Contains(timers, "stackctl-undo-ssh.timer") {
		t.Errorf("the host would not undo it by itself:\n%s", timers)
	}
	facts, err = provision.Observe(t.Context(), d.admin, d.settings)
	must(t, err)
	if plan := provision.Text(provision.Plan(facts, d.settings)); !strings.Contains(plan, "an earlier run was cut off") {
		t.Errorf("nothing is said of the run before:\n%s", plan)
	}
	d.ready(t)
	if left := d.sh(t, "systemctl list-timers --all --no-pager | grep stackctl-undo || true; ls /var/lib/stackctl/undo"); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// TestUnconfirmedChangeIsUndoneByTheHost has the host's timer run out in `make full`.
func TestUnconfirmedChangeIsUndoneByTheHost(t *testing.T) {
	d := openDroplet(t)
	d.ready(t)
	before := d.sh(t, "cat /etc/ssh/sshd_config.d/00-stackctl.conf")
	d.sh(t, "rm /etc/ssh/sshd_config.d/00-stackctl.conf")
	facts, err := provision.Observe(t.Context(), d.admin, d.settings)
	must(t, err)
	changes := provision.Plan(facts, d.settings)
	cut := func(e stack.Event) {
		if e.Message == "trying a second connection" {
			d.admin.Close()
		}
	}
	if err := provision.Apply(t.Context(), d.admin, changes, cut); err == nil {
		t.Fatal("the change was confirmed")
	}
	d.admin = d.dial(t, true)
	if now := d.sh(t, "cat /etc/ssh/sshd_config.d/00-stackctl.conf"); now != before {
		t.Fatalf("the change was not made:\n%s", now)
	}
	if os.Getenv("FAULTS") == "" { // the timer is due within the minute: here it is not waited for
		d.sh(t, `systemctl list-timers --no-legend stackctl-undo-ssh.timer | grep -Eq ' ([1-5]?[0-9]s|1min) left ' && systemctl start stackctl-undo-ssh.service`)
	}
	within(t, 100*time.Second, "the host to undo what nobody confirmed", func() bool {
		return d.sh(t, "ls /etc/ssh/sshd_config.d /var/lib/stackctl/undo | grep -c -e 00-stackctl -e ssh$ || true") == "0"
	})
	d.ready(t)
}

func TestAdminWithSudoCanProvision(t *testing.T) {
	d := openDroplet(t)
	d.ready(t)
	d.sh(t, `id ops >/dev/null 2>&1 || useradd -m -s /bin/bash -p '*' ops
install -d -m 700 -o ops -g ops ~ops/.ssh
install -m 600 -o ops -g ops /root/.ssh/authorized_keys ~ops/.ssh/authorized_keys
echo 'ops ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops`)
	t.Cleanup(func() { d.admin.Run(context.Background(), "sh", "-c", "rm /etc/sudoers.d/ops; userdel -r ops") })
	ops := *d
	ops.target.Admin = "ops"
	ops.settings.Admin = "ops"
	ops.admin = ops.dial(t, true)
	defer ops.admin.Close()
	d.sh(t, "rm /etc/ssh/sshd_config.d/00-stackctl.conf; ufw disable; rm /etc/docker/daemon.json; chown root "+d.settings.Path+"/tmp")
	if changes := ops.ready(t); len(changes) != 4 {
		t.Errorf("changed:\n%s", provision.Text(changes))
	}
}

func TestHeldPackageLockIsWaitedFor(t *testing.T) {
	d := openDroplet(t)
	d.ready(t)
	d.sh(t, "DEBIAN_FRONTEND=noninteractive apt-get remove -y -qq fail2ban >/dev/null 2>&1")
	holder := make(chan error, 1)
	go func() {
		_, err := d.admin.Run(t.Context(), "python3", "-c", `import fcntl,os,time
f=open("/var/lib/dpkg/lock-frontend","w"); fcntl.lockf(f,fcntl.LOCK_EX); open("/run/held","w").close()
for _ in range(900):
    if os.path.exists("/run/enough"): break
    time.sleep(0.1)
os.remove("/run/enough")`)
		holder <- err
	}()
	within(t, 30*time.Second, "the lock to be held", func() bool {
		out, err := d.admin.Run(t.Context(), "rm", "/run/held")
		return err == nil && out.Exit == 0
	})
	var told story
	noticed := sync.OnceFunc(func() { d.sh(t, "touch /run/enough") })
	_, err := provision.Ensure(t.Context(), d.admin, d.settings, func(e stack.Event) {
		told.emit(e)
		if e.Kind == stack.EventProgress && strings.Contains(e.Message, "waiting for another process") {
			noticed()
		}
	})
	must(t, err)
	must(t, <-holder)
	waited := slices.ContainsFunc(told.events, func(e stack.Event) bool { return strings.Contains(e.Message, "waiting for another process") })
	if !waited {
		t.Errorf("nothing was said about the lock:\n%s", told.text())
	}
}

func TestCancelEndsACommandOfTheDeployUser(t *testing.T) {
	d := openDroplet(t)
	d.ready(t)
	deploy := d.dial(t, false)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := deploy.Run(ctx, "sleep", "7391")
		ended <- err
	}()
	running := func() bool { return d.sh(t, "pgrep -fx 'sleep 7391' || true") != "" }
	within(t, 30*time.Second, "the command to run", running)
	cancel()
	<-ended
	within(t, 30*time.Second, "the command to end", func() bool { return !running() })
}
