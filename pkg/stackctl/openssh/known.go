package openssh

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // known_hosts hashes names by it
	"encoding/base64"
	"errors"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
)

// KnownHosts are files of trusted host keys, read as ssh reads them: lines that
// are broken, or hold a key of a kind that nobody uses any more, are passed
// over.
type KnownHosts struct{ lines []KnownLine }

// KnownLine is one line of a known_hosts file.
type KnownLine struct {
	File string
	Line int
	Key  ssh.PublicKey
	// Authority marks the key of a certificate authority, Revoked one that must
	// never be accepted.
	Authority, Revoked bool
	hosts              []string
}

// ReadKnownHosts reads files one after another. One that is not there, or that
// the operator may not read, trusts nobody.
func ReadKnownHosts(files ...string) (*KnownHosts, error) {
	k := new(KnownHosts)
	for _, name := range files {
		if name == os.DevNull {
			continue
		}
		raw, err := given.Read(name, given.Most)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
			continue
		case err != nil:
			return nil, stack.Fault(stack.CauseUsage, "read known hosts "+name, errors.New(rootCause(err)),
				"make it a file that you can read, or name another one as the target's known_hosts")
		}
		k.lines = append(k.lines, parseKnown(name, raw)...)
	}
	return k, nil
}

// parseKnown reads the lines of one file that can be read.
func parseKnown(name string, raw []byte) []KnownLine {
	var list []KnownLine
	n := 0
	for line := range bytes.Lines(raw) {
		n++
		marker, hosts, key, _, _, err := ssh.ParseKnownHosts(line)
		if err != nil || marker != "" && marker != "cert-authority" && marker != "revoked" {
			continue
		}
		list = append(list, KnownLine{File: name, Line: n, Key: key, Authority: marker == "cert-authority", Revoked: marker == "revoked", hosts: hosts})
	}
	return list
}

// Lookup returns the lines for a host, without the revoked ones. Where none
// names the port, those without a port count, as with ssh; other is true then,
// and the keys are no sign that the host's key changed.
func (k *KnownHosts) Lookup(name string, port int) (lines []KnownLine, other bool) {
	if lines = k.find(KnownName(name, port)); len(lines) > 0 || port == 0 || port == 22 {
		return lines, false
	}
	return k.find(KnownName(name, 0)), true
}

func (k *KnownHosts) find(name string) []KnownLine {
	var lines []KnownLine
	for _, l := range k.lines {
		if !l.Revoked && l.names(name) {
			lines = append(lines, l)
		}
	}
	return lines
}

// Revoked returns the line that revokes a key for a host.
func (k *KnownHosts) Revoked(name string, port int, key ssh.PublicKey) (KnownLine, bool) {
	for _, l := range k.lines {
		if l.Revoked && (l.names(KnownName(name, port)) || l.names(KnownName(name, 0))) && bytes.Equal(l.Key.Marshal(), key.Marshal()) {
			return l, true
		}
	}
	return KnownLine{}, false
}

// names reports whether the line is about a host.
func (l KnownLine) names(host string) bool {
	if strings.HasPrefix(l.hosts[0], "|1|") {
		return hashed(host, l.hosts[0])
	}
	patterns := make([]string, len(l.hosts))
	for i, p := range l.hosts {
		patterns[i] = strings.ToLower(p)
	}
	return listed(host, patterns)
}

// hashed reports whether |1|salt|sum is the hash of a host's name.
func hashed(host, text string) bool {
	salt, sum, _ := strings.Cut(strings.TrimPrefix(text, "|1|"), "|")
	key, err := base64.StdEncoding.DecodeString(salt)
	want, bad := base64.StdEncoding.DecodeString(sum)
	if err != nil || bad != nil {
		return false
	}
	mac := hmac.New(sha1.New, key)
	mac.Write([]byte(host))
	return hmac.Equal(mac.Sum(nil), want)
}

// KnownName is a host as known_hosts spells it. Port 0 is one that is not named.
func KnownName(name string, port int) string {
	name = strings.ToLower(name)
	if port == 0 || port == 22 {
		return name
	}
	return "[" + name + "]:" + strconv.Itoa(port)
}

// CheckCertificate accepts a host's certificate that one of the lines'
// authorities signed for the name.
func CheckCertificate(name string, cert *ssh.Certificate, lines []KnownLine) error {
	checker := ssh.CertChecker{IsHostAuthority: func(key ssh.PublicKey, _ string) bool {
		for _, l := range lines {
			if l.Authority && bytes.Equal(l.Key.Marshal(), key.Marshal()) {
				return true
			}
		}
		return false
	}}
	return checker.CheckHostKey(net.JoinHostPort(name, "22"), nil, cert)
}
