package config

import (
	"stackctl/pkg/stackctl/openssh"
	"stackctl/pkg/stackctl/stack"
)

// Settings that a target has where neither the file nor ssh's settings name
// them.
const (
	usualUser  = "deploy"
	usualAdmin = "root"
	usualPort  = 22
)

// resolveLogin fills in what ssh's settings say about a target's host, where
// stackctl.yaml leaves it open: the file counts before them, they count before
// the defaults.
func resolveLogin(t *stack.Target) error {
	places := openssh.Usual()
	if t.SSHConfig != "" {
		places = places.Only(t.SSHConfig)
	}
	deploy, err := openssh.Hops(places, openssh.Query{Host: t.Host, User: t.User, Port: t.Port})
	if err != nil {
		return err
	}
	admin := deploy
	if t.Admin != t.User {
		if admin, err = openssh.Hops(places, openssh.Query{Host: t.Host, User: t.Admin, Port: t.Port}); err != nil {
			return err
		}
	}
	last := deploy[len(deploy)-1]
	t.Login, t.AdminLogin = login(deploy), login(admin)
	if last.HostName != t.Host {
		t.Alias, t.Host = t.Host, last.HostName
	}
	setDefault(&t.Port, last.Port)
	setDefault(&t.Port, usualPort)
	setDefault(&t.Admin, admin[len(admin)-1].User)
	setDefault(&t.Admin, usualAdmin)
	if last.User != "root" { // who may do everything provisions, and does not deploy
		setDefault(&t.User, last.User)
	}
	setDefault(&t.User, usualUser)
	if len(t.Login.Via) > 0 || t.Login.ProxyCommand != "" {
		// The site is not reached by the name that means something to a jump host.
		setDefault(&t.Edge.Address, t.Domain)
	}
	setDefault(&t.Edge.Address, t.Host)
	return nil
}

// login turns the hosts of a way into the login of the last one.
func login(hops []openssh.Settings) stack.Login {
	var way []stack.Login
	for _, s := range hops {
		way = append(way, stack.Login{
			Host: s.HostName, Port: s.Port, User: s.User, Keys: s.IdentityFiles, KeysOnly: s.IdentitiesOnly, Certificates: s.Certificates,
			Agent: s.Agent, KnownHosts: s.UserKnownHosts, GlobalKnownHosts: s.GlobalKnownHosts, HostKeyAlias: s.HostKeyAlias, ProxyCommand: s.ProxyCommand,
			Origin: s.Origin,
		})
	}
	last := way[len(way)-1]
	last.Via = way[:len(way)-1]
	return last
}
