package stack

// Target is a server to deploy to.
type Target struct {
	Name string `mapstructure:"-"`
	// Host is the address or name that SSH connects to.
	Host string `mapstructure:"host"`
	Port int    `mapstructure:"port"`
	// User deploys; it needs the Docker socket and nothing more.
	User string `mapstructure:"user"`
	// Admin provisions; it needs root, directly or by sudo.
	Admin string `mapstructure:"admin"`
	// Key is the one key to log in with: a private key file, or the public half
	// of a key that the agent holds. Empty means what ssh would use.
	Key        string `mapstructure:"key"`
	KnownHosts string `mapstructure:"known_hosts"`
	// SSHConfig is the file that is read in place of ~/.ssh/config and
	// /etc/ssh/ssh_config; "none" reads none.
	SSHConfig string `mapstructure:"ssh_config"`
	// Alias is the host as the file names it, where ssh's settings gave it
	// another name. Login and AdminLogin are the rest of what they say.
	Alias      string `mapstructure:"-"`
	Login      Login  `mapstructure:"-"`
	AdminLogin Login  `mapstructure:"-"`
	// Socket is where the Docker Engine listens on the host.
	Socket string `mapstructure:"socket"`
	// Path is the folder on the host that belongs to the project.
	Path string `mapstructure:"path"`
	// Nodes are the servers of a target that has several; Host is then the first one's.
	Nodes []Node `mapstructure:"nodes"`
	// Shared reports whether other projects of the server have sites of their own: the
	// ports 80 and 443 are the server's ingress's, and lead to this project's edge
	// by its hosts.
	Shared bool `mapstructure:"shared"`
	// Domain is WEBSITE_DOMAIN.
	Domain string `mapstructure:"domain"`
	ACME   ACME   `mapstructure:"acme"`
	Edge   Edge   `mapstructure:"edge"`
	// Env adds to or overrides the values of Compose.EnvFile.
	Env map[string]string `mapstructure:"env"`
	// HostFrom is where the server comes from; then Host may be left out, and is that
	// of the server which `stackctl host create` made.
	HostFrom HostFrom `mapstructure:"host_from"`
	// Mutate allows gates that create accounts on this target without
	// --all-tests.
	Mutate bool `mapstructure:"mutate"`
}

// Which certificates a target may have.
const (
	// ACMEStaging is the default: certificates that browsers do not trust.
	ACMEStaging = "staging"
	// ACMEPublic allows a directory whose certificates browsers trust.
	ACMEPublic = "public"
)

// PublicStore is the file that the edge keeps public certificates in, beside the
// one that its static file names: those of the staging directory stay for the way back.
const PublicStore = "acme-public.json"

// ACME is the certificate authority that this target uses.
type ACME struct {
	// Policy is "staging", which no browser trusts, or "public".
	Policy string `mapstructure:"policy"`
	// Directory is the ACME directory URL (RFC 8555, section 7.1.1).
	Directory string `mapstructure:"directory"`
	Email     string `mapstructure:"email"`
	// DirectoryCA is a PEM file that the edge trusts for Directory itself
	// (a local ACME server); empty means the system's roots.
	DirectoryCA string `mapstructure:"directory_ca"`
	// Roots is a PEM file of the roots that served certificates must chain
	// to; empty means Let's Encrypt's staging roots, or, by the public policy,
	// the roots that this machine and Let's Encrypt name.
	Roots string `mapstructure:"roots"`
	// Rehearsal is asked first for each name that is new on a public site.
	Rehearsal Rehearsal `mapstructure:"rehearsal"`
}

// Rehearsal is a staging directory beside a public one.
type Rehearsal struct {
	// Directory is an ACME directory URL whose certificates no browser trusts; empty
	// means Let's Encrypt's staging where the public one is Let's Encrypt's, else none.
	Directory string `mapstructure:"directory"`
	// DirectoryCA is a PEM file that the throwaway edge trusts for Directory itself.
	DirectoryCA string `mapstructure:"directory_ca"`
	// Roots is a PEM file of the roots that its certificates chain to; empty means
	// Let's Encrypt's staging roots.
	Roots string `mapstructure:"roots"`
}

// Public reports whether browsers are to trust the target's certificates.
func (a ACME) Public() bool { return a.Policy == ACMEPublic }

// Edge is how the site is reached from outside.
type Edge struct {
	// Address is dialled instead of what the domain resolves to; empty means
	// the target's Host.
	Address   string `mapstructure:"address"`
	HTTPPort  int    `mapstructure:"http_port"`
	HTTPSPort int    `mapstructure:"https_port"`
	// Traces is the address of an OTLP receiver (HTTP), without /v1/traces, that
	// the edge sends its traces to; empty: it sends none. The services see the
	// trace of a request in its header traceparent (W3C Trace Context).
	Traces string `mapstructure:"traces"`
	// TraceShare is how many of the requests are traced, up to 1; 0: all.
	TraceShare float64 `mapstructure:"trace_share"`
}
