package host

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/given"
)

// keyFile is what an identity file holds.
type keyFile struct {
	name string
	// signer is the private key; nil: it is locked, on a hardware key, or the
	// file holds the public half alone.
	signer ssh.Signer
	// public is the public half; nil: nothing tells it.
	public ssh.PublicKey
	// cert is the certificate that lies beside the key, where one does.
	cert *ssh.Certificate
	// locked is a private key that a passphrase opens.
	locked []byte
	// half reports whether the file holds the public half alone.
	half bool
}

// errNoKey means that a file holds no key.
var errNoKey = errors.New("it is not a private key that can be read")

// readKey reads an identity file: a private key, or the public half of one that
// the agent holds.
func readKey(name string) (keyFile, error) {
	k := keyFile{name: name}
	content, err := given.Read(name, given.Most)
	if err != nil {
		return k, rootCause(err)
	}
	k.cert = readCertificate(name + "-cert.pub")
	if public, _, _, _, err := ssh.ParseAuthorizedKey(content); err == nil {
		k.half, k.public = true, public
		if cert, is := public.(*ssh.Certificate); is {
			k.public, k.cert = cert.Key, cert
		}
		return k, nil
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return k, errNoKey
	}
	if err := private(name); err != nil {
		return k, err
	}
	signer, err := ssh.ParsePrivateKey(content)
	if err == nil {
		k.signer, k.public = signer, signer.PublicKey()
		return k, nil
	}
	k.public = publicHalf(name, block)
	locked := new(ssh.PassphraseMissingError)
	switch {
	case errors.As(err, &locked), block.Type == pkcs8:
		k.locked = content
	case k.public != nil: // on a hardware key
	default:
		return k, fmt.Errorf("%w: %w", errNoKey, err)
	}
	return k, nil
}

// pkcs8 is the kind of block that PKCS #8 locks with a passphrase.
const pkcs8 = "ENCRYPTED PRIVATE KEY"

// publicHalf finds the public half of a key that cannot be read: in the key
// itself, else in the file beside it.
func publicHalf(name string, block *pem.Block) ssh.PublicKey {
	const magic = "openssh-key-v1\x00"
	if rest, found := bytes.CutPrefix(block.Bytes, []byte(magic)); found && block.Type == "OPENSSH PRIVATE KEY" {
		var head struct {
			Cipher, KDF, Options string
			Keys                 uint32
			Public               []byte
			Rest                 []byte `ssh:"rest"`
		}
		if ssh.Unmarshal(rest, &head) == nil {
			if key, err := ssh.ParsePublicKey(head.Public); err == nil {
				return key
			}
		}
	}
	content, err := given.Read(name+".pub", given.Most)
	if err != nil {
		return nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(content)
	if err != nil {
		return nil
	}
	return key
}

// readCertificate reads a certificate; nil: the file holds none.
func readCertificate(name string) *ssh.Certificate {
	content, err := given.Read(name, given.Most)
	if err != nil {
		return nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(content)
	if err != nil {
		return nil
	}
	cert, _ := key.(*ssh.Certificate)
	return cert
}

// private refuses a key file that others than its owner may read or write.
// Windows says nothing of that in a file's mode.
func private(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return rootCause(err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return &openKeyError{mode}
	}
	return nil
}

// openKeyError means that others may read a private key.
type openKeyError struct{ mode os.FileMode }

func (e *openKeyError) Error() string { return fmt.Sprintf("it is open to others (mode %04o)", e.mode) }

// tries is how often a passphrase may be mistyped, as with ssh.
const tries = 3

// unlock asks for the key's passphrase.
func (k keyFile) unlock(ask func(prompt string) ([]byte, error)) (ssh.Signer, error) {
	if block, _ := pem.Decode(k.locked); block != nil && block.Type == pkcs8 {
		return nil, fmt.Errorf("%s is locked in the format PKCS #8, which only the SSH agent opens: add it with `ssh-add %s`", k.name, k.name)
	}
	for range tries {
		phrase, err := ask("Passphrase for key " + k.name + ": ")
		if err != nil {
			return nil, err
		}
		signer, err := ssh.ParsePrivateKeyWithPassphrase(k.locked, phrase)
		if err == nil || !errors.Is(err, x509.IncorrectPasswordError) {
			return signer, err
		}
	}
	return nil, fmt.Errorf("the passphrase of %s was wrong %d times", k.name, tries)
}

// lockedSigner asks for the passphrase when the server accepts the key, and not
// before.
type lockedSigner struct {
	keyFile
	ring *keyring
}

func (l *lockedSigner) PublicKey() ssh.PublicKey { return l.public }

func (l *lockedSigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return l.SignWithAlgorithm(rand, data, "")
}

func (l *lockedSigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	signer, err := l.ring.unlock(l.keyFile)
	if err != nil {
		return nil, err
	}
	return signWith(signer, rand, data, algorithm)
}

// signWith signs with an algorithm, where the signer knows several.
func signWith(signer ssh.Signer, rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	if s, is := signer.(ssh.AlgorithmSigner); is && algorithm != "" {
		return s.SignWithAlgorithm(rand, data, algorithm)
	}
	return signer.Sign(rand, data)
}
