package gate

import "testing"

func TestComposeCatchesVolumesAndNetworksThatAreOpen(t *testing.T) {
	staticMutants(t, composeDeclared(), []mutant{
		{name: "a volume that is the host's root", file: composeFile, from: "\n  acme: {}\n", to: "\n  acme: {driver_opts: {type: none, o: bind, device: /}}\n", subject: "volume acme", problem: "folder of the host"},
		{name: "the database on a tmpfs", file: composeFile, from: "      - postgres:/var/lib/postgresql/data", to: "      - {type: tmpfs, target: /var/lib/postgresql/data}", subject: "volume postgres", problem: "no service mounts"},
		{name: "the database on a volume without a name", file: composeFile, from: "      - postgres:/var/lib/postgresql/data", to: "      - /var/lib/postgresql/data", subject: "service postgres", problem: "lost with its container"},
		{name: "containers reachable without a published port", file: composeFile, from: "\n  app: {}\n", to: "\n  app: {driver_opts: {com.docker.network.bridge.gateway_mode_ipv6: routed}}\n", subject: "network app", problem: "can be reached"},
		{name: "devices by rule", file: composeFile, from: "    command: [\"web\"]\n", to: "    command: [\"web\"]\n    device_cgroup_rules: [\"a *:* rwm\"]\n", subject: "service web", problem: "devices of the host"},
		{name: "no container wanted", file: composeFile, from: "    command: [\"web\"]\n", to: "    command: [\"web\"]\n    scale: 0\n", subject: "service web", problem: "no container"},
		{name: "no replica wanted", file: composeFile, from: "    command: [\"web\"]\n", to: "    command: [\"web\"]\n    deploy: {replicas: 0}\n", subject: "service web", problem: "no container"},
		{name: "the engine's socket by its switch", file: composeFile, from: "    command: [\"web\"]\n", to: "    command: [\"web\"]\n    use_api_socket: true\n", subject: "service web", problem: "engine's socket"},
		{name: "a hook as root", file: composeFile, from: "    command: [\"web\"]\n", to: "    command: [\"web\"]\n    post_start: [{command: [id], user: root}]\n", subject: "service web", problem: "a hook"},
		{name: "a password in a label", file: composeFile, from: "    command: [\"web\"]\n", to: "    command: [\"web\"]\n    labels: {backup.password: \"hunter2hunter2\"}\n", subject: "service web", problem: "in the label"},
	})
}
