//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/digitalocean"
	"stackctl/pkg/stackctl/digitalocean/fake"
)

// booting has the droplet of a test boot by what an order brings, as cloud-init
// would: with the host key that is in it, and no other.
func booting(t *testing.T, o digitalocean.Order) {
	var data struct {
		Keys struct {
			Private string `yaml:"ed25519_private"`
			Public  string `yaml:"ed25519_public"`
		} `yaml:"ssh_keys"`
	}
	if err := yaml.Unmarshal([]byte(o.UserData), &data); err != nil {
		t.Errorf("the order's user data: %v", err)
		return
	}
	dir := t.TempDir()
	for name, content := range map[string]string{"ssh_host_ed25519_key": data.Keys.Private, "ssh_host_ed25519_key.pub": data.Keys.Public + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Error(err)
		}
	}
	inDroplet(t, "rm -f /etc/ssh/ssh_host_*")
	onHost(t, "docker", "cp", dir+"/.", on(t).Container+":/etc/ssh/")
	inDroplet(t, "chown root:root /etc/ssh/ssh_host_* && systemctl restart ssh")
}

// TestAServerIsMadeWithAHostKeyThatNobodyElseHad makes the server of a target from
// nothing: the droplet is real but for who rents it out. Its host key is known before
// it boots, and another one afterwards.
func TestAServerIsMadeWithAHostKeyThatNobodyElseHad(t *testing.T) {
	s := bare(t)
	a, p := fake.New(t), project{t: t, root: t.TempDir(), env: []string{"DIGITALOCEAN_TOKEN=" + fake.Token}}
	a.Address, a.Made = s.Address.String(), func(o digitalocean.Order) { booting(t, o) }
	p.write("id.pub", onHost(t, "ssh-keygen", "-y", "-f", s.Key()))
	p.write("compose.yaml", "services: {pages: {image: shop/app:1}}\n")
	p.write("stackctl.yaml", fmt.Sprintf("project: pages\npolicy: standard\ncompose: {files: compose.yaml}\ntargets:\n  prod:\n    domain: pages.localhost\n    key: %s\n    known_hosts: known\n    ssh_config: none\n    host_from: {digitalocean: {region: fra1, ssh_key: id.pub, api: %q}}\n", s.Key(), a.URL))
	p.must(2, "provision")
	said := p.must(0, "host", "create")
	known := read(t, filepath.Join(p.root, "known"))
	served := strings.TrimSpace(inDroplet(t, "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub; ls /etc/ssh/ssh_host_* /etc/ssh/stackctl* 2>/dev/null | wc -l"))
	key, files, _ := strings.Cut(served, "\n")
	if !strings.Contains(known, s.Address.String()+" "+key) || strings.TrimSpace(files) != "2" {
		t.Errorf("known_hosts has %s, the server %s in %s files", known, key, files)
	}
	if strings.Contains(a.Orders[0].UserData, key) {
		t.Error("the server keeps the key that the order brought")
	}
	if strings.Contains(said.out+said.err, fake.Token) {
		t.Error("it tells the token")
	}
	again := p.must(0, "host", "create", "--output", "json")
	var host struct{ Settled bool }
	if err := json.Unmarshal([]byte(again.out), &host); err != nil || !host.Settled || len(a.Orders) != 1 || read(t, filepath.Join(p.root, "known")) != known {
		t.Errorf("a second create: %v, %d orders\n%s", err, len(a.Orders), again.out)
	}
	p.must(0, "provision")
	p.must(0, "host", "destroy", "--yes", "pages-prod")
	p.must(2, "provision")
	if len(a.Droplets)+len(a.Firewalls) != 0 {
		t.Errorf("what is left: %+v, %+v", a.Droplets, a.Firewalls)
	}
}
