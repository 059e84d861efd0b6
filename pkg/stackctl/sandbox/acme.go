package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Ports of the local ACME server and its DNS server.
const (
	acmePort           = 14000
	acmeManagementPort = 15000
	dnsPort            = 8053
)

// ensureACME makes sure that a certificate authority runs whose accounts this
// sandbox's edge can use, and fetches its root certificate.
func (b *builder) ensureACME(ctx context.Context, s *State) error {
	if err := b.ensureDNS(ctx, *s); err != nil {
		return err
	}
	address, running, err := b.acmeAddress(ctx, *s)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(b.Dir, directoryCAFile)); running && errors.Is(err, fs.ErrNotExist) {
		running, address = false, address.Next() // nobody knows its certificate any more
	}
	if !running {
		if err := b.startACME(ctx, *s, address); err != nil {
			return err
		}
	}
	root, err := b.awaitRoot(ctx, address)
	if err != nil {
		return err
	}
	known, err := os.ReadFile(filepath.Join(b.Dir, rootsFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault("read the known ACME roots", err, "")
	}
	if running && !bytes.Contains(known, root) {
		// It was restarted behind our back and has forgotten every account.
		address = address.Next()
		if err := b.startACME(ctx, *s, address); err != nil {
			return err
		}
		if root, err = b.awaitRoot(ctx, address); err != nil {
			return err
		}
	}
	s.Directory = fmt.Sprintf("https://%s/dir", netip.AddrPortFrom(address, acmePort))
	if bytes.Contains(known, root) {
		return nil
	}
	// Certificates of an earlier start stay in the edge's store and are still good.
	if err := write(filepath.Join(b.Dir, rootsFile), append(known, root...), 0o644); err != nil {
		return fault("keep the ACME root", err, "")
	}
	return nil
}

// ensureDNS runs the DNS server that tells the ACME server the address of the
// droplet for every name, or those of all that visitors reach.
func (b *builder) ensureDNS(ctx context.Context, s State) error {
	if b.Nodes > 0 {
		var list []string
		for _, a := range b.edges(s) {
			list = append(list, a.String())
		}
		return b.ensurePart(ctx, s, "dns", dnsHost, []string{"/dns", "-listen", fmt.Sprintf(":%d", dnsPort), "-addresses", strings.Join(list, ",")})
	}
	name := b.named("dns")
	seen, err := b.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err == nil && seen.Container.State.Running {
		return nil
	}
	b.say("start the local DNS server")
	return b.fresh(ctx, s, name, dnsHost, "pebble.tar", container.Config{
		Entrypoint: []string{"/usr/local/bin/pebble-challtestsrv"},
		Cmd: []string{"-defaultIPv4", s.Address.String(), "-defaultIPv6", "", "-dnsserver", fmt.Sprintf(":%d", dnsPort),
			"-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-management", "127.0.0.1:8055"},
	})
}

// acmeAddress is where the ACME server runs, or is to run.
func (b *builder) acmeAddress(ctx context.Context, s State) (netip.Addr, bool, error) {
	seen, err := b.api.ContainerInspect(ctx, b.named("acme"), client.ContainerInspectOptions{})
	if errdefs.IsNotFound(err) {
		return at(s.Subnet, acmeHost), false, nil
	}
	if err != nil {
		return netip.Addr{}, false, fault("look for the local ACME server", err, "")
	}
	var address netip.Addr
	if e := seen.Container.NetworkSettings.Networks[b.named("")]; e != nil && e.IPAMConfig != nil {
		address = e.IPAMConfig.IPv4Address
	}
	switch {
	case !address.IsValid():
		return at(s.Subnet, acmeHost), false, nil
	case !seen.Container.State.Running:
		return address.Next(), false, nil
	}
	return address, true, nil
}

// lifetime is that of Let's Encrypt's certificates.
const lifetime = 90 * 24 * time.Hour

// startACME runs a new ACME server at the address, in place of an old one.
func (b *builder) startACME(ctx context.Context, s State, address netip.Addr) error {
	if !s.Subnet.Contains(address) {
		address = at(s.Subnet, acmeHost)
	}
	b.say("start the local ACME server at %s", address)
	certificate, key, err := b.listenerCertificate(address)
	if err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress":           fmt.Sprintf("0.0.0.0:%d", acmePort),
		"managementListenAddress": fmt.Sprintf("0.0.0.0:%d", acmeManagementPort),
		"certificate":             "/pebble/cert.pem",
		"privateKey":              "/pebble/key.pem",
		"httpPort":                80,
		"tlsPort":                 443,
		"retryAfter":              map[string]int{"authz": 1, "order": 1},
		"keyAlgorithm":            "ecdsa",
		"profiles":                map[string]any{"default": map[string]any{"description": "of the sandbox", "validityPeriod": int(cmp.Or(b.Lifetime, lifetime).Seconds())}},
	}})
	if err != nil {
		return fault("configure the local ACME server", err, "")
	}
	return b.fresh(ctx, s, b.named("acme"), address.As4()[3], "pebble.tar", container.Config{
		Entrypoint: []string{"/usr/local/bin/pebble"},
		Cmd:        []string{"-config", "/pebble/config.json", "-dnsserver", netip.AddrPortFrom(at(s.Subnet, dnsHost), dnsPort).String()},
		Env:        []string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0"},
	},
		file{path: "/pebble", mode: 0o755},
		file{path: "/pebble/config.json", mode: 0o644, content: config},
		file{path: "/pebble/cert.pem", mode: 0o644, content: certificate},
		file{path: "/pebble/key.pem", mode: 0o644, content: key}, // of this container alone; it runs as an ordinary user
	)
}

// fresh replaces a helper container.
func (b *builder) fresh(ctx context.Context, s State, name string, host byte, archive string, c container.Config, files ...file) error {
	image, err := b.image(ctx, archive)
	if err != nil {
		return err
	}
	if _, err := b.api.ContainerRemove(ctx, name, client.ContainerRemoveOptions{Force: true}); err != nil && !errdefs.IsNotFound(err) {
		return fault("remove the old "+name, err, "")
	}
	c.Image = image
	if c.Labels == nil {
		c.Labels = b.labels()
	}
	_, err = b.api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: name, Config: &c,
		HostConfig: &container.HostConfig{
			CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"},
			NetworkMode:   container.NetworkMode(b.named("")),
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyUnlessStopped},
		},
		NetworkingConfig: b.endpoint(s, host),
	})
	if err != nil {
		return fault("make "+name, err, "")
	}
	if len(files) > 0 {
		if err := b.put(ctx, name, files...); err != nil {
			return fault("configure "+name, err, "")
		}
	}
	if _, err := b.api.ContainerStart(ctx, name, client.ContainerStartOptions{}); err != nil {
		return fault("start "+name, err, "")
	}
	return nil
}

// listenerCertificate is a certificate for the ACME server's own address. Its
// authority is made anew each time; the edge trusts it for the directory alone.
func (b *builder) listenerCertificate(address netip.Addr) (certificate, key []byte, err error) {
	fail := func(err error) ([]byte, []byte, error) {
		return nil, nil, fault("make a certificate for the local ACME server", err, "")
	}
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	serial := func() *big.Int { return new(big.Int).SetBytes([]byte(rand.Text())) }
	from, until := time.Now().Add(-time.Hour), time.Now().AddDate(5, 0, 0)
	authority := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "stackctl sandbox, ACME directory"}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey)
	if err != nil {
		return fail(err)
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: address.String()}, NotBefore: from, NotAfter: until,
		IPAddresses: []net.IP{address.AsSlice()}, DNSNames: []string{b.named("acme")},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, authority, &leafKey.PublicKey, authorityKey)
	if err != nil {
		return fail(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		return fail(err)
	}
	if err := write(filepath.Join(b.Dir, directoryCAFile), pemBlock("CERTIFICATE", authorityDER), 0o644); err != nil {
		return fail(err)
	}
	return pemBlock("CERTIFICATE", leafDER), pemBlock("PRIVATE KEY", keyDER), nil
}

func pemBlock(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// awaitRoot waits for the ACME server and gives its root certificate.
func (b *builder) awaitRoot(ctx context.Context, address netip.Addr) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	authority, err := os.ReadFile(filepath.Join(b.Dir, directoryCAFile))
	if err != nil {
		return nil, fault("read the ACME directory's authority", err, "run `stackctl sandbox down` and up again")
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}
	url := fmt.Sprintf("https://%s/roots/0", netip.AddrPortFrom(address, acmeManagementPort))
	for {
		root, err := fetch(ctx, &http.Client{Transport: transport, Timeout: 3 * time.Second}, url)
		if err == nil {
			return root, nil
		}
		if !pause(ctx) {
			return nil, fault("wait for the local ACME server at "+url, err, "look at `docker logs "+b.named("acme")+"`")
		}
	}
}

func fetch(ctx context.Context, c *http.Client, url string) ([]byte, error) {
	text, err := get(ctx, c, url, 1<<20)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(text); block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("it answers, but with no certificate")
	}
	return text, nil
}
