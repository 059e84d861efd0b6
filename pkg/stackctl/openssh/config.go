// Package openssh owns the reading of OpenSSH's client files: ssh_config and
// known_hosts, as ssh reads them. It must not know what a connection is for,
// and connects to nothing.
//
// No library reads all that ssh_config(5) has: the known ones refuse a file with
// `Match exec`, `Match user` or `Match final`, and know no tokens.
package openssh

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// Query is what ssh is asked: a host as the operator names it, and what the
// command line sets already.
type Query struct {
	// Host is the alias, name or address.
	Host string
	// User and Port, where set, count before the files' own.
	User string
	Port int
	// HasJump reports whether the way to the host is given, so that the files' own
	// ProxyJump and ProxyCommand do not count.
	HasJump bool
}

// Places are the files that are read, and the folders that relative names and ~
// mean.
type Places struct {
	// User and System are ~/.ssh/config and /etc/ssh/ssh_config. One that is
	// empty or not there is passed over.
	User, System string
	// Home is the operator's home folder, LocalUser the operator's name.
	Home, LocalUser string
}

// Usual are the places where ssh looks.
func Usual() Places {
	p := Places{System: filepath.Join("/etc", "ssh", "ssh_config")}
	if data := os.Getenv("ProgramData"); data != "" && os.PathSeparator == '\\' {
		p.System = filepath.Join(data, "ssh", "ssh_config")
	}
	if u, err := user.Current(); err == nil {
		p.Home, p.LocalUser = u.HomeDir, u.Username
		if at := strings.LastIndexByte(p.LocalUser, '\\'); at >= 0 {
			p.LocalUser = p.LocalUser[at+1:]
		}
	}
	if home, err := os.UserHomeDir(); err == nil {
		p.Home = home
	}
	if p.Home != "" {
		p.User = filepath.Join(p.Home, ".ssh", "config")
	}
	return p
}

// Only reads one file in place of both, as `ssh -F` does; "none" reads none.
func (p Places) Only(file string) Places {
	p.System = ""
	if p.User = file; file == "none" {
		p.User = ""
	}
	return p
}

// Settings are what the files say about one host, tokens expanded.
type Settings struct {
	// HostName is the name or address to connect to.
	HostName string
	// User and Port are those of the query, else of the files; "" and 0: neither
	// has them.
	User string
	Port int
	// IdentityFiles are the private keys to try, the usual ones where the files
	// name none. They need not exist.
	IdentityFiles  []string
	IdentitiesOnly bool
	// Certificates are files beside those that lie next to the keys.
	Certificates []string
	// Agent is the agent's socket, "none" for no agent, empty for the usual one.
	Agent string
	// Jumps are the hosts to go through, the first one first.
	Jumps []Jump
	// ProxyCommand is a command whose input and output are the connection.
	ProxyCommand string
	// UserKnownHosts and GlobalKnownHosts are the files of trusted host keys.
	UserKnownHosts, GlobalKnownHosts []string
	// HostKeyAlias stands for the host in known_hosts.
	HostKeyAlias string
	// Origin is the file and line of what the files set, by keyword in lower
	// case.
	Origin map[string]string
}

// Jump is one host to go through.
type Jump struct {
	User, Host string
	Port       int
}

// Resolve reads the files for one host. An error names file and line.
func Resolve(p Places, q Query) (Settings, error) {
	r, err := evaluate(p, q, "", nil)
	if err != nil {
		return Settings{}, err
	}
	if r.wantsFinal {
		name, err := r.hostName()
		if err != nil {
			return Settings{}, err
		}
		if r, err = evaluate(p, q, strings.ToLower(name), r); err != nil {
			return Settings{}, err
		}
	}
	return r.settings()
}

// evaluate reads both files once. A final name makes it the second pass, which
// goes on with what the first one found.
func evaluate(p Places, q Query, final string, first *reader) (*reader, error) {
	r := &reader{places: p, query: q, values: map[string]value{}, final: final}
	if first != nil {
		r.values = first.values
	}
	if err := r.file(p.User, source{user: true}); err != nil {
		return nil, err
	}
	return r, r.file(p.System, source{})
}

// settings turns the values that were found into settings.
func (r *reader) settings() (Settings, error) {
	name, err := r.hostName()
	if err != nil {
		return Settings{}, err
	}
	s := Settings{HostName: name, User: r.user(), Port: r.port(), HostKeyAlias: r.one("hostkeyalias"), Origin: map[string]string{}}
	for key, v := range r.values {
		s.Origin[key] = v.at()
	}
	s.IdentitiesOnly = truth(r.one("identitiesonly"))
	if err := r.ways(&s); err != nil {
		return Settings{}, err
	}
	t := r.tokens(s.HostName)
	files := func(key string, usual ...string) (list []string) {
		if err == nil {
			list, err = r.paths(t, key, usual)
		}
		return list
	}
	ssh := filepath.Join(r.places.Home, ".ssh")
	s.IdentityFiles = files("identityfile", filepath.Join(ssh, "id_rsa"), filepath.Join(ssh, "id_ecdsa"), filepath.Join(ssh, "id_ecdsa_sk"),
		filepath.Join(ssh, "id_ed25519"), filepath.Join(ssh, "id_ed25519_sk"))
	s.Certificates = files("certificatefile")
	s.UserKnownHosts = files("userknownhostsfile", filepath.Join(ssh, "known_hosts"), filepath.Join(ssh, "known_hosts2"))
	s.GlobalKnownHosts = files("globalknownhostsfile", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
	if err != nil {
		return Settings{}, err
	}
	s.Agent, err = r.agent(t)
	return s, err
}

// ways fills in how the host is reached.
func (r *reader) ways(s *Settings) error {
	if r.query.HasJump {
		return nil
	}
	jump, command := r.values["proxyjump"], r.values["proxycommand"]
	if len(jump.words) > 0 && (len(command.words) == 0 || jump.order < command.order) {
		if strings.EqualFold(jump.words[0], "none") {
			return nil
		}
		text, err := r.tokens(s.HostName).some("hnpr", jump.words[0])
		if err == nil {
			s.Jumps, err = jumps(text)
		}
		return jump.fault(err)
	}
	if len(command.words) == 0 || strings.EqualFold(command.words[0], "none") {
		return nil
	}
	text, err := r.tokens(s.HostName).some("hnpr", command.words[0])
	s.ProxyCommand = text
	return command.fault(err)
}

// agent is the socket that IdentityAgent names.
func (r *reader) agent(t tokens) (string, error) {
	v := r.values["identityagent"]
	text := r.one("identityagent")
	switch {
	case text == "", text == "SSH_AUTH_SOCK":
		return "", nil
	case strings.EqualFold(text, "none"):
		return "none", nil
	case strings.HasPrefix(text, "$") && !strings.HasPrefix(text, "${"):
		return os.Getenv(text[1:]), nil
	}
	path, err := t.path(text)
	return path, v.fault(err)
}

// paths expands the file names of a keyword.
func (r *reader) paths(t tokens, key string, usual []string) ([]string, error) {
	v, set := r.values[key]
	if !set {
		return usual, nil
	}
	var list []string
	for i, w := range v.words {
		if strings.EqualFold(w, "none") {
			continue
		}
		path, err := t.path(w)
		if err != nil {
			return nil, v.part(i).fault(err)
		}
		list = append(list, path)
	}
	return list, nil
}

// user is who logs in, so far as it is known.
func (r *reader) user() string {
	if r.query.User != "" {
		return r.query.User
	}
	return r.one("user")
}

// port is the port to connect to, so far as it is known.
func (r *reader) port() int {
	if r.query.Port != 0 {
		return r.query.Port
	}
	n, _ := strconv.Atoi(r.one("port"))
	return n
}

// hostName is the name to connect to: HostName, in which %h is the host as the
// operator names it.
func (r *reader) hostName() (string, error) {
	if r.final != "" {
		return r.final, nil
	}
	v, set := r.values["hostname"]
	if !set {
		return strings.ToLower(r.query.Host), nil
	}
	name, err := tokens{"h": r.query.Host}.some("h", v.words[0])
	return strings.ToLower(name), v.fault(err)
}

func truth(text string) bool {
	return strings.EqualFold(text, "yes") || strings.EqualFold(text, "true")
}
