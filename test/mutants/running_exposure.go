package main

import "fmt"

const (
	allPorts = "verify --gate G5"
	// beside runs a container of the site's own image, which listens on 8080.
	beside = "docker run -d --name mutant --network %s %s stackctl/server:dev web"
)

// listener is a process of the host that listens.
func listener(kind, family, address string, port int) func(s *server) {
	return func(s *server) {
		s.letIn(map[string]string{"SOCK_STREAM": "tcp", "SOCK_DGRAM": "udp"}[kind], port)
		s.change(fmt.Sprintf(`cat > /srv/mutants/listen.py <<'PY'
import socket, time
s = socket.socket(socket.%s, socket.%s)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("%s", %d))
%s
time.sleep(600)
PY
systemd-run -q --unit=mutant python3 /srv/mutants/listen.py`, family, kind, address, port, map[string]string{"SOCK_STREAM": "s.listen()", "SOCK_DGRAM": ""}[kind]), "systemctl stop mutant")
		s.until("the process listens", func() bool {
			return s.sh(fmt.Sprintf("grep -ci ':%04X ' /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 | grep -vc ':0$' || true", port)) != "0"
		})
	}
}

// letIn opens the host's firewall, which would hold a process of the host.
func (s *server) letIn(protocol string, port int) {
	rule := fmt.Sprintf(" INPUT -p %s --dport %d -j ACCEPT", protocol, port)
	s.change("iptables -w 5 -I"+rule+"; ip6tables -w 5 -I"+rule, "iptables -w 5 -D"+rule+"; ip6tables -w 5 -D"+rule)
}

// extra starts one more container.
func extra(network, options string) func(s *server) {
	return func(s *server) { s.change(fmt.Sprintf(beside, network, options), "docker rm -f mutant") }
}

// exposures open the server itself.
var exposures = []mutant{
	{name: "a process listens on a high port", gates: "G5", rule: "exposure/reachable", server: listener("SOCK_STREAM", "AF_INET", "0.0.0.0", 31999)},
	{name: "a process listens on IPv6 alone", gates: "G5", rule: "exposure/reachable", server: listener("SOCK_STREAM", "AF_INET6", "::", 31998)},
	{name: "a process takes UDP from everywhere", gates: "G5", rule: "exposure/reachable", server: listener("SOCK_DGRAM", "AF_INET", "0.0.0.0", 11211)},
	{name: "a process takes UDP over IPv6", gates: "G5", rule: "exposure/reachable", server: listener("SOCK_DGRAM", "AF_INET6", "::", 1900)},
	{name: "a container publishes PostgreSQL", row: 18, gates: "G5", rule: "exposure/published", server: extra("stack_data", "-p 5432:8080")},
	{name: "a container of nobody publishes a port", gates: "G5", rule: "exposure/published", server: extra("bridge", "-p 18080:8080")},
	{name: "a container publishes on IPv6 alone", gates: "G5", rule: "exposure/published", server: extra("bridge", "-p [::]:18081:8080")},
	{name: "a container publishes UDP", gates: "G5", rule: "exposure/published", server: extra("bridge", "-p 5353:5353/udp")},
	{name: "a container on the host's network", gates: "G5", rule: "exposure/strangers", server: extra("host", "")},
	{name: "a container holds the Docker socket", gates: "G5 G9", rule: "exposure/strangers", server: extra("stack_edge", "-v /var/run/docker.sock:/var/run/docker.sock")},
	{name: "a container in the edge's network namespace", gates: "G5", rule: "exposure/strangers", server: extra("container:stack-traefik-1", "")},
	{name: "a container holds the folder of the Docker socket", gates: "G5", rule: "exposure/strangers", server: extra("bridge", "-v /var/run:/r:ro")},
	{name: "a container holds the host's root", gates: "G5", rule: "exposure/strangers", server: extra("bridge", "-v /:/host:ro")},
	{name: "a container holds the site's secrets", gates: "G5", rule: "exposure/strangers", server: extra("bridge", "-v /srv/stack:/s:ro")},
	{name: "a container holds the database's files", gates: "G5", rule: "exposure/strangers", server: extra("bridge", "-v stack_postgres:/d:ro")},
	{name: "a container publishes on a random port", gates: "G5", rule: "exposure/published", server: extra("bridge", "--expose 8080 -P")},
	{name: "a container publishes HTTP/3's port", gates: "G5", rule: "exposure/published", server: extra("bridge", "-p 443:8080/udp")},
	{name: "a second SSH server", gates: "G5", rule: "exposure/reachable", server: func(s *server) {
		s.letIn("tcp", 2222)
		s.change("systemd-run -q --unit=mutant /usr/sbin/sshd -D -p 2222", "systemctl stop mutant")
		s.until("it listens", func() bool { return s.sh("grep -ci ':08AE ' /proc/net/tcp || true") != "0" })
	}},
	{name: "a rule of the firewall leads to PostgreSQL", gates: "G5", rule: "exposure/reachable", args: allPorts, server: func(s *server) {
		address := s.addresses("postgres")[0]
		rule := "PREROUTING -i eth0 -p tcp --dport 15432 -j DNAT --to-destination " + address + ":5432"
		s.change("iptables -t nat -I "+rule+" && iptables -I FORWARD -d "+address+" -j ACCEPT && iptables -I FORWARD -s "+address+" -j ACCEPT",
			"iptables -t nat -D "+rule+"; iptables -D FORWARD -d "+address+" -j ACCEPT; iptables -D FORWARD -s "+address+" -j ACCEPT")
	}},
	{name: "the Docker API on the network", gates: "G5", rule: "exposure/reachable", server: listener("SOCK_STREAM", "AF_INET", "0.0.0.0", 2375)},
	{name: "the edge's inside port is forwarded", gates: "G5", rule: "exposure/reachable", args: allPorts, server: func(s *server) {
		rule := "PREROUTING -i eth0 -p tcp --dport 8090 -j DNAT --to-destination " + s.address("traefik") + ":8090"
		s.change("iptables -t nat -I "+rule+" && iptables -I FORWARD -d "+s.address("traefik")+" -p tcp --dport 8090 -j ACCEPT",
			"iptables -t nat -D "+rule+"; iptables -D FORWARD -d "+s.address("traefik")+" -p tcp --dport 8090 -j ACCEPT")
	}},
}

// containers change how containers of the good deployment run.
var containers = []mutant{
	{name: "the database on a second network", gates: "G9 G5", rule: "compose/as-declared", server: func(s *server) {
		s.change("docker network connect stack_edge "+s.container("postgres"), "docker network disconnect stack_edge "+s.container("postgres"))
	}},
	{name: "the running edge on the data network", gates: "G9 G5", rule: "compose/as-declared", server: func(s *server) {
		s.change("docker network connect stack_data "+s.container("traefik"), "docker network disconnect stack_data "+s.container("traefik"))
	}},
	{name: "a service on a foreign network", gates: "G9", rule: "compose/as-declared", server: func(s *server) {
		s.change("docker network create mutant >/dev/null && docker network connect mutant "+s.container("worker"), "docker network disconnect mutant "+s.container("worker")+"; docker network rm mutant")
	}},
	{name: "a memory limit is lifted", gates: "G9", rule: "compose/declared-memory", server: func(s *server) {
		name := s.container("worker")
		limit := s.sh("docker inspect -f '{{.HostConfig.Memory}}' " + name)
		s.change("docker update --memory 16g --memory-swap 32g "+name, "docker update --memory "+limit+" --memory-swap "+limit+"0 "+name)
	}},
	{name: "a restart policy is taken away", gates: "G9", rule: "compose/restart", server: func(s *server) {
		s.change("docker update --restart no "+s.container("worker"), "docker update --restart unless-stopped "+s.container("worker"))
	}},
	{name: "a container that nobody declared, in the project's name", gates: "G9", rule: "compose/undeclared-container", server: extra("stack_app", "--label com.docker.compose.project=stack --label com.docker.compose.service=miner")},
	{name: "the static files' container is stopped", gates: "G9", rule: "compose/runs", server: func(s *server) {
		s.change("docker stop -t 1 "+s.container("static"), "docker start "+s.container("static"))
	}},
	{name: "a stranger on the data network", gates: "G9 G5", rule: "exposure/strangers", server: extra("stack_data", "")},
	{name: "a privileged container beside the stack", gates: "G9 G5", rule: "exposure/strangers", server: extra("bridge", "--privileged")},
	{name: "a second API of another image behind the edge", gates: "G9", rule: "compose/runs", server: func(s *server) {
		name := s.container("api")
		s.change("docker commit "+name+" mutant:1 >/dev/null; docker run -d --name mutant --network stack_edge --network-alias api-"+s.release+" --label com.docker.compose.project=stack-"+s.release+
			" --label com.docker.compose.service=api mutant:1 web", "docker rm -f mutant; docker rmi mutant:1")
	}},
	{name: "a stranger answers to the API's name", gates: "G9 G5 G3", rule: "exposure/strangers", server: func(s *server) {
		s.change("docker run -d --name mutant --network stack_edge --network-alias api-"+s.release+" stackctl/server:dev web", "docker rm -f mutant")
	}},
}
