package host

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
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

// UnknownHostError says that known_hosts has no key of the host.
type UnknownHostError struct {
	Address string
	Key     HostKey
}

func (e *UnknownHostError) Error() string {
	return fmt.Sprintf("host key unknown: %s shows %s %s", e.Address, e.Key.Type, e.Key.Fingerprint)
}

// ChangedHostKeyError says that known_hosts has another key of the host.
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

// knownHosts is a known_hosts file.
type knownHosts struct {
	file     string
	content  []byte
	callback ssh.HostKeyCallback
}

// knownHostsFile is the file that is meant: the named one or the user's.
func knownHostsFile(file string) string {
	if file != "" {
		return file
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(".ssh", "known_hosts")
	}
	return filepath.Join(home, ".ssh", "known_hosts")
}

// readKnownHosts reads the file; one that is not there trusts nobody.
func readKnownHosts(file string) (*knownHosts, error) {
	k := &knownHosts{file: knownHostsFile(file)}
	content, err := given.Read(k.file, given.Most)
	if errors.Is(err, os.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return nil, stack.Fault(stack.CauseUsage, "read known hosts "+k.file, rootCause(err),
			"make it a file that you can read, or name another one as the target's known_hosts")
	}
	k.content = content
	if k.callback, err = knownhosts.New(k.file); err != nil {
		return nil, stack.Fault(stack.CauseUsage, "read known hosts "+k.file, rootCause(err),
			"repair or remove the line, or name another file as the target's known_hosts")
	}
	return k, nil
}

// check is the host key callback.
func (k *knownHosts) check(address string, remote net.Addr, key ssh.PublicKey) error {
	if k.callback == nil {
		return &UnknownHostError{Address: address, Key: newHostKey(key)}
	}
	err := k.callback(address, remote, key)
	var mismatch *knownhosts.KeyError
	if !errors.As(err, &mismatch) {
		return err
	}
	if len(mismatch.Want) == 0 {
		return &UnknownHostError{Address: address, Key: newHostKey(key)}
	}
	changed := &ChangedHostKeyError{Address: address, Key: newHostKey(key)}
	for _, w := range mismatch.Want {
		changed.Known = append(changed.Known, KnownKey{HostKey: newHostKey(w.Key), File: w.Filename, Line: w.Line})
	}
	return changed
}

// lines are the keys that the file has for an address. The library lists them
// only when it refuses, so it is shown a key that nobody has.
func (k *knownHosts) lines(address string) []knownhosts.KnownKey {
	if k.callback == nil {
		return nil
	}
	nobody, err := ssh.NewPublicKey(ed25519.PublicKey(make([]byte, ed25519.PublicKeySize)))
	if err != nil {
		return nil
	}
	var mismatch *knownhosts.KeyError
	if errors.As(k.callback(address, &net.TCPAddr{IP: net.IPv4zero}, nobody), &mismatch) {
		return mismatch.Want
	}
	return nil
}

// algorithms are the host key algorithms to ask for: first those that the file
// has keys for, so that a host with several keys shows the known one.
func (k *knownHosts) algorithms(address string) []string {
	var first []string
	for _, l := range k.lines(address) {
		switch {
		case k.authority(l.Line):
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

// authority says that a line of the file trusts a certificate authority.
func (k *knownHosts) authority(line int) bool {
	lines := bytes.Split(k.content, []byte("\n"))
	return line > 0 && line <= len(lines) && bytes.HasPrefix(bytes.TrimSpace(lines[line-1]), []byte("@cert-authority"))
}

// errSeen ends a handshake that was made only to see the host's key.
var errSeen = errors.New("seen")

// Scan asks a server for its host keys, the preferred type first. Nobody has
// vouched for them: compare a fingerprint before trusting one.
func Scan(ctx context.Context, address string, port int) ([]HostKey, error) {
	kinds := [][]string{preferred[:1], preferred[1:4], preferred[4:]}
	keys, faults := make([]*HostKey, len(kinds)), make([]error, len(kinds))
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout,
		fmt.Errorf("no answer within %s", connectTimeout))
	defer cancel()
	var wait sync.WaitGroup
	for i, algorithms := range kinds {
		wait.Go(func() {
			h := handshake{
				options: Options{Address: address, Port: port},
				check: func(_ string, _ net.Addr, key ssh.PublicKey) error {
					k := newHostKey(key)
					keys[i] = &k
					return errSeen
				},
			}
			_, _, faults[i] = h.run(ctx, &ssh.ClientConfig{
				HostKeyCallback: h.hostKey, HostKeyAlgorithms: algorithms, ClientVersion: "SSH-2.0-stackctl",
			})
		})
	}
	wait.Wait()
	var found []HostKey
	for _, k := range keys {
		if k != nil {
			found = append(found, *k)
		}
	}
	if len(found) == 0 {
		return nil, faults[0]
	}
	return found, nil
}

// Trust adds a key to known_hosts, after somebody has confirmed its
// fingerprint. It refuses where the file has another key of that type: an old
// key must be removed, not joined.
func Trust(file, address string, port int, key HostKey) error {
	file = knownHostsFile(file)
	what := "trust " + key.Fingerprint + " in " + file
	known, err := readKnownHosts(file)
	if err != nil {
		return err
	}
	at := Options{Address: address, Port: port}.dialAddress()
	for _, l := range known.lines(at) {
		if bytes.Equal(l.Key.Marshal(), key.key.Marshal()) {
			return nil
		}
		if l.Key.Type() == key.Type {
			return stack.Fault(stack.CauseUsage, what,
				fmt.Errorf("line %d has another key of %s: %s", l.Line, address, ssh.FingerprintSHA256(l.Key)),
				fmt.Sprintf("if the server was reinstalled, remove it with `ssh-keygen -R '%s' -f %s`", knownName(address, port), file))
		}
	}
	line := knownhosts.Line([]string{at}, key.key) + "\n"
	if n := len(known.content); n > 0 && known.content[n-1] != '\n' {
		line = "\n" + line
	}
	if err := appendFile(file, line); err != nil {
		return stack.Fault(stack.CauseUsage, what, rootCause(err), "make the file writable, or name another as the target's known_hosts")
	}
	return nil
}

func appendFile(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// knownName is the host as known_hosts spells it.
func knownName(address string, port int) string {
	if port == 0 {
		port = 22
	}
	return knownhosts.Normalize(net.JoinHostPort(address, strconv.Itoa(port)))
}
