package host

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/openssh"
)

// HostKey is a key that a server showed.
type HostKey struct {
	Type        string // ssh-ed25519, …
	Fingerprint string // SHA256:…
	key         ssh.PublicKey
}

func newHostKey(key ssh.PublicKey) HostKey {
	return HostKey{Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key), key: key}
}

// UnknownHostError means that known_hosts has no key of the host.
type UnknownHostError struct {
	Address string
	Key     HostKey
}

func (e *UnknownHostError) Error() string {
	return fmt.Sprintf("host key unknown: %s shows %s %s", e.Address, e.Key.Type, e.Key.Fingerprint)
}

// ChangedHostKeyError means that known_hosts has another key of the host.
type ChangedHostKeyError struct {
	Address string
	Key     HostKey
	// Known are the keys that were expected, each with its file and line.
	Known []KnownKey
}

// KnownKey is one line of known_hosts.
type KnownKey struct {
	HostKey
	File string
	Line int
}

func (e *ChangedHostKeyError) Error() string {
	known := make([]string, len(e.Known))
	for i, k := range e.Known {
		known[i] = fmt.Sprintf("%s %s (%s:%d)", k.Type, k.Fingerprint, k.File, k.Line)
	}
	return fmt.Sprintf("HOST KEY CHANGED: %s shows %s %s, but known is %s",
		e.Address, e.Key.Type, e.Key.Fingerprint, strings.Join(known, ", "))
}

// RevokedHostKeyError means that known_hosts revokes the key that the host has.
type RevokedHostKeyError struct {
	Address string
	Key     KnownKey
}

func (e *RevokedHostKeyError) Error() string {
	return fmt.Sprintf("HOST KEY REVOKED: %s shows %s %s, which %s:%d revokes", e.Address, e.Key.Type, e.Key.Fingerprint, e.Key.File, e.Key.Line)
}

// preferred are host key algorithms in the order in which a new host is asked
// for them: the key that people compare first.
var preferred = []string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
	ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
}

// certified are the algorithms of host certificates; they are asked for only
// where known_hosts trusts an authority.
var certified = []string{
	ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
	ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
}

// trusted are the keys that known_hosts has of one host.
type trusted struct {
	name string
	port int
	all  *openssh.KnownHosts
	// lines are the host's; guessed says that they name no port, while the host
	// is at another one than 22.
	lines   []openssh.KnownLine
	guessed bool
}

// trustedBy reads the known_hosts files of a login.
func trustedBy(o Options) (*trusted, error) {
	all, err := openssh.ReadKnownHosts(o.knownHosts()...)
	if err != nil {
		return nil, err
	}
	t := &trusted{name: o.Address, port: o.port(), all: all}
	if o.HostKeyAlias != "" {
		t.name, t.port = o.HostKeyAlias, 0
	}
	t.lines, t.guessed = all.Lookup(t.name, t.port)
	return t, nil
}

// check is the host key callback.
func (t *trusted) check(address string, _ net.Addr, key ssh.PublicKey) error {
	shown := key
	if cert, is := key.(*ssh.Certificate); is {
		if err := t.revoked(address, cert.SignatureKey); err != nil {
			return err
		}
		shown = cert.Key
	}
	if err := t.revoked(address, shown); err != nil {
		return err
	}
	if cert, is := key.(*ssh.Certificate); is {
		if err := openssh.CheckCertificate(t.name, cert, t.lines); err == nil {
			return nil
		} else if plain := t.plain(address, shown); plain != nil {
			return fmt.Errorf("%w; its certificate does not help: %w", plain, err)
		}
		return nil
	}
	return t.plain(address, shown)
}

func (t *trusted) revoked(address string, key ssh.PublicKey) error {
	if l, is := t.all.Revoked(t.name, t.port, key); is {
		return &RevokedHostKeyError{address, KnownKey{newHostKey(key), l.File, l.Line}}
	}
	return nil
}

// plain judges a key without a certificate.
func (t *trusted) plain(address string, key ssh.PublicKey) error {
	changed := &ChangedHostKeyError{Address: address, Key: newHostKey(key)}
	for _, l := range t.lines {
		switch {
		case l.Authority:
		case bytes.Equal(l.Key.Marshal(), key.Marshal()):
			return nil
		default:
			changed.Known = append(changed.Known, KnownKey{newHostKey(l.Key), l.File, l.Line})
		}
	}
	if len(changed.Known) == 0 || t.guessed {
		return &UnknownHostError{Address: address, Key: newHostKey(key)}
	}
	return changed
}

// algorithms are the host key algorithms to ask for: first those that the files
// have keys for, so that a host with several keys shows the known one.
func (t *trusted) algorithms() []string {
	var first []string
	for _, l := range t.lines {
		switch {
		case l.Authority:
			first = append(first, certified...)
		case l.Key.Type() == ssh.KeyAlgoRSA:
			first = append(first, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		default:
			first = append(first, l.Key.Type())
		}
	}
	var all []string
	for _, a := range append(first, preferred...) {
		if !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}
