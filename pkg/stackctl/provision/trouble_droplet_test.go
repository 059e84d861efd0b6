package provision_test

import (
	"context"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/provision"
	"stackctl/pkg/stackctl/stack"
)

func TestProvisioningTenTimesChangesNothingMore(t *testing.T) {
	d := openDroplet(t)
	d.ready(t)
	const settings = `find /etc /home /srv -xdev -type f ! -name '*.lock' -printf '%p %T@ %s %m %u\n' | sort | sha256sum; ufw status; iptables -w 5 -S DOCKER-USER`
	before := d.sh(t, settings)
	for range 10 {
		changes, err := provision.Ensure(t.Context(), d.admin, d.settings, func(stack.Event) {})
		must(t, err)
		if len(changes) != 0 {
			t.Fatalf("changed:\n%s", provision.Text(changes))
		}
	}
	if after := d.sh(t, settings); after != before {
		t.Errorf("not as before:\n%s\nwas\n%s", after, before)
	}
}

// withoutFail2ban makes a host that needs a package from the network.
func (d *droplet) withoutFail2ban(t *testing.T) {
	t.Helper()
	d.sh(t, "DEBIAN_FRONTEND=noninteractive apt-get remove -y -qq fail2ban >/dev/null 2>&1; apt-get clean")
}

func TestAFailingNetworkIsSaidSoAndTheNextRunConverges(t *testing.T) {
	d := openDroplet(t)
	d.ready(t)
	d.withoutFail2ban(t)
	const rule = "OUTPUT -p tcp -m conntrack --ctstate NEW ! -o lo -j REJECT"
	d.sh(t, "iptables -w 5 -I "+rule)
	t.Cleanup(func() { _, _ = d.admin.Run(context.Background(), "sh", "-c", "iptables -w 5 -D "+rule+" 2>/dev/null") })
	_, err := provision.Ensure(t.Context(), d.admin, d.settings, func(stack.Event) {})
	if stack.CauseOf(err) != stack.CauseStep || !strings.Contains(err.Error(), "does not reach its package mirror") {
		t.Errorf("says %v", err)
	}
	if !d.opens(22) {
		t.Error("SSH is not reachable")
	}
	d.sh(t, "iptables -w 5 -D "+rule)
	d.ready(t)
}

func TestAConnectionCutDuringAnInstallationConverges(t *testing.T) {
	d := openDroplet(t)
	d.ready(t)
	d.withoutFail2ban(t)
	facts, err := provision.Observe(t.Context(), d.admin, d.settings)
	must(t, err)
	cut := func(e stack.Event) {
		if e.Kind == stack.EventProgress && strings.Contains(e.Message, "Unpacking") {
			d.admin.Close()
		}
	}
	err = provision.Apply(t.Context(), d.admin, provision.Plan(facts, d.settings), cut)
	if stack.CauseOf(err) != stack.CauseUnreachable {
		t.Errorf("says %v", err)
	}
	d.admin, err = host.Dial(t.Context(), host.OptionsFor(d.target, true))
	must(t, err)
	t.Cleanup(func() { d.admin.Close() })
	d.ready(t)
	if said := d.sh(t, "dpkg --audit; systemctl is-active fail2ban"); said != "active" {
		t.Errorf("left behind: %s", said)
	}
}
