package infer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// notHTTP are TCP ports that are never HTTP, beside those of the stores.
var notHTTP = map[int]string{
	20: "FTP", 21: "FTP", 22: "SSH", 23: "Telnet", 25: "SMTP", 53: "DNS", 110: "POP3", 111: "RPC", 139: "SMB", 143: "IMAP",
	389: "LDAP", 445: "SMB", 465: "SMTP", 514: "syslog", 548: "AFP", 587: "SMTP", 636: "LDAPS", 853: "DNS", 873: "rsync", 993: "IMAP", 995: "POP3",
	1025: "SMTP", 1194: "OpenVPN", 1514: "agents of Wazuh", 1515: "agents of Wazuh", 1516: "Wazuh", 1517: "agents of Wazuh", 1883: "MQTT", 1935: "RTMP", 2049: "NFS", 2222: "SSH", 2375: "Docker", 2525: "SMTP", 3389: "RDP", 3478: "TURN", 4190: "Sieve", 4317: "OTLP", 4318: "OTLP",
	5004: "RTP", 5044: "Beats", 5060: "SIP", 5061: "SIP", 5222: "XMPP", 5269: "XMPP", 5349: "TURN", 5900: "VNC", 6667: "IRC", 6697: "IRC", 6881: "BitTorrent", 7233: "Temporal", 7359: "discovery",
	8554: "RTSP", 8883: "MQTT", 9100: "printing or metrics of the host", 9987: "TeamSpeak", 10011: "TeamSpeak", 10050: "Zabbix", 10051: "Zabbix", 10052: "Zabbix", 12201: "GELF", 14250: "Jaeger", 14268: "Jaeger", 21115: "RustDesk", 21116: "RustDesk", 21117: "RustDesk", 24224: "Fluentd", 25565: "Minecraft", 25575: rcon, 27015: rcon, 28016: rcon,
	30033: "TeamSpeak", 51413: "BitTorrent", 51820: "WireGuard", 64738: "Mumble",
	1080: "SOCKS", 3128: "an HTTP proxy", 8118: "an HTTP proxy", 9050: "Tor", 50051: grpc,
	2345: "Go debugger", 5005: "Java debugger", 5858: "Node debugger", 9003: "PHP debugger", 9222: "browser debugger", 9229: "Node debugger",
}

// What answers at a port, where decisions ask for it.
const (
	// rcon is the console of a game's server, also where it is told by 27015 over TCP.
	rcon = "RCON"
	grpc = "gRPC"
)

// debuggers are ports at which whoever connects runs what they like.
var debuggers = []int{2345, 5005, 5858, 9003, 9222, 9229}

// openProxies are ports at which whoever connects goes out in the server's name.
var openProxies = []int{1080, 3128, 8118, 9050}

// forwarders are images of programs that go out in the server's name for whoever
// connects, at whatever port: behind one may be what nobody should reach.
var forwarders = []string{"squid", "tinyproxy", "privoxy", "3proxy", "dante", "gost", "torproxy", "mitmproxy", "goproxy", "shadowsocks-libev"}

// receivers are ports at which programs take what they are sent, or do what
// they are told, of whoever connects: traces, workflows, containers.
var receivers = []int{2375, 4317, 4318, 7233, 10052, 14250, 14268}

// openPorts are ports of programs that look like HTTP, are no page, and ask nobody
// to sign in until the program is told to.
var openPorts = []struct {
	images []string
	ports  []int
	what   string
}{
	{[]string{"mosquitto", "eclipse-mosquitto", "emqx", "emqx-ee", "hivemq4", "hivemq-ce", "vernemq"}, []int{8000, 8080, 8083, 8084, 9001}, "MQTT over WebSockets"}, //nolint:misspell // the name of an image
	{[]string{"kong", "kong-gateway"}, []int{8001, 8002, 8444, 8445}, "the gateway's administration"},
	{[]string{"caddy"}, []int{2019}, "the proxy's administration"},
	{[]string{"haproxy"}, []int{8404, 8405}, "the page of the proxy's figures"},
	{[]string{"frigate"}, []int{1984, 5000}, "the page that it has for services inside"},
	{[]string{"portainer/agent"}, []int{9001}, "the agent, which runs what it is told,"},
	{[]string{"apisix"}, []int{9180}, "the gateway's administration"},
	{[]string{"envoy"}, []int{9901, 19000}, "the proxy's administration"},
	{[]string{"kratos", "hydra", "keto", "oathkeeper"}, []int{4434, 4445, 4456, 4467}, "the administration of accounts"},
}

// openPort names what answers everybody at a port of a service; empty: nothing that
// is known.
func openPort(s Service, port int) string {
	for _, o := range openPorts {
		if names(o.images, Repository(s.Image)) && slices.Contains(o.ports, port) {
			return o.what
		}
	}
	return ""
}

// shares are the ports of files that a home or an office shares: SMB, NFS.
var shares = []int{111, 139, 445, 2049}

// overTLS are ports that speak TLS themselves.
var overTLS = []int{443, 8443, 8971, 9443, 55000}

// plainly are the ports, by a port over TLS, where the same program answers
// without.
var plainly = map[int][]int{443: {80, 8080}, 8443: {8080, 8000, 80}, 9443: {9000}, 4443: {8080}}

// preferred are the ports that people publish a site's front at, best first.
var preferred = []int{80, 443, 8080, 3000, 8000, 5000, 8888, 8081, 4000, 5173, 4200, 9000}

// published is one published port of a service.
type published struct {
	service string
	port    stack.Port
	target  int
	// outside is the first port of the host; 0: the Engine picks one.
	outside int
	// loopback reports whether only the host itself reaches it.
	loopback bool
	// datagrams reports whether the same port is published for UDP as well.
	datagrams bool
}

func portsOf(s Service) []published {
	out, datagrams := make([]published, 0, len(s.Ports)), map[uint32]bool{}
	for _, p := range s.Ports {
		datagrams[p.Target] = datagrams[p.Target] || p.Protocol == "udp"
	}
	for _, p := range s.Ports {
		first, _, _ := strings.Cut(p.Published, "-")
		outside, _ := strconv.Atoi(first)
		out = append(out, published{service: s.Name, port: p, target: int(p.Target), outside: outside,
			datagrams: datagrams[p.Target],
			loopback:  strings.HasPrefix(p.HostIP, "127.") || p.HostIP == "::1" || p.HostIP == "localhost"})
	}
	return out
}

func (p published) udp() bool { return p.port.Protocol == "udp" || p.port.Protocol == "sctp" }

// http reports whether a port may be HTTP; what says what it is else.
func (p published) http() (what string, ok bool) {
	if p.udp() {
		return strings.ToUpper(p.port.Protocol), false
	}
	if what := wellKnown(p.target); what != "" {
		return what, false
	}
	// HTTP/3 is at the port of HTTPS alone; else one program speaks both.
	if p.datagrams && !slices.Contains(overTLS, p.target) {
		return "TCP and UDP", false
	}
	// A store's port that a proxy publishes as 80 may be anything; a program's
	// own port that the host shows as 22 is SSH.
	if what := notHTTP[p.outside]; what != "" && p.outside < 1024 {
		return what, false
	}
	return "", true
}

// fastCGI reports whether a port of a service is PHP's own protocol: a web server
// must be before it, and who reaches it runs what they like.
func fastCGI(s Service, port int) bool {
	_, tag, _ := strings.Cut(s.Image, ":")
	named := strings.Contains(commandText(s), "php-fpm") || strings.Contains(tag, "fpm") || slices.Contains(words(s.Name), "fpm") || s.Build && s.Name == "php"
	return port == 9000 && named
}

// wellKnown names what is not HTTP at a port; empty: it may be HTTP. Ports that
// stores share with HTTP programs (9000, 3000, 8081 …) may be.
func wellKnown(port int) string {
	if what := notHTTP[port]; what != "" {
		return what
	}
	return storeBehind(port)
}

// storeBehind names the store that answers at a port, or a pool of connections
// to it; empty: none, or something else may as well.
func storeBehind(port int) string {
	for _, s := range stores {
		if slices.Contains(s.ports, port) && !slices.Contains(sharedPorts, port) {
			return s.name
		}
	}
	return ""
}

// sharedPorts are ports of a store that HTTP programs use as well.
var sharedPorts = []int{3000, 3301, 3322, 3900, 4000, 4200, 5080, 5701, 7000, 7700, 8086, 8091, 8108, 8123, 8200, 8222, 8333, 8428, 8500, 8529, 8983, 9000, 9001, 9009, 9080, 9093, 9094, 9200, 9306, 9333, 9428, 9600, 10000, 10001, 10002, 15672, 50000, 50051}

// text is a port as Compose writes it.
func (p published) text() string {
	out := fmt.Sprint(p.target)
	if p.port.Published != "" && p.port.Published != "0" { // 0: nobody knows it yet
		out = p.port.Published + ":" + out
	}
	switch {
	case strings.Contains(p.port.HostIP, ":"):
		out = "[" + p.port.HostIP + "]:" + out
	case p.port.HostIP != "":
		out = p.port.HostIP + ":" + out
	}
	if p.port.Protocol != "" && p.port.Protocol != "tcp" {
		out += "/" + p.port.Protocol
	}
	return out
}
