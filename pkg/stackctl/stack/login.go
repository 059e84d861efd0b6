package stack

// Login is what the settings of ssh (~/.ssh/config, /etc/ssh/ssh_config) say
// about a connection, beside the target's own host, port, user, key and
// known_hosts.
type Login struct {
	// Host, Port and User are those to connect to, of a host on the way.
	Host string
	Port int
	User string
	// Keys are private key files to try where they are there; KeysOnly leaves
	// out the agent's keys that are not among them.
	Keys     []string
	KeysOnly bool
	// Certificates are files beside those that lie next to the keys.
	Certificates []string
	// Agent is the agent's socket; empty means SSH_AUTH_SOCK, "none" no agent.
	Agent string
	// KnownHosts are the user's files of trusted host keys, GlobalKnownHosts the
	// machine's.
	KnownHosts, GlobalKnownHosts []string
	// HostKeyAlias stands for the host in those files.
	HostKeyAlias string
	// ProxyCommand is a command whose input and output are the connection.
	ProxyCommand string
	// Via are the hosts to go through, the first one first.
	Via []Login
	// Origin is the file and line of what ssh's settings say, by keyword in lower
	// case.
	Origin map[string]string
}
