package config

import (
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// defaults are the values of keys that the file leaves out. Each can be set by
// the variable STACKCTL_ and its key, upper case, dots as underscores.
func defaults() map[string]any {
	return map[string]any{
		"project":                     "",
		"target":                      "",
		"compose.files":               []string{"compose/stack.yaml"},
		"compose.env_file":            ".env",
		"compose.env_example":         ".env.example",
		"compose.profiles":            []string{},
		"traefik.service":             "",
		"traefik.static":              "",
		"traefik.dynamic":             "",
		"traefik.api_port":            8090,
		"traefik.resolver":            "le-staging",
		"traefik.staff.user":          "staff",
		"traefik.staff.password_file": "secrets/staff_password",
		"contract.file":               "",
		"contract.prefix":             "/api",
		"images.archives":             "build/images",
		"gates.jobs.timeout":          15 * time.Second,
		"gates.exposure.allow":        []int{22, 80, 443},
		"evidence.dir":                "artifacts",
		"evidence.key":                "",
		"evidence.url":                "",
		"retention.releases":          3,
		"timeouts.start":              5 * time.Minute,
		"timeouts.migrate":            time.Hour,
		"timeouts.drain":              10 * time.Second,
		"timeouts.hold":               30 * time.Second,
		"backup.service":              "",
		"backup.command":              []string{"pg_dump", "--format=custom", "--no-password", "--username={user}", "--snapshot={snapshot}", "--dbname={database}"},
		"backup.restore":              []string{"pg_restore", "--exit-on-error", "--no-password", "--username={user}", "--dbname={database}"},
		"backup.list":                 []string{"pg_restore", "--list"},
		"backup.recipients":           []string{},
		"backup.identity":             ".stackctl/backup.key",
		"backup.dir":                  ".stackctl/backups",
		"backup.keep":                 10,
		"age.identity":                "",
		"age.recipients":              []string{},
	}
}

// resolve fills what depends on other settings and makes every path absolute.
func resolve(c *stack.Config) {
	resolveEdge(&c.Traefik)
	for _, p := range []*string{&c.Compose.EnvFile, &c.Compose.EnvExample, &c.Traefik.Static, &c.Traefik.Dynamic,
		&c.Traefik.Staff.PasswordFile, &c.Contract.File, &c.Images.Archives, &c.Evidence.Dir, &c.Evidence.Key,
		&c.Backup.Identity, &c.Backup.Dir, &c.Age.Identity} {
		*p = absolute(c.Root, *p)
	}
	for i := range c.Compose.Files {
		c.Compose.Files[i] = absolute(c.Root, c.Compose.Files[i])
	}
	for i := range c.Gates.Health {
		h := &c.Gates.Health[i]
		if h.Samples == 0 {
			h.Samples = 30
		}
		if h.P95 == 0 {
			h.P95 = 5 * time.Second
		}
	}
	for i := range c.Gates.Own {
		resolveOwn(c.Root, &c.Gates.Own[i])
	}
	resolveSecrets(c)
	resolveHooks(c)
	resolveNotices(c)
	for name, t := range c.Targets {
		t.Name = name
		resolveTarget(c, &t)
		c.Targets[name] = t
	}
}

// OwnEdge is the service of stackctl's own edge. Its files exist on the host
// alone; here they have the names that the settings of an edge have.
const OwnEdge = "stackctl-edge"

// resolveEdge makes the edge stackctl's own where the file names no part of one.
func resolveEdge(t *stack.Traefik) {
	t.Own = t.Service == "" && t.Static == "" && t.Dynamic == ""
	if t.Own {
		t.Service, t.Static, t.Dynamic = OwnEdge, ".stackctl/edge/traefik.yml", ".stackctl/edge/dynamic"
		return
	}
	setDefault(&t.Service, "traefik")
	setDefault(&t.Static, "traefik/traefik.yml")
	setDefault(&t.Dynamic, "traefik/dynamic")
}

func resolveTarget(c *stack.Config, t *stack.Target) {
	resolveNodes(t)
	setDefault(&t.Path, "/srv/"+c.Project)
	setDefault(&t.Socket, "/var/run/docker.sock")
	setDefault(&t.Edge.HTTPPort, 80)
	setDefault(&t.Edge.HTTPSPort, 443)
	setDefault(&t.ACME.Policy, stack.ACMEStaging)
	if t.ACME.Public() {
		setDefault(&t.ACME.Directory, PublicDirectory)
		if t.ACME.Directory == PublicDirectory {
			setDefault(&t.ACME.Rehearsal.Directory, StagingDirectory)
		}
	}
	setDefault(&t.ACME.Directory, StagingDirectory)
	if do := &t.HostFrom.DigitalOcean; t.HostFrom.Named() {
		setDefault(&do.Size, "s-1vcpu-1gb")
		setDefault(&do.Image, "debian-12-x64")
		do.SSHKey = absolute(c.Root, do.SSHKey)
	}
	for _, p := range []*string{&t.Key, &t.KnownHosts, &t.ACME.DirectoryCA, &t.ACME.Roots, &t.ACME.Rehearsal.DirectoryCA, &t.ACME.Rehearsal.Roots} {
		*p = absolute(c.Root, *p)
	}
	if t.SSHConfig != "none" {
		t.SSHConfig = absolute(c.Root, t.SSHConfig)
	}
}

// Let's Encrypt's directories (letsencrypt.org/docs/acme-protocol-updates).
const (
	StagingDirectory = "https://acme-staging-v02.api.letsencrypt.org/directory"
	PublicDirectory  = "https://acme-v02.api.letsencrypt.org/directory"
)

func setDefault[T comparable](at *T, value T) {
	var zero T
	if *at == zero {
		*at = value
	}
}

// home is the operator's home folder, also where the environment does not name
// it, as in a bare service or CI job; empty: nobody knows.
func home() string {
	if dir, err := os.UserHomeDir(); err == nil {
		return dir
	}
	if u, err := user.Current(); err == nil {
		return u.HomeDir
	}
	return ""
}

// absolute makes a path relative to the file's folder absolute; ~ is the home folder.
func absolute(root, path string) string {
	if path == "" {
		return ""
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home := home(); home != "" {
			return filepath.Join(home, rest)
		}
	}
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(root, path)
}
