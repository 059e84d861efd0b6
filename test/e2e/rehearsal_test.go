//go:build e2e

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// authority is an ACME server beside the sandbox's own, with roots of its own and
// a DNS server that knows no name but those that it is told.
type authority struct {
	name, dns string
	// Directory, CA and Roots are what a target names.
	Directory, CA, Roots string
}

// secondAuthority starts another Pebble, which stands for a staging directory.
func secondAuthority(t *testing.T) authority {
	t.Helper()
	s, at, names := on(t), host4(t, 60).String(), host4(t, 61).String()
	a := authority{name: s.Container + "-staging", dns: "http://" + names + ":8055", Directory: "https://" + at + ":14000/dir"}
	image := strings.TrimSpace(onHost(t, "docker", "inspect", "-f", "{{.Image}}", s.Container+"-acme"))
	network := strings.TrimSpace(onHost(t, "docker", "inspect", "-f", "{{.HostConfig.NetworkMode}}", s.Container+"-acme"))
	for _, name := range []string{a.name, a.name + "-dns"} {
		t.Cleanup(func() { onHost(t, "docker", "rm", "-f", name) })
	}
	onHost(t, "docker", "run", "-d", "--name", a.name+"-dns", "--network", network, "--ip", names, "--entrypoint", "/usr/local/bin/pebble-challtestsrv", image,
		"-defaultIPv4", "", "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-dnsserver", ":8053", "-management", ":8055")

	dir := t.TempDir()
	a.CA, a.Roots = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "roots.pem")
	certificate, key := listener(t, at)
	if err := os.WriteFile(a.CA, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"cert.pem": certificate, "key.pem": key, "config.json": []byte(
		`{"pebble":{"listenAddress":"0.0.0.0:14000","managementListenAddress":"0.0.0.0:15000","certificate":"/pebble/cert.pem","privateKey":"/pebble/key.pem","httpPort":80,"tlsPort":443,"keyAlgorithm":"ecdsa","retryAfter":{"authz":1,"order":1},"profiles":{"default":{"description":"90 days","validityPeriod":7776000}}}}`)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	onHost(t, "docker", "create", "--name", a.name, "--network", network, "--ip", at, "-e", "PEBBLE_VA_NOSLEEP=1", "-e", "PEBBLE_WFE_NONCEREJECT=0",
		"--entrypoint", "/usr/local/bin/pebble", image, "-config", "/pebble/config.json", "-dnsserver", names+":8053")
	onHost(t, "docker", "cp", dir+"/.", a.name+":/pebble")
	onHost(t, "docker", "start", a.name)
	c := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	until(t, 20*time.Second, "the second ACME server", func() bool {
		resp, err := c.Get("https://" + at + ":15000/roots/0")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		root, err := io.ReadAll(resp.Body)
		return err == nil && resp.StatusCode == http.StatusOK && os.WriteFile(a.Roots, root, 0o600) == nil
	})
	return a
}

// knows tells the authority's DNS server that a name leads to the droplet.
func (a authority) knows(t *testing.T, host string) {
	t.Helper()
	resp, err := http.Post(a.dns+"/add-a", "application/json", strings.NewReader(fmt.Sprintf(`{"host":%q,"addresses":[%q]}`, host, on(t).Address)))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("tell the DNS server of %s: %v %v", host, resp, err)
	}
	_ = resp.Body.Close()
}

// asked counts the validations that an ACME server has begun for a name.
func asked(t *testing.T, container, host string) int {
	t.Helper()
	return strings.Count(onHost(t, "sh", "-c", "docker logs "+container+" 2>&1"), "Value:"+strconv.Quote(host))
}

// listener is a certificate for an ACME server's own address, which is its own root.
func listener(t *testing.T, at string) (certificate, key []byte) {
	t.Helper()
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: at}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.ParseIP(at)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &pair.PublicKey, pair)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// chains reports whether what the site serves for a name chains to roots in a file.
func chains(t *testing.T, roots, host string) bool {
	t.Helper()
	conn, err := tls.Dial("tcp", on(t).Address.String()+":443", &tls.Config{ServerName: host, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	served := conn.ConnectionState().PeerCertificates
	pool, between := x509.NewCertPool(), x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(read(t, roots)))
	for _, c := range served[1:] {
		between.AddCert(c)
	}
	_, err = served[0].Verify(x509.VerifyOptions{DNSName: host, Roots: pool, Intermediates: between})
	return err == nil
}

// TestNewNamesAreRehearsedBeforeAPublicAuthorityIsAsked has one Pebble stand for
// staging and the sandbox's for a public authority. A name without a DNS record
// costs an order at staging, and none at the public one: behind the server's ingress,
// and in `make full` at an edge that has the web's ports as well.
func TestNewNamesAreRehearsedBeforeAPublicAuthorityIsAsked(t *testing.T) {
	bare(t)
	staging, p := secondAuthority(t), small(t, "pages")
	public := on(t).Container + "-acme"
	own, rest, _ := strings.Cut(read(t, filepath.Join(p.root, targetFile)), "\nacme:\n")
	kept, rest, _ := strings.Cut(rest, "\nedge:\n")
	publicRoots := filepath.Join(on(t).Dir, "acme-roots.pem")
	policy := func(acme string) { p.write(targetFile, own+"\nacme:\n"+acme+"\nedge:\n"+rest) }
	rehearsed := fmt.Sprintf("directory: %s\n  directory_ca: %s\n  roots: %s\n", staging.Directory, staging.CA, staging.Roots)
	atStaging, atPublic := "  "+rehearsed, "  policy: public\n"+kept+"\n  rehearsal:\n    "+strings.ReplaceAll(rehearsed, "\n  ", "\n    ")

	policy(atStaging)
	staging.knows(t, "pages.localhost")
	p.must(0, "provision", "--target", "sandbox")
	p.must(0, "deploy", "--target", "sandbox")
	staged := serial(on(t).Address, "pages.localhost")
	policy(atPublic)
	p.must(0, "deploy", "--target", "sandbox")
	if !chains(t, publicRoots, "pages.localhost") || chains(t, staging.Roots, "pages.localhost") {
		t.Fatal("a site that is public does not serve a certificate of the public authority")
	}

	c := client(t)
	roots := c.Transport.(*http.Transport).TLSClientConfig.RootCAs
	roots.AppendCertsFromPEM([]byte(read(t, staging.Roots))) // visitors who accept both
	follow := client(t)                                      // from port 80 to the site
	follow.Transport.(*http.Transport).TLSClientConfig.RootCAs = roots
	follow.CheckRedirect, follow.Transport.(*http.Transport).DisableKeepAlives = nil, true
	during := func(name string, part func()) {
		t.Helper()
		visits := []func() tally{visit(t, c, http.MethodGet, "https://pages.localhost/"), visit(t, follow, http.MethodGet, "http://pages.localhost/")}
		part()
		for _, end := range visits {
			if seen := end(); seen.lost > 0 || seen.answered == 0 {
				t.Errorf("%s: %d visits of %d were lost; the first %s", name, seen.lost, seen.lost+seen.answered, seen.first)
			} else {
				t.Logf("%s: %d visits, the longest %s", name, seen.answered, seen.longest)
			}
		}
	}
	edges := []string{"shared"}
	if os.Getenv("FAULTS") != "" {
		edges = []string{"alone", "shared"}
	}
	for _, how := range edges {
		fresh, typo := "fresh-"+how+".pages.localhost", "typo-"+how+".pages.localhost"
		if how == "shared" {
			p.share()
			own, _, _ = strings.Cut(read(t, filepath.Join(p.root, targetFile)), "\nacme:\n")
			p.must(0, "provision", "--target", "sandbox")
			p.must(0, "deploy", "--target", "sandbox")
		}
		live := p.report().Release
		before := read(t, filepath.Join(p.root, "stackctl.yaml"))
		p.edit("stackctl.yaml", "\nroutes:\n", "\nroutes:\n  - {host: "+typo+", service: pages, port: 8080}\n")
		if said := p.must(0, "plan", "--target", "sandbox").out; !strings.Contains(said, "rehearse certificates of "+typo) {
			t.Errorf("the plan does not tell of the rehearsal:\n%s", said)
		}
		during(how+", a name without a record", func() {
			said := p.must(1, "deploy", "--target", "sandbox")
			if !strings.Contains(said.out+said.err, "urn:ietf:params:acme:error:") {
				t.Errorf("it does not tell the authority's own reason:\n%s", said.out+said.err)
			}
		})
		if asked(t, staging.name, typo) == 0 || asked(t, public, typo) != 0 {
			t.Errorf("%s: staging was asked %d times, the public authority %d times", typo, asked(t, staging.name, typo), asked(t, public, typo))
		}
		if r := p.report(); r.Live != live {
			t.Errorf("release %s is live, not %s", r.Live, live)
		}
		p.write("stackctl.yaml", before)
		p.edit("stackctl.yaml", "\nroutes:\n", "\nroutes:\n  - {host: "+fresh+", service: pages, port: 8080}\n")
		staging.knows(t, fresh)
		during(how+", a new name", func() { p.must(0, "deploy", "--target", "sandbox") })
		if !chains(t, publicRoots, fresh) || asked(t, staging.name, fresh) == 0 {
			t.Errorf("%s: no public certificate, or staging was not asked", fresh)
		}
		if counted := onDroplet(t, "cat /srv/pages/acme-orders.json"); strings.Contains(counted, typo) || !strings.Contains(counted, fresh) {
			t.Errorf("the orders on the server are %s", counted)
		}
		if left := onDroplet(t, "docker ps -aq --filter name=trial; ls /srv/pages/edge/dynamic; find /srv/pages/releases -name rehearsal; grep -rls rehearsal /srv/stackctl-ingress || true"); left != "routes.yml\n" {
			t.Errorf("a rehearsal leaves\n%s", left)
		}
	}
	during("to staging and back", func() {
		policy(atStaging)
		p.must(0, "deploy", "--target", "sandbox")
		if got := serial(on(t).Address, "pages.localhost"); got != staged || got == "" {
			t.Errorf("staging again serves %s, not %s", got, staged)
		}
		policy(atPublic)
		p.must(0, "deploy", "--target", "sandbox")
	})
}
