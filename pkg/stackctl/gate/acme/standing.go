package acme

import (
	"context"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
)

// Standing is what the certificate that a host serves tells: which kind of
// authority has reached the host under its name.
type Standing int

// A host's standing.
const (
	Uncertified Standing = iota
	// Rehearsed is a valid certificate of the staging directory, Let's Encrypt's or the
	// target's own.
	Rehearsed
	// Trusted is one that the public policy asks for.
	Trusted
)

// StandingOf asks a target's edge from outside. No answer, or a certificate that
// holds by nobody's roots, is Uncertified.
func StandingOf(ctx context.Context, s gate.Subject, host string, now time.Time) (Standing, error) {
	state, err := shakeHands(ctx, s, host, 0, 0)
	if err != nil {
		return Uncertified, nil //nolint:nilerr // that is the answer
	}
	for _, as := range []struct {
		acme     stack.ACME
		standing Standing
	}{{stack.ACME{Policy: stack.ACMEPublic, Roots: s.Target.ACME.Roots}, Trusted}, {stack.ACME{Roots: s.Target.ACME.Rehearsal.Roots}, Rehearsed}} {
		roots, err := loadRoots(as.acme)
		if err != nil {
			return Uncertified, err
		}
		if _, err := roots.verify(state.PeerCertificates, host, now); err == nil {
			return as.standing, nil
		}
	}
	return Uncertified, nil
}

// IsStaging reports whether a directory is Let's Encrypt's staging.
func IsStaging(directory string) bool { return same(directory, stagingURL) }

// KnownPublic reports whether a directory is one whose certificates browsers are
// known to trust.
func KnownPublic(directory string) bool {
	_, known := public(directory)
	return known
}
