package compose

import (
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/stack"
)

func TestComposeCatchesVolumesAndNetworksThatAreOpen(t *testing.T) {
	gatetest.StaticMutants(t, Declared(), []gatetest.Mutant{
		{Name: "a volume that is the host's root", File: gatetest.ComposeFile, From: "\n  acme: {}\n", To: "\n  acme: {driver_opts: {type: none, o: bind, device: /}}\n", Subject: "volume acme", Problem: "folder of the host"},
		{Name: "the database on a tmpfs", File: gatetest.ComposeFile, From: "      - postgres:/var/lib/postgresql/data", To: "      - {type: tmpfs, target: /var/lib/postgresql/data}", Subject: "volume postgres", Problem: "no service mounts"},
		{Name: "the database on a volume without a name", File: gatetest.ComposeFile, From: "      - postgres:/var/lib/postgresql/data", To: "      - /var/lib/postgresql/data", Subject: "service postgres", Problem: "lost with its container"},
		{Name: "containers reachable without a published port", File: gatetest.ComposeFile, From: "\n  app: {}\n", To: "\n  app: {driver_opts: {com.docker.network.bridge.gateway_mode_ipv6: routed}}\n", Subject: "network app", Problem: "can be reached"},
		{Name: "devices by rule", File: gatetest.ComposeFile, From: "    command: [\"web\"]\n", To: "    command: [\"web\"]\n    device_cgroup_rules: [\"a *:* rwm\"]\n", Subject: "service web", Problem: "devices of the host"},
		{Name: "no container wanted", File: gatetest.ComposeFile, From: "    command: [\"web\"]\n", To: "    command: [\"web\"]\n    scale: 0\n", Subject: "service web", Problem: "no container"},
		{Name: "no replica wanted", File: gatetest.ComposeFile, From: "    command: [\"web\"]\n", To: "    command: [\"web\"]\n    deploy: {replicas: 0}\n", Subject: "service web", Problem: "no container"},
		{Name: "a hook as root", File: gatetest.ComposeFile, From: "    command: [\"web\"]\n", To: "    command: [\"web\"]\n    post_start: [{command: [id], user: root}]\n", Subject: "service web", Problem: "a hook"},
		{Name: "a password in a label", File: gatetest.ComposeFile, From: "    command: [\"web\"]\n", To: "    command: [\"web\"]\n    labels: {backup.password: \"hunter2hunter2\"}\n", Subject: "service web", Problem: "in the label"},
	})
}

// TestASocketOfAStoreIsNoneOfItsData holds that a store hands its socket and its dumps
// to others, and that its data stays its own.
func TestASocketOfAStoreIsNoneOfItsData(t *testing.T) {
	mount := func(target string) []stack.Mount {
		return []stack.Mount{{Type: "volume", Source: "shared", Target: target}}
	}
	for _, c := range []struct {
		at, mine string
		foreign  bool
	}{
		{"/var/run/mysqld/", "/var/run/mysqld", false},
		{"/run/postgresql", "/sockets", false},
		{"/backups", "/backups", false},
		{"/var/lib/mysql", "/var/run/mysqld", true},
		{"/var/lib/mysql", "/var/lib/mysql", true},
		{"/runs", "/runs", true},
	} {
		db := stack.Service{Name: "db", Layer: stack.LayerData, Volumes: mount(c.at)}
		web := stack.Service{Name: "web", Layer: stack.LayerApp, Volumes: mount(c.mine)}
		j := &judge{svc: web, s: gate.Subject{Release: stack.Release{Services: []stack.Service{db, web}}}}
		if ruleForeignVolumes(j); len(j.out) > 0 != c.foreign {
			t.Errorf("%s of the store at %s: %+v, want foreign %t", c.at, c.mine, j.out, c.foreign)
		}
	}
}

// TestOnlyAStoreLetsEverybodyIntoADatabase holds that the clients which are told of an
// empty password are no database that lets everybody in.
func TestOnlyAStoreLetsEverybodyIntoADatabase(t *testing.T) {
	for layer, want := range map[stack.Layer]int{stack.LayerData: 1, stack.LayerApp: 0} {
		j := &judge{svc: stack.Service{Name: "x", Layer: layer, Environment: map[string]string{"ALLOW_EMPTY_PASSWORD": "yes"}}}
		if ruleEnvironment(j); len(j.out) != want {
			t.Errorf("%s: %+v, want %d findings", layer, j.out, want)
		}
	}
}
