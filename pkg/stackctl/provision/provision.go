// Package provision owns what a bare Debian or Ubuntu server must become before
// a stack can be put on it: it observes, plans and changes only what differs.
// It must not know what the stack is.
package provision

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/stack"
)

// Settings say what a ready host is like.
type Settings struct {
	// User deploys. It gets no password and membership in the group docker.
	User string
	// Admin is who provisions; its password is never touched.
	Admin string
	// PublicKey is the line of authorized_keys that lets User in.
	PublicKey string
	// Path is the project's folder.
	Path string
	// Ports are what containers may publish to the outside: the web's ports and
	// what the project declares. Those that another project of the server has
	// opened stay open.
	Ports []Port
	// Shared reports whether the server's ingress has its web ports.
	Shared bool
	// Member is what the host is in a cluster; nil: it is alone.
	Member *Member
}

// Port is one port of the server.
type Port struct {
	Number int
	UDP    bool
}

// String is the port as ufw takes it, such as 443/tcp.
func (p Port) String() string { return strconv.Itoa(p.Number) + "/" + p.protocol() }

func (p Port) protocol() string {
	if p.UDP {
		return "udp"
	}
	return "tcp"
}

// SettingsFor are the settings of a target whose project declares ports beside
// those of the web. The key is the public half of the one that deploys
// (host.PublicKey).
func SettingsFor(target stack.Target, publicKey string, declared ...Port) Settings {
	admin := host.OptionsFor(target, true).User
	return Settings{
		User: target.User, Admin: admin, PublicKey: publicKey, Path: target.Path, Shared: target.Shared,
		Ports: union([]Port{{Number: 80}, {Number: 443}}, declared),
	}
}

// Folder is one folder of the project on the host, relative to its Path.
type Folder struct {
	Path string
	Mode string // octal, as chmod takes it
}

// Folders are those that a ready host has. What may hold secrets is mode 0700:
// containers get single files of it, mounted by the Engine.
var Folders = []Folder{
	{".", "700"}, // what is mounted of it is mounted by the Engine, whoever runs a service
	{stack.ReleasesDir, "700"},
	{"edge", "755"},
	{stack.EdgeDynamic, "755"},
	{"edge/acme", "700"},
	{stack.SecretsDir, "700"},
	{stack.BackupsDir, "700"},
	{stack.TmpDir, "700"},
}

// ingressFolders are those of the server's ingress, relative to its path.
var ingressFolders = []Folder{{".", "755"}, {stack.IngressDynamic, "755"}, {stack.TmpDir, "700"}}

// folders are those that the host is to have, by absolute path.
func (s Settings) folders() []Folder {
	var out []Folder
	for _, f := range Folders {
		out = append(out, Folder{path.Join(s.Path, f.Path), f.Mode})
	}
	if s.Shared {
		for _, f := range ingressFolders {
			out = append(out, Folder{path.Join(stack.IngressPath, f.Path), f.Mode})
		}
	}
	return out
}

var userName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$`)

// check refuses settings that no host could be brought to.
func (s Settings) check() error {
	const file = "stackctl.yaml"
	switch {
	case !userName.MatchString(s.User):
		return stack.Usage(file, 0, fmt.Sprintf("user %q is not a name that useradd takes", s.User), "set the target's user, such as deploy")
	case !path.IsAbs(s.Path) || path.Clean(s.Path) != s.Path || strings.Count(s.Path, "/") < 2 || strings.ContainsAny(s.Path, "\n\x00"):
		return stack.Usage(file, 0, fmt.Sprintf("path %q must be absolute and at least two folders deep", s.Path), "set the target's path, such as /srv/shop")
	case !validKey(s.PublicKey):
		return stack.Usage(file, 0, "the deploy user's public key is not one line of authorized_keys", "set the target's key to a private key file")
	}
	for _, p := range s.Ports {
		if p.Number < 1 || p.Number > 65535 {
			return stack.Usage(file, 0, fmt.Sprintf("port %d is no port", p.Number), "")
		}
	}
	return nil
}

func validKey(line string) bool {
	fields := strings.Fields(line)
	if len(fields) < 2 || strings.ContainsAny(line, "\n\r\x00") {
		return false
	}
	blob, err := base64.StdEncoding.DecodeString(fields[1])
	return err == nil && len(blob) > 16
}

// Ensure observes, plans and applies, then observes again: a ready host is one
// for which nothing is left to change. It returns what it changed.
func Ensure(ctx context.Context, conn *host.Conn, s Settings, emit stack.Emit) ([]Change, error) {
	facts, err := Observe(ctx, conn, s)
	if err != nil {
		return nil, err
	}
	changes := Plan(facts, s)
	if len(changes) == 0 {
		return nil, nil
	}
	if err := Apply(ctx, conn, changes, emit); err != nil {
		return nil, err
	}
	if facts, err = Observe(ctx, conn, s); err != nil {
		return changes, err
	}
	if left := Plan(facts, s); len(left) > 0 {
		return changes, stack.Fault(stack.CauseStep, "provision "+conn.Options().String(),
			errors.New("these changes did not hold: "+strings.TrimSpace(Text(left))),
			"something else on the host changes them back; look at its configuration management")
	}
	return changes, nil
}
