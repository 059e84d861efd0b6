package sandbox

import (
	"bytes"
	"path/filepath"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// target is the droplet in the shape of one target of stackctl.yaml.
type target struct {
	Host       string            `yaml:"host,omitempty"`
	Port       int               `yaml:"port"`
	User       string            `yaml:"user"`
	Admin      string            `yaml:"admin"`
	Key        string            `yaml:"key"`
	KnownHosts string            `yaml:"known_hosts"`
	SSHConfig  string            `yaml:"ssh_config"`
	Path       string            `yaml:"path"`
	Domain     string            `yaml:"domain"`
	Nodes      []nodeTarget      `yaml:"nodes,omitempty"`
	Shared     bool              `yaml:"shared"`
	ACME       acmeTarget        `yaml:"acme"`
	Edge       edgeTarget        `yaml:"edge"`
	Env        map[string]string `yaml:"env"`
	Mutate     bool              `yaml:"mutate"`
}

type nodeTarget struct {
	Name    string   `yaml:"name"`
	Host    string   `yaml:"host"`
	Private string   `yaml:"private"`
	Labels  []string `yaml:"labels,flow"`
}

type acmeTarget struct {
	Directory   string `yaml:"directory"`
	Email       string `yaml:"email"`
	DirectoryCA string `yaml:"directory_ca"`
	Roots       string `yaml:"roots"`
}

type edgeTarget struct {
	Address   string `yaml:"address"`
	HTTPPort  int    `yaml:"http_port"`
	HTTPSPort int    `yaml:"https_port"`
}

// writeTarget writes the file that makes the sandbox a target of stackctl.
func writeTarget(s State) error {
	text := bytes.NewBufferString("# Written by `stackctl sandbox up`; overwritten by the next one.\n")
	enc := yaml.NewEncoder(text)
	enc.SetIndent(2)
	t := target{
		Host: s.Address.String(), Port: 22, User: "deploy", Admin: "root",
		Key: s.Key(), KnownHosts: s.KnownHosts(), SSHConfig: "none",
		Path: "/srv/stack", Domain: s.Domain, Shared: true,
		ACME: acmeTarget{
			Directory: s.Directory, Email: "operator@" + s.Domain,
			DirectoryCA: filepath.Join(s.Dir, directoryCAFile), Roots: filepath.Join(s.Dir, rootsFile),
		},
		Edge:   edgeTarget{Address: s.Address.String(), HTTPPort: 80, HTTPSPort: 443},
		Env:    s.env(),
		Mutate: true,
	}
	if len(s.Nodes) > 0 {
		t.Host = ""
	}
	for _, n := range s.Nodes {
		t.Nodes = append(t.Nodes, nodeTarget{n.Name, n.Address.String(), n.Address.String(), n.Labels})
	}
	if err := enc.Encode(t); err != nil {
		return fault("describe the droplet as a target", err, "")
	}
	if err := write(s.Target(), text.Bytes(), 0o600); err != nil {
		return fault("write the target file", err, "")
	}
	return nil
}

// env are the site's settings in the sandbox: mail and sign-in work as they
// would on a rented server, with the local mail server and OpenID provider.
// Their passwords are files among the project's secrets, as always.
func (s State) env() map[string]string {
	return map[string]string{
		// Staff pages are opened from this machine, which the edge sees as the gateway.
		"STAFF_ALLOWLIST": "127.0.0.1/32," + s.Gateway.String() + "/32",
		// To the edge, everybody in the sandbox is one visitor.
		"AUTH_RATE":       "600",
		"SITE_URL":        strings.TrimSuffix(s.URL(), "/"),
		"SMTP_HOST":       s.SMTP.Addr().String(),
		"SMTP_PORT":       strconv.Itoa(int(s.SMTP.Port())),
		"SMTP_TLS":        "none", // no mail leaves this machine
		"OAUTH_ISSUER":    s.Issuer,
		"OAUTH_CLIENT_ID": clientID,
	}
}
