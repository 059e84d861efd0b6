package acme

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
)

// Let's Encrypt's published roots (letsencrypt.org/certs). Staging ones are
// what certificates must chain to; production ones are what they must not.
// Root YE and YR of production stand in their cross-signed form, which has the
// same name and key.
var (
	//go:embed roots/staging.pem
	stagingRootsPEM []byte
	//go:embed roots/production.pem
	productionRootsPEM []byte
)

// stagingPrefix begins the issuer's common name of every staging certificate.
const stagingPrefix = "(STAGING) "

// roots are the two views of a chain.
type roots struct {
	allowed    []*x509.Certificate
	allowPool  *x509.CertPool
	prodPool   *x509.CertPool
	systemPool *x509.CertPool // nil where the machine has none
	// staging reports whether the allowed roots are Let's Encrypt's own, so that
	// issuer names are judged as well.
	staging bool
	// public reports whether browsers are to trust what is served.
	public bool
}

// loadRoots reads the target's roots. Without a file they are Let's Encrypt's
// staging roots, or by the public policy those of this machine and Let's Encrypt.
func loadRoots(a stack.ACME) (*roots, error) {
	file := a.Roots
	r := &roots{staging: file == "" && !a.Public(), public: a.Public(), allowPool: x509.NewCertPool(), prodPool: x509.NewCertPool()}
	raw := stagingRootsPEM
	if r.public {
		raw = productionRootsPEM
	}
	if r.systemPool, _ = x509.SystemCertPool(); r.public && file == "" && r.systemPool != nil {
		r.allowPool = r.systemPool.Clone()
	}
	if file != "" {
		var err error
		if raw, err = given.Read(file, given.Most); err != nil {
			return nil, fmt.Errorf("read the target's ACME roots: %w", err)
		}
	}
	var err error
	if r.allowed, err = pemCertificates(raw); err != nil {
		return nil, fmt.Errorf("the target's ACME roots %s: %w", cmp.Or(file, "(built in)"), err)
	}
	for _, c := range r.allowed {
		r.allowPool.AddCert(c)
	}
	production, err := pemCertificates(productionRootsPEM)
	if err != nil {
		return nil, err
	}
	for _, c := range production {
		r.prodPool.AddCert(c)
	}
	return r, nil
}

// verify checks a served chain, with the intermediates that were sent and no
// others, against the allowed roots.
func (r *roots) verify(chain []*x509.Certificate, host string, at time.Time) ([][]*x509.Certificate, error) {
	return chain[0].Verify(x509.VerifyOptions{DNSName: host, Roots: r.allowPool, Intermediates: intermediates(chain), CurrentTime: at})
}

// production names the production root that a chain leads to, or "". A root
// that the target itself allows is none, also where this machine trusts it.
func (r *roots) production(chain []*x509.Certificate, at time.Time) string {
	for _, pool := range []*x509.CertPool{r.prodPool, r.systemPool} {
		if pool == nil {
			continue
		}
		chains, err := chain[0].Verify(x509.VerifyOptions{Roots: pool, Intermediates: intermediates(chain), CurrentTime: at})
		if err != nil {
			continue
		}
		for _, c := range chains {
			root := c[len(c)-1]
			if !slices.ContainsFunc(r.allowed, func(a *x509.Certificate) bool {
				return bytes.Equal(a.RawSubjectPublicKeyInfo, root.RawSubjectPublicKeyInfo)
			}) {
				return cmp.Or(root.Subject.CommonName, root.Subject.String())
			}
		}
	}
	return ""
}

func intermediates(chain []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range chain[1:] {
		pool.AddCert(c)
	}
	return pool
}

// selfMade reports whether a certificate is its own issuer, as Traefik's default is.
func selfMade(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// isTraefikDefault reports whether the edge has no certificate yet.
func isTraefikDefault(c *x509.Certificate) bool {
	return selfMade(c) && strings.Contains(c.Subject.CommonName, "TRAEFIK DEFAULT CERT")
}

// weakKey returns what is too weak about a certificate, or "".
func weakKey(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < 2048 {
			return fmt.Sprintf("RSA key of %d bits", k.N.BitLen())
		}
	case *ecdsa.PublicKey:
		if k.Curve.Params().BitSize < 256 {
			return fmt.Sprintf("EC key of %d bits", k.Curve.Params().BitSize)
		}
	case ed25519.PublicKey:
	default:
		return "a key of an unusual kind"
	}
	switch c.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1, x509.DSAWithSHA256:
		return "signature " + c.SignatureAlgorithm.String()
	}
	return ""
}
