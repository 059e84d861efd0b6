package swarm

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/swarm"
)

func (b blueprint) container(s types.ServiceConfig, labels map[string]string) (*swarm.ContainerSpec, error) {
	c := &swarm.ContainerSpec{
		Image: s.Image, Labels: labels, Command: s.Entrypoint, Args: s.Command, Hostname: s.Hostname, Env: environment(s), Dir: s.WorkingDir,
		User: s.User, Groups: s.GroupAdd, Init: s.Init, StopSignal: s.StopSignal, TTY: s.Tty, OpenStdin: s.StdinOpen, ReadOnly: s.ReadOnly,
		Hosts: hosts(s), Sysctls: s.Sysctls, CapabilityAdd: s.CapAdd, CapabilityDrop: s.CapDrop, OomScoreAdj: s.OomScoreAdj,
		Privileges: privileges(s),
	}
	if s.StopGracePeriod != nil {
		grace := time.Duration(*s.StopGracePeriod)
		c.StopGracePeriod = &grace
	}
	if len(s.DNS)+len(s.DNSOpts)+len(s.DNSSearch) > 0 {
		dns, err := resolver(s)
		if err != nil {
			return nil, err
		}
		c.DNSConfig = dns
	}
	for _, name := range sortedKeys(s.Ulimits) {
		u := s.Ulimits[name]
		c.Ulimits = append(c.Ulimits, &container.Ulimit{Name: name, Soft: int64(cmp.Or(u.Single, u.Soft)), Hard: int64(cmp.Or(u.Single, u.Hard))})
	}
	c.Healthcheck = health(s.HealthCheck)
	var err error
	if c.Mounts, err = b.mounts(s); err != nil {
		return nil, err
	}
	for _, ref := range s.Secrets {
		file := b.project.Secrets[ref.Source].File
		known, ok := b.secrets[file]
		if !ok {
			return nil, fmt.Errorf("secret %s has no file", ref.Source)
		}
		c.Secrets = append(c.Secrets, &swarm.SecretReference{SecretID: known.id, SecretName: known.name, File: &swarm.SecretReferenceFileTarget{
			Name: secretTarget(ref), UID: cmp.Or(ref.UID, "0"), GID: cmp.Or(ref.GID, "0"), Mode: secretMode(ref),
		}})
	}
	return c, nil
}

// secretTarget is where a secret is in the container; a path without a folder is
// below /run/secrets.
func secretTarget(ref types.ServiceSecretConfig) string {
	return strings.TrimPrefix(cmp.Or(ref.Target, ref.Source), "/run/secrets/")
}

func secretMode(ref types.ServiceSecretConfig) os.FileMode {
	if ref.Mode != nil {
		return os.FileMode(*ref.Mode & 0o777)
	}
	return 0o444
}

func environment(s types.ServiceConfig) []string {
	var out []string
	for _, key := range sortedKeys(s.Environment) {
		if v := s.Environment[key]; v != nil {
			out = append(out, key+"="+*v)
		}
	}
	return out
}

// hosts are lines as in /etc/hosts.
func hosts(s types.ServiceConfig) []string {
	var out []string
	for _, name := range sortedKeys(s.ExtraHosts) {
		for _, address := range s.ExtraHosts[name] {
			out = append(out, address+" "+name)
		}
	}
	return out
}

func privileges(s types.ServiceConfig) *swarm.Privileges {
	if len(s.SecurityOpt) == 0 {
		return nil
	}
	out := &swarm.Privileges{}
	for _, o := range s.SecurityOpt {
		key, value, _ := strings.Cut(strings.Replace(o, "=", ":", 1), ":")
		switch key {
		case "no-new-privileges":
			out.NoNewPrivileges = value != "false"
		case "seccomp":
			out.Seccomp = &swarm.SeccompOpts{Mode: swarm.SeccompModeUnconfined}
		case "apparmor":
			out.AppArmor = &swarm.AppArmorOpts{Mode: swarm.AppArmorModeDisabled}
		}
	}
	return out
}

func health(h *types.HealthCheckConfig) *container.HealthConfig {
	if h == nil {
		return nil
	}
	if h.Disable {
		return &container.HealthConfig{Test: []string{"NONE"}}
	}
	out := &container.HealthConfig{Test: h.Test, Interval: span(h.Interval), Timeout: span(h.Timeout), StartPeriod: span(h.StartPeriod), StartInterval: span(h.StartInterval)}
	if h.Retries != nil {
		out.Retries = int(min(*h.Retries, 1000))
	}
	return out
}

func span(d *types.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return time.Duration(*d)
}

func resolver(s types.ServiceConfig) (*swarm.DNSConfig, error) {
	out := &swarm.DNSConfig{Search: s.DNSSearch, Options: s.DNSOpts}
	for _, text := range s.DNS {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("dns: %w", err)
		}
		out.Nameservers = append(out.Nameservers, a)
	}
	return out, nil
}
