package stack

import (
	"path/filepath"
	"time"
)

// HostFrom is where a target's server comes from, for `stackctl host create`.
type HostFrom struct {
	DigitalOcean DigitalOcean `mapstructure:"digitalocean"`
}

// Named reports whether it names a provider.
func (h HostFrom) Named() bool { return h.DigitalOcean != DigitalOcean{} }

// DigitalOcean describes a droplet.
type DigitalOcean struct {
	// Region, Size and Image are slugs, such as fra1, s-1vcpu-1gb and debian-12-x64.
	Region string `mapstructure:"region"`
	Size   string `mapstructure:"size"`
	Image  string `mapstructure:"image"`
	// SSHKey is the public half of the key that logs in; empty: that of the target's key,
	// else ~/.ssh/id_ed25519.pub.
	SSHKey string `mapstructure:"ssh_key"`
	// TokenSecret names the secret that is the API's token; empty: DIGITALOCEAN_TOKEN.
	TokenSecret string `mapstructure:"token_secret"`
	// API is where the API is, where that is not DigitalOcean's own.
	API string `mapstructure:"api"`
}

// MadeHost is what is known on the operator's side of a server that `stackctl host
// create` made. It holds no secret.
type MadeHost struct {
	Name string    `json:"name"`
	ID   int       `json:"id,omitempty"`
	Made time.Time `json:"made,omitzero"`
	// Address and Address6 are where it is reached; empty: not known yet.
	Address  string `json:"address,omitempty"`
	Address6 string `json:"address6,omitempty"`
	// HostKeys are the public SSH host keys that it may have; Settled says that it has
	// the one, which nobody but the server ever had the other half of.
	HostKeys []string `json:"host_keys,omitempty"`
	Settled  bool     `json:"settled,omitempty"`
}

// MadeHostFile is where that is kept for a target, below the folder of stackctl.yaml.
func MadeHostFile(root, target string) string {
	return filepath.Join(root, ".stackctl", "hosts", filepath.Base(Backup{}.Folder(target))+".json")
}
