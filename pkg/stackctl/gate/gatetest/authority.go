package gatetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// Authority is a certificate authority of a test: a root and an intermediate.
type Authority struct {
	Cert *x509.Certificate
	key  *ecdsa.PrivateKey
	mid  *x509.Certificate
	sign *ecdsa.PrivateKey
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func makeCert(t testing.TB, template, parent *x509.Certificate, public, signer any) *x509.Certificate {
	t.Helper()
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// NewAuthority makes a certificate authority with a root of the name.
func NewAuthority(t testing.TB, name string) *Authority {
	t.Helper()
	a := &Authority{key: newKey(t), sign: newKey(t)}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.Cert = makeCert(t, ca, ca, &a.key.PublicKey, a.key)
	mid := *ca
	mid.SerialNumber, mid.Subject = big.NewInt(2), pkix.Name{CommonName: name + " Intermediate"}
	a.mid = makeCert(t, &mid, a.Cert, &a.sign.PublicKey, a.key)
	return a
}

// LeafOptions say how a leaf differs from a good one.
type LeafOptions struct {
	Names      []string
	From, To   time.Time
	Weak, Self bool
	Bare       bool // without the intermediate
	Issuer     string
}

type leafPair struct{ tls.Certificate }

func (p leafPair) Pem() []byte {
	var out []byte
	for _, raw := range p.Certificate.Certificate {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})...)
	}
	return out
}

// Leaf makes a certificate below the root.
func (a *Authority) Leaf(t testing.TB, o LeafOptions) leafPair {
	t.Helper()
	if o.From.IsZero() {
		o.From, o.To = time.Now().Add(-time.Minute), time.Now().Add(30*time.Minute)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(3), DNSNames: o.Names, NotBefore: o.From, NotAfter: o.To,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature}
	var key any
	var public any
	if o.Weak {
		k, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // the weak key is what a gate must see
		if err != nil {
			t.Fatal(err)
		}
		key, public = k, &k.PublicKey
	} else {
		k := newKey(t)
		key, public = k, &k.PublicKey
	}
	var c *x509.Certificate
	chain := [][]byte{}
	if o.Self {
		template.Subject = pkix.Name{CommonName: o.Issuer}
		c = makeCert(t, template, template, public, key)
		chain = append(chain, c.Raw)
	} else {
		c = makeCert(t, template, a.mid, public, a.sign)
		chain = append(chain, c.Raw)
		if !o.Bare {
			chain = append(chain, a.mid.Raw)
		}
	}
	return leafPair{tls.Certificate{Certificate: chain, PrivateKey: key}}
}
