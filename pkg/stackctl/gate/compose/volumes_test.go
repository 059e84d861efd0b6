package compose

import (
	"testing"

	"stackctl/pkg/stackctl/gate/gatetest"
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
