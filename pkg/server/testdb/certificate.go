package testdb

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Certificate is a self-signed one for a server on loopback.
type Certificate struct {
	// Cert and Key are files that the servers can read, PEM what Cert holds.
	Cert, Key string
	PEM       []byte
}

// NewCertificate makes a certificate for 127.0.0.1.
func NewCertificate(t testing.TB) Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "testdb"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "testdb-cert")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := Certificate{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), PEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
	for name, content := range map[string][]byte{c.Cert: c.PEM, c.Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: sealed})} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := own(dir, c.Cert, c.Key); err != nil {
		t.Fatal(err)
	}
	return c
}

// Secured starts a cluster for one test that speaks TLS with a certificate.
func Secured(t testing.TB, with Certificate) *Cluster {
	t.Helper()
	c, err := Launch(append(careless[:len(careless):len(careless)], "ssl=on", "ssl_cert_file="+with.Cert, "ssl_key_file="+with.Key)...)
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// SecuredRedis starts a redis-server for one test that speaks TLS alone.
func SecuredRedis(t testing.TB, with Certificate) *Redis {
	t.Helper()
	r, err := launchRedis(t.TempDir(), func(port string) []string {
		return []string{"--port", "0", "--tls-port", port, "--tls-cert-file", with.Cert, "--tls-key-file", with.Key, "--tls-auth-clients", "no"}
	})
	if err != nil {
		t.Fatalf("start redis-server (Debian's package redis-server): %v", err)
	}
	t.Cleanup(r.Stop)
	return r
}
