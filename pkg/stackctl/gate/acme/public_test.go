package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/stack"
)

func TestThePolicySaysWhichDirectoriesATargetMayName(t *testing.T) {
	const own, production = "https://ca.example.net/directory", "https://acme-v02.api.letsencrypt.org/directory"
	for name, c := range map[string]struct {
		acme stack.ACME
		want string // "": no finding
	}{
		"staging":                          {stack.ACME{Policy: stack.ACMEStaging, Directory: stagingURL}, ""},
		"production without the policy":    {stack.ACME{Policy: stack.ACMEStaging, Directory: production}, "browsers trust"},
		"production, and no policy at all": {stack.ACME{Directory: production}, "browsers trust"},
		"public":                           {stack.ACME{Policy: stack.ACMEPublic, Directory: production}, ""},
		"public, another authority":        {stack.ACME{Policy: stack.ACMEPublic, Directory: "https://acme.zerossl.com/v2/DV90"}, ""},
		"public at staging":                {stack.ACME{Policy: stack.ACMEPublic, Directory: stagingURL}, "is Let's Encrypt's staging"},
		"public at nobody's":               {stack.ACME{Policy: stack.ACMEPublic, Directory: own}, "neither"},
		"public, rehearsed at production":  {stack.ACME{Policy: stack.ACMEPublic, Directory: own, Roots: "r.pem", Rehearsal: stack.Rehearsal{Directory: production}}, "which browsers trust"},
		"public at one with roots":         {stack.ACME{Policy: stack.ACMEPublic, Directory: own, Roots: "roots.pem"}, ""},
	} {
		j := &judge{s: gate.Subject{Target: stack.Target{Name: "prod", ACME: c.acme}}}
		j.targets()
		switch {
		case c.want == "" && len(j.out) > 0:
			t.Errorf("%s: %+v", name, j.out)
		case c.want != "" && (len(j.out) != 1 || !strings.Contains(j.out[0].Problem, c.want)):
			t.Errorf("%s: %+v", name, j.out)
		}
	}
}

// By the public policy a certificate that browsers trust is good, and what was
// stored by the policy of yesterday does not count.
func TestThePublicPolicyWantsCertificatesThatBrowsersTrust(t *testing.T) {
	a, staging := gatetest.NewAuthority(t, "Public Root"), gatetest.NewAuthority(t, "(STAGING) Pretend Pear X1")
	const production = "https://acme-v02.api.letsencrypt.org/directory"
	stored := map[string]string{"/acme/acme.json": `{"le-staging":{"Account":{"Registration":{"uri":"https://acme-staging-v02.api.letsencrypt.org/acme/acct/7"}}}}`,
		"/acme/" + stack.PublicStore: `{"le-staging":{"Account":{"Registration":{"uri":"https://acme-v02.api.letsencrypt.org/acme/acct/7"}}}}`}
	look := func(by *gatetest.Authority, policy, directory string) stack.GateResult {
		pair := by.Leaf(t, gatetest.LeafOptions{Names: gatetest.RepoHosts})
		s := serve(t, a, tls.VersionTLS12, func(string) *tls.Certificate { return &pair.Certificate })
		s.Target.ACME.Policy, s.Target.ACME.Directory = policy, directory
		s.Server = gatetest.EdgeServer(s, stored)
		return gatetest.Run(context.Background(), servedWithin(200*time.Millisecond, 50*time.Millisecond), s)
	}
	if r := look(a, stack.ACMEPublic, production); r.Status != stack.Passed {
		t.Errorf("public: %s %s %+v", r.Status, r.Reason, r.Findings)
	}
	if r := look(a, stack.ACMEStaging, stagingURL); r.Status != stack.Passed {
		t.Errorf("staging again, public ones stored beside: %s %s %+v", r.Status, r.Reason, r.Findings)
	}
	gatetest.WantFinding(t, look(staging, stack.ACMEPublic, production), "certificate example.org", "no browser trusts")
	gatetest.WantFinding(t, look(staging, stack.ACMEPublic, production), "certificate example.org", "does not lead")
}

func TestARootThatBrowsersTrustIsNoFaultByThePublicPolicy(t *testing.T) {
	a := gatetest.NewAuthority(t, "Trusted Root")
	pair := a.Leaf(t, gatetest.LeafOptions{Names: gatetest.RepoHosts})
	chain, err := pemCertificates(pair.Pem())
	if err != nil {
		t.Fatal(err)
	}
	roots, err := loadRoots(stack.ACME{Policy: stack.ACMEPublic})
	if err != nil {
		t.Fatal(err)
	}
	roots.allowPool.AddCert(a.Cert)
	roots.prodPool.AddCert(a.Cert)
	c := &servedCertificate{Host: "example.org", chain: chain}
	if c.judge(roots, time.Now(), 0); len(c.findings) > 0 {
		t.Errorf("%+v", c.findings)
	}
}

func TestAPublicCertificateMustNotComeNearItsEnd(t *testing.T) {
	now := time.Now()
	const day = 24 * time.Hour
	for _, c := range []struct {
		lifetime, left time.Duration
		public, staged bool // findings
	}{
		{90 * day, 30 * day, false, false},
		{90 * day, 28 * day, true, false},
		{90 * day, 8 * day, true, true},
		{64 * day, 21 * day, false, false},
		{45 * day, 13 * day, true, false},
		{6 * day, 2 * day, false, false},
		{6 * day, 23 * time.Hour, true, false},
		{6 * day, 14 * time.Hour, true, true},
	} {
		leaf := &x509.Certificate{NotBefore: now.Add(c.left - c.lifetime), NotAfter: now.Add(c.left)}
		for public, want := range map[bool]bool{true: c.public, false: c.staged} {
			if got := c.left < leastLeft(leaf, public); got != want {
				t.Errorf("%s left of %s, public %v: %v", c.left, c.lifetime, public, got)
			}
		}
	}
}

func TestTheStandingOfAHostIsWhatItServes(t *testing.T) {
	a, other := gatetest.NewAuthority(t, "Public Root"), gatetest.NewAuthority(t, "Other Root")
	for name, c := range map[string]struct {
		by   *gatetest.Authority
		host string
		want Standing
	}{
		"trusted":       {a, "example.org", Trusted},
		"another name":  {a, "example.com", Uncertified},
		"nobody's root": {other, "example.org", Uncertified},
	} {
		pair := c.by.Leaf(t, gatetest.LeafOptions{Names: gatetest.RepoHosts})
		s := serve(t, a, tls.VersionTLS12, func(string) *tls.Certificate { return &pair.Certificate })
		if got, err := StandingOf(context.Background(), s, c.host, time.Now()); err != nil || got != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
