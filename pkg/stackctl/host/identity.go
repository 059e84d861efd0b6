package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/stack"
)

// identities are the keys that a login tries, in ssh's order: those that the
// settings name and the agent holds, the agent's others, and those of the
// settings that the agent does not hold. A key's certificate comes before it.
type identities struct {
	signers []ssh.Signer
	agent   *agentKeys
	// unknown is a locked key of which nothing tells the public half.
	unknown string

	lock  sync.Mutex
	used  ssh.PublicKey
	pause func() (resume func())
}

// during sets what is called around each signature: the operator may have to
// touch a key or type a passphrase.
func (i *identities) during(pause func() (resume func())) {
	if i == nil {
		return
	}
	i.lock.Lock()
	i.pause = pause
	i.lock.Unlock()
}

// close ends the talk with the agent.
func (i *identities) close() { i.agent.close() }

// names say which keys are tried, for an error.
func (i *identities) names(o Options) string {
	switch {
	case o.Key != "":
		return "the key of " + o.Key
	case len(i.agent.signers) > 0 && len(i.signers) == len(i.agent.signers):
		return fmt.Sprintf("the %d keys of the SSH agent", len(i.signers))
	}
	return fmt.Sprintf("the %d keys of the SSH agent and of ~/.ssh", len(i.signers))
}

// identify finds the keys to log in with. close must be called when the login
// has ended.
func identify(o Options) (*identities, error) {
	files, err := o.keyFiles()
	if err != nil {
		return nil, err
	}
	i := &identities{agent: openAgent(o)}
	var last []ssh.Signer
	for _, k := range files {
		if s := i.agent.find(k.public); s != nil {
			i.add(o, k, s)
			continue
		}
		late := &identities{agent: i.agent}
		switch {
		case k.signer != nil:
			late.add(o, k, k.signer)
		case k.locked != nil && k.public != nil && o.ring != nil:
			late.add(o, k, &lockedSigner{k, o.ring})
		case k.public == nil:
			i.unknown = k.name
		}
		last = append(last, late.signers...)
	}
	if !o.KeysOnly && o.Key == "" || i.unknown != "" {
		i.signers = append(i.signers, i.agent.others(i.signers)...)
	}
	i.signers = append(i.signers, last...)
	if len(i.signers) == 0 {
		defer i.close()
		return nil, i.none(o, files)
	}
	return i, nil
}

// add appends a key, its certificates first.
func (i *identities) add(o Options, k keyFile, signer ssh.Signer) {
	certs := []*ssh.Certificate{k.cert}
	for _, name := range o.Certificates {
		certs = append(certs, readCertificate(name))
	}
	for _, c := range certs {
		if c == nil {
			continue
		}
		if s, err := ssh.NewCertSigner(c, signer); err == nil {
			i.signers = append(i.signers, s)
		}
	}
	i.signers = append(i.signers, signer)
}

// none explains that there is no key to try.
func (i *identities) none(o Options, files []keyFile) error {
	if o.Key == "" {
		err := i.agent.failure
		if err == nil {
			err = errors.New("the SSH agent holds no key")
		}
		return stack.Fault(stack.CauseUsage, "log in as "+o.String(), fmt.Errorf("there is no key to log in with: %w", err),
			"set the target's key in stackctl.yaml to a private key file, or start an agent and add a key with `ssh-add`")
	}
	k, what := files[0], "use SSH key "+o.Key
	switch {
	case k.half && i.agent.failure != nil:
		return stack.Fault(stack.CauseUsage, what, fmt.Errorf("it is a public key, which names a key of the SSH agent: %w", i.agent.failure), "start the agent, or name the private key, the file without .pub")
	case k.half:
		return stack.Fault(stack.CauseUsage, what, errors.New("it is a public key, and the SSH agent does not hold its private one"), "`ssh-add` the private key, or name that one, the file without .pub")
	case k.locked == nil && k.public != nil:
		return stack.Fault(stack.CauseUsage, what, errors.New("it is on a hardware key, which only the SSH agent can use"), fmt.Sprintf("add it to the SSH agent with `ssh-add %s`", o.Key))
	}
	return stack.Fault(stack.CauseUsage, what, errors.New("it is protected by a passphrase, and the SSH agent does not hold it"),
		fmt.Sprintf("add it to the SSH agent with `ssh-add %s`, or run stackctl on a terminal to be asked for the passphrase", o.Key))
}

// keyFiles reads the identity files. One that the settings name must be there
// and be a key; of the usual ones those count that are.
func (o Options) keyFiles() ([]keyFile, error) {
	if o.Key != "" {
		k, err := readKey(o.Key)
		if err == nil && k.locked != nil && k.public == nil && o.ring != nil && len(agentSigners(o)) == 0 {
			if k.signer, err = o.ring.unlock(k); err == nil {
				k.public = k.signer.PublicKey()
			}
		}
		return []keyFile{k}, keyFault(o.Key, err)
	}
	var files []keyFile
	for _, name := range o.Keys {
		k, err := readKey(name)
		var open *openKeyError
		switch {
		case errors.As(err, &open) && o.KeysOnly:
			return nil, keyFault(name, err)
		case err == nil:
			files = append(files, k)
		}
	}
	return files, nil
}

// keyFault explains why a key file cannot be used.
func keyFault(name string, err error) error {
	what := "read SSH key " + name
	var open *openKeyError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &open):
		return stack.Fault(stack.CauseUsage, what, err, "`chmod 600 "+name+"` closes it, as OpenSSH demands too; make another if others may have read it")
	case errors.Is(err, errNoKey):
		return stack.Fault(stack.CauseUsage, what, err, "make one with `ssh-keygen -t ed25519`")
	}
	return stack.Fault(stack.CauseUsage, what, err,
		"set the target's key in stackctl.yaml to a private key file that you can read, or leave it out to use the SSH agent")
}

// PublicKey is the public half of the key that o logs in with first, as a line
// of authorized_keys.
func PublicKey(o Options) (string, error) {
	i, err := identify(o)
	if err != nil {
		return "", err
	}
	defer i.close()
	return authorizedLine(i.signers[0].PublicKey()), nil
}

// authorizedLine is a key as authorized_keys has it; of a certificate the key
// that it certifies.
func authorizedLine(key ssh.PublicKey) string {
	if cert, is := key.(*ssh.Certificate); is {
		key = cert.Key
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// auth offers the keys to a server, and notes the one that it took.
func (i *identities) auth() []ssh.AuthMethod {
	signers := make([]ssh.Signer, len(i.signers))
	for n, s := range i.signers {
		signers[n] = noted{s, i}
	}
	return []ssh.AuthMethod{ssh.PublicKeys(signers...)}
}

// noted is a key that says when it signs: only what a server accepts is signed.
type noted struct {
	ssh.Signer
	of *identities
}

func (n noted) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	n.of.lock.Lock()
	n.of.used = n.PublicKey()
	resume := n.of.pause()
	n.of.lock.Unlock()
	defer resume()
	return signWith(n.Signer, rand, data, algorithm)
}

// signed is the key that signed last; nil: none was accepted.
func (i *identities) signed() ssh.PublicKey {
	i.lock.Lock()
	defer i.lock.Unlock()
	return i.used
}

// same reports whether two public keys are one, whatever certifies them.
func same(a, b ssh.PublicKey) bool {
	return a != nil && b != nil && bytes.Equal(a.Marshal(), b.Marshal())
}

// rootCause drops the operation and path that a file error repeats.
func rootCause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
