//go:build e2e

package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/crypto/bcrypt"
)

// The registry that the team of test/projects/twelve/notes has, and who may pull.
const (
	registryHost     = "registry.acme.test:5443"
	registryUser     = "puller"
	registryPassword = "brisk-heron-7-lantern"
)

// privateRegistry runs a registry that asks for a password on this machine,
// where the droplet reaches it, and returns a transport that reaches it as well.
// The droplet knows its name and trusts its authority, as a host of such a firm does.
func privateRegistry(t *testing.T) http.RoundTripper {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "registry")
	build := exec.Command("go", "build", "-o", program, "github.com/distribution/distribution/v3/cmd/registry")
	build.Dir = filepath.Join(repo, "test", "images", "registry")
	build.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the registry: %v\n%s", err, out)
	}
	certificate, key := issued(t, "registry.acme.test")
	hash, err := bcrypt.GenerateFromPassword([]byte(registryPassword), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	listens := net.JoinHostPort(on(t).Gateway.String(), "5443")
	for file, text := range map[string]string{
		"tls.crt": certificate, "tls.key": key, "htpasswd": registryUser + ":" + string(hash) + "\n",
		"registry.yaml": fmt.Sprintf("version: 0.1\nlog: {level: warn}\nstorage: {filesystem: {rootdirectory: %[1]s/images}}\n"+
			"http: {addr: '%[2]s', tls: {certificate: %[1]s/tls.crt, key: %[1]s/tls.key}}\nauth: {htpasswd: {realm: acme, path: %[1]s/htpasswd}}\n", dir, listens),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.Command(program, "serve", filepath.Join(dir, "registry.yaml"))
	run.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = run.Process.Kill()
		_ = run.Wait()
	})
	onDroplet(t, fmt.Sprintf("echo %s registry.acme.test >>/etc/hosts; mkdir -p /etc/docker/certs.d/%[2]s && cat >/etc/docker/certs.d/%[2]s/ca.crt <<'END'\n%[3]sEND", on(t).Gateway, registryHost, certificate))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(certificate))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, listens)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	until(t, 30*time.Second, "the registry asks for a password", func() bool {
		resp, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Get("https://" + registryHost + "/v2/")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusUnauthorized
	})
	return transport
}

// issued makes a certificate of a name or an address that is its own authority.
func issued(t *testing.T, host string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IsCA: true, BasicConstraintsValid: true}
	if ip := net.ParseIP(host); ip != nil {
		of.DNSNames, of.IPAddresses = nil, []net.IP{ip}
	}
	raw, err := x509.CreateCertificate(rand.Reader, of, of, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

// push puts the team's image into its registry, in two editions.
func push(t *testing.T, through http.RoundTripper) {
	t.Helper()
	image, err := tarball.ImageFromPath(filepath.Join(repo, "build", "projects", "notes.tar"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, edition := range []string{"1", "2"} {
		file, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		file = file.DeepCopy()
		file.Config.Env = append(file.Config.Env, "EDITION="+edition)
		var made v1.Image
		if made, err = mutate.ConfigFile(image, file); err != nil {
			t.Fatal(err)
		}
		tag, err := name.NewTag(registryHost + "/team/notes:" + edition)
		if err == nil {
			err = remote.Write(tag, made, remote.WithTransport(through), remote.WithAuth(&authn.Basic{Username: registryUser, Password: registryPassword}), remote.WithContext(t.Context()))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestProjectWhoseImageLiesInAPrivateRegistry(t *testing.T) {
	inFull(t)
	team{
		name: "notes", env: "VERSION=1\n",
		decides: []string{"notes app recreate stack.localhost"},
		page:    "/", first: "Notes 1", changed: "Notes 2", waitsPage: true,
		change: edited(".env", "VERSION=1", "VERSION=2"),
		breaks: edited(".env", "VERSION=2", "VERSION=3"), exit: 4,
		data: "/notes", waitsData: true,
		prepare: func(p *project) {
			push(p.t, privateRegistry(p.t))
			login := filepath.Join(p.t.TempDir(), "docker")
			p.env = append(p.env, "DOCKER_CONFIG="+login)
			// Nobody has logged in yet.
			if said := p.must(4, "deploy", "--target", "sandbox"); !strings.Contains(said.out+said.err, "docker login") {
				p.t.Errorf("without a login it says\n%s%s", said.out, said.err)
			}
			auth := base64.StdEncoding.EncodeToString([]byte(registryUser + ":" + registryPassword))
			if err := os.MkdirAll(login, 0o700); err != nil {
				p.t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(login, "config.json"), fmt.Appendf(nil, `{"auths": {%q: {"auth": %q}}}`, registryHost, auth), 0o600); err != nil {
				p.t.Fatal(err)
			}
		},
		kept: func(p project) {
			if left := onDroplet(p.t, "grep -rlE '"+registryPassword+"|"+base64.StdEncoding.EncodeToString([]byte(registryUser+":"+registryPassword))+"' /srv /root /home /etc /var/log 2>/dev/null || true"); left != "" {
				p.t.Errorf("the registry's password lies on the server in %s", left)
			}
		},
	}.deployed(t)
}
