package host

import (
	"net"
	"os"
	"path/filepath"
	"strconv"

	"stackctl/pkg/stackctl/stack"
)

// Options say where to connect and as whom.
type Options struct {
	// Address is a host name or IP address.
	Address string
	// Port is 22 where it is 0.
	Port int
	User string
	// Key is the one key to log in with: a private key file, or the public half
	// of a key that the agent holds. Empty means the agent's keys and Keys.
	Key string
	// Keys are private key files that are tried where they are there.
	Keys []string
	// KeysOnly leaves out the agent's keys that are not among Keys.
	KeysOnly bool
	// Certificates are files beside those that lie next to the keys.
	Certificates []string
	// Agent is the agent's socket; empty means SSH_AUTH_SOCK, "none" no agent.
	Agent string
	// KnownHosts is the file of trusted host keys to which new ones are added;
	// empty means ~/.ssh/known_hosts. AlsoKnown are read beside it.
	KnownHosts string
	AlsoKnown  []string
	// HostKeyAlias stands for the address in those files.
	HostKeyAlias string
	// Via are the hosts to go through, the first one first.
	Via []Options
	// ProxyCommand is a command whose input and output are the connection.
	ProxyCommand string
	// Target is the target's name, for the command that an error recommends.
	Target string

	// ring opens keys that a passphrase locks; nil: they stay locked.
	ring *keyring
	// lookup finds the addresses of a name; nil: the system does.
	lookup lookup
}

// OptionsFor connects to a target, as its admin or as its deploy user.
func OptionsFor(target stack.Target, admin bool) Options {
	l := target.Login
	o := Options{
		Address: target.Host, Port: target.Port, User: target.User, Target: target.Name,
		Key: target.Key, KnownHosts: target.KnownHosts,
	}
	if admin {
		l, o.User = target.AdminLogin, target.Admin
		if o.User == "" {
			o.User = "root"
		}
	}
	ring := terminalKeyring()
	o.take(l, ring)
	for _, hop := range l.Via {
		via := Options{Address: hop.Host, Port: hop.Port, User: hop.User, Target: target.Name}
		via.take(hop, ring)
		o.Via = append(o.Via, via)
	}
	return o
}

// take adds what the settings of ssh say.
func (o *Options) take(l stack.Login, ring *keyring) {
	o.Keys, o.KeysOnly, o.Certificates, o.Agent = l.Keys, l.KeysOnly, l.Certificates, l.Agent
	o.HostKeyAlias, o.ProxyCommand, o.ring = l.HostKeyAlias, l.ProxyCommand, ring
	known := l.KnownHosts
	if o.KnownHosts == "" && len(known) > 0 {
		o.KnownHosts, known = known[0], known[1:]
	} else if o.KnownHosts != "" {
		known = nil // the target's own file is in the place of the user's
	}
	o.AlsoKnown = append(append([]string(nil), known...), l.GlobalKnownHosts...)
}

// knownHosts are the files of trusted host keys, the user's first.
func (o Options) knownHosts() []string {
	first := o.KnownHosts
	if first == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			home = "."
		}
		first = filepath.Join(home, ".ssh", "known_hosts")
	}
	return append([]string{first}, o.AlsoKnown...)
}

// String is the login as people write it.
func (o Options) String() string {
	s := o.Address
	if o.User != "" {
		s = o.User + "@" + s
	}
	if o.port() != 22 {
		s = o.User + "@" + net.JoinHostPort(o.Address, strconv.Itoa(o.port()))
	}
	return s
}

func (o Options) port() int {
	if o.Port == 0 {
		return 22
	}
	return o.Port
}

// dialAddress is host:port.
func (o Options) dialAddress() string { return net.JoinHostPort(o.Address, strconv.Itoa(o.port())) }
