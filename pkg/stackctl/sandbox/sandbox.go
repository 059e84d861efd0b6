// Package sandbox owns the virtual droplet: a bare Debian server in a container
// on this machine, with systemd and sshd, on a network of its own beside a
// local ACME server, a mail server and an OpenID provider. It must not know what
// is deployed to it: to the rest of stackctl it is a server with an address, a
// key and a known host key.
//
// The droplet is no security boundary: its root can reach the machine's devices.
package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// Options say which sandbox is meant and what it is made of.
type Options struct {
	// Dir keeps the keys, the target file and the state; default
	// ".stackctl/sandbox".
	Dir string
	// Name tells sandboxes on one machine apart; default: made from Dir, so
	// that two checkouts do not meet.
	Name string
	// Nodes is how many droplets there are, as the nodes of one target: Debian 13
	// each. 0 keeps what is there, or makes a single server with Debian 12.
	Nodes int
	// Images is the folder with droplet.tar or droplet13.tar, pebble.tar and outside.tar; default
	// "build/sandbox".
	Images string
	// Image is what a single droplet is made from in place of droplet.tar: an image of
	// the Engine, by its ID.
	Image string
	// Domain is the site's domain; default "stack.localhost".
	Domain string
	// Private leaves out the ports on loopback.
	Private bool
	// Memory bounds the droplet, in bytes; 0 is no bound.
	Memory int64
	// Lifetime is that of the certificates of a local ACME server that is made; 0 is 90 days.
	Lifetime time.Duration
	// Progress takes one line per thing done; may be nil.
	Progress func(string)
}

// State is a running sandbox.
type State struct {
	Name string `json:"name"`
	// Dir is the absolute folder of everything below.
	Dir string `json:"dir"`
	// Address is the droplet's own address: all its ports are reachable there.
	Address  netip.Addr `json:"address"`
	Address6 netip.Addr `json:"address6,omitzero"`
	// Gateway is this machine as the droplet sees it.
	Gateway netip.Addr   `json:"gateway"`
	Subnet  netip.Prefix `json:"subnet"`
	// HTTPPort and HTTPSPort are published on 127.0.0.1; 0: not published.
	HTTPPort  int    `json:"http_port"`
	HTTPSPort int    `json:"https_port"`
	Domain    string `json:"domain"`
	// Directory is the ACME directory of the local certificate authority.
	Directory string `json:"directory"`
	// SMTP is the local mail server, Mail the page that shows its mails.
	SMTP netip.AddrPort `json:"smtp,omitzero"`
	Mail string         `json:"mail"`
	// Issuer is the local OpenID provider.
	Issuer string `json:"issuer"`
	// Container is the droplet's container.
	Container string `json:"container"`
	// Nodes are the droplets where the sandbox has several; the first one is the
	// droplet above.
	Nodes []Node `json:"nodes,omitempty"`
	// Fresh reports whether this Up made a droplet.
	Fresh bool `json:"-"`
}

// The files in a sandbox's folder.
const (
	stateFile       = "state.json"
	keyFile         = "id_ed25519"
	knownHostsFile  = "known_hosts"
	directoryCAFile = "acme-directory-ca.pem"
	rootsFile       = "acme-roots.pem"
	targetFile      = "target.yaml"
)

// Key is the private key of root and, once provisioned, of the deploy user.
func (s State) Key() string { return filepath.Join(s.Dir, keyFile) }

// KnownHosts is the file with the host key of each droplet.
func (s State) KnownHosts() string { return filepath.Join(s.Dir, knownHostsFile) }

// Target is the file with the droplet as a target of stackctl.
func (s State) Target() string { return filepath.Join(s.Dir, targetFile) }

// URL is the site as a browser on this machine reaches it.
func (s State) URL() string {
	if s.HTTPSPort == 0 || s.HTTPSPort == 443 {
		return "https://" + s.Domain + "/"
	}
	return fmt.Sprintf("https://%s:%d/", s.Domain, s.HTTPSPort)
}

// SSH is the argument list of ssh that logs in as user and runs args.
func (s State) SSH(user string, args ...string) []string {
	return append([]string{"ssh", "-i", s.Key(), "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" + s.KnownHosts(),
		"-o", "StrictHostKeyChecking=yes", user + "@" + s.Address.String()}, args...)
}

// budget bounds one Up or Down.
const budget = 5 * time.Minute

// Up makes sure that the sandbox runs and gives its state. What is there is
// kept: a second Up changes nothing.
func Up(ctx context.Context, o Options) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	o, err := o.complete()
	if err != nil {
		return State{}, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return State{}, fault("make the sandbox's folder", err, "")
	}
	b, err := open(ctx, o)
	if err != nil {
		return State{}, err
	}
	defer b.close()
	if err := b.settleNodes(ctx); err != nil {
		return State{}, err
	}
	if err := b.ensureKey(); err != nil {
		return State{}, err
	}
	s, err := b.ensureNetwork(ctx)
	if err != nil {
		return State{}, err
	}
	if err := b.ensureDroplets(ctx, &s); err != nil {
		return State{}, err
	}
	if err := b.ensureACME(ctx, &s); err != nil {
		return State{}, err
	}
	if err := b.ensureOutside(ctx, &s); err != nil {
		return State{}, err
	}
	for _, d := range b.droplets(s) {
		if err := b.awaitDroplet(ctx, d.Node); err != nil {
			return State{}, err
		}
	}
	if err := b.trustDroplets(ctx, s); err != nil {
		return State{}, err
	}
	if err := writeTarget(s); err != nil {
		return State{}, err
	}
	return s, save(s)
}

// Down removes the sandbox whose state is in dir: containers, volumes, network
// and the folder. With images it also removes the images that Up loaded. A
// sandbox that is not there is no error.
func Down(ctx context.Context, dir string, images bool) error {
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	s, err := Load(dir)
	if errors.Is(err, fs.ErrNotExist) {
		s = State{Name: defaultName(dir), Dir: dir} // an Up that never finished left no state
	} else if err != nil {
		return err
	}
	b, err := open(ctx, Options{Dir: dir, Name: s.Name})
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.remove(ctx, images); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// Load reads the state of the sandbox in dir; the error is fs.ErrNotExist where
// there is none.
func Load(dir string) (State, error) {
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return State{}, err
	}
	var s State
	if err := json.Unmarshal(text, &s); err != nil {
		return State{}, fault("read "+filepath.Join(dir, stateFile), err, "remove the folder and run `stackctl sandbox up`")
	}
	return s, nil
}

func save(s State) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return write(filepath.Join(s.Dir, stateFile), append(text, '\n'), 0o600)
}

// write replaces a file by rename.
func write(path string, text []byte, mode fs.FileMode) error {
	temporary := path + ".part"
	if err := os.WriteFile(temporary, text, mode); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// defaultName is the name of the sandbox in a folder where none was given.
func defaultName(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return "sandbox-" + hex.EncodeToString(sum[:3])
}

var nameRule = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,30}$`)

// complete fills in the defaults. A folder that holds a sandbox keeps its name.
func (o Options) complete() (Options, error) {
	if o.Dir == "" {
		o.Dir = filepath.Join(".stackctl", "sandbox")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, err
	}
	o.Dir = dir
	before, err := Load(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return o, err
	}
	switch {
	case o.Name == "" && before.Name != "":
		o.Name = before.Name
	case o.Name == "":
		o.Name = defaultName(dir)
	case before.Name != "" && before.Name != o.Name:
		return o, stack.Usage(dir, 0, fmt.Sprintf("it belongs to the sandbox %q, not %q", before.Name, o.Name), "give each sandbox its own folder")
	}
	if !nameRule.MatchString(o.Name) {
		return o, stack.Usage(dir, 0, fmt.Sprintf("%q is no name for a sandbox", o.Name), "use up to 31 lower-case letters, digits and hyphens")
	}
	if o.Images == "" {
		o.Images = filepath.Join("build", "sandbox")
	}
	if o.Domain == "" {
		o.Domain = "stack.localhost"
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	return o, nil
}

// fault is a step of the sandbox that failed.
func fault(what string, err error, fix string) error {
	return stack.Fault(stack.CauseStep, what, err, fix)
}
