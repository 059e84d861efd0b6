package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/given"
)

// keyring are the age identities that may open a file.
type keyring struct {
	identities []age.Identity
	// recipients are their public halves, as far as they are known.
	recipients []age.Recipient
	// from are the places where they were found, sought those that were looked at.
	from, sought []string
}

// The variables that keys are taken from. The first two hold keys themselves,
// the others the names of files.
const (
	keyVariable        = "STACKCTL_AGE_KEY"
	passphraseVariable = "STACKCTL_AGE_PASSPHRASE"
	sopsVariable       = "SOPS_AGE_KEY"
	sopsFileVariable   = "SOPS_AGE_KEY_FILE"
)

// opened decrypts what was encrypted with age, armored or not.
func (r *Reader) opened(raw []byte) (value []byte, fix string, err error) {
	keys, fix, err := r.keyring()
	if err != nil {
		return nil, fix, err
	}
	var in io.Reader = bytes.NewReader(raw)
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte(armor.Header)) {
		in = armor.NewReader(in)
	}
	plain, err := age.Decrypt(in, keys.identities...)
	if mismatch := new(age.NoIdentityMatchError); errors.As(err, &mismatch) {
		return nil, "encrypt it anew for a key of " + strings.Join(keys.from, ", ") + ", or name the right one under age.identity",
			fmt.Errorf("it is encrypted for none of the %d keys at hand", len(keys.identities))
	}
	if err == nil {
		value, err = io.ReadAll(io.LimitReader(plain, Most+1))
	}
	switch {
	case errors.Is(err, errPassphrase), errors.Is(err, errNoPassphrase):
		return nil, "give the right one, at the terminal or as " + passphraseVariable, err
	case err != nil:
		return nil, "take it out of git anew: it was cut off or changed, or was never encrypted with age", errors.New("it is no whole age file")
	case len(value) > Most:
		return nil, "a secret is a password or a key", fmt.Errorf("it holds more than %d bytes", Most)
	}
	return value, "", nil
}

// keyring opens the keys: the file that stackctl.yaml names alone, or else those
// of the environment and of the usual files.
func (r *Reader) keyring() (keys keyring, fix string, err error) {
	if r.keys != nil {
		return *r.keys, "", nil
	}
	k := keyring{}
	if r.Age.Identity != "" {
		if err := r.addFile(&k, r.Age.Identity); err != nil {
			return k, "name a file of age identities or an SSH private key under age.identity", err
		}
	} else if err := r.addUsual(&k); err != nil {
		return k, "correct it, or name another under age.identity", err
	}
	if len(k.identities) == 0 {
		return k, "name one under age.identity, or set " + keyVariable, errors.New("there is no age key in " + strings.Join(k.sought, ", "))
	}
	r.keys = &k
	return k, "", nil
}

func (r *Reader) addUsual(k *keyring) error {
	for _, name := range []string{keyVariable, sopsVariable} {
		k.sought = append(k.sought, name)
		if text := r.env(name); text != "" {
			if err := r.add(k, name, []byte(text)); err != nil {
				return err
			}
		}
	}
	var files []string
	if file := r.env(sopsFileVariable); file != "" {
		files = append(files, file)
	}
	if dir, err := os.UserConfigDir(); err == nil {
		files = append(files, filepath.Join(dir, "sops", "age", "keys.txt"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		files = append(files, filepath.Join(home, ".ssh", "id_ed25519"), filepath.Join(home, ".ssh", "id_rsa"))
	}
	for _, file := range files {
		k.sought = append(k.sought, file)
		if _, err := os.Stat(file); err != nil {
			continue
		}
		if err := r.addFile(k, file); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) env(name string) string {
	if r.Env == nil {
		return ""
	}
	return r.Env(name)
}

func (r *Reader) addFile(k *keyring, file string) error {
	raw, err := given.Read(file, Most)
	if err != nil {
		return err
	}
	return r.add(k, file, raw)
}

// add adds the keys of a text. No error quotes it.
func (r *Reader) add(k *keyring, from string, raw []byte) error {
	k.from = append(k.from, from)
	if bytes.Contains(raw, []byte("PRIVATE KEY-----")) {
		return r.addSSH(k, from, raw)
	}
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte(armor.Header)) || bytes.HasPrefix(raw, []byte("age-encryption.org/")) {
		inner, err := r.unlocked(from, raw)
		if err != nil {
			return err
		}
		raw = inner
	}
	list, err := age.ParseIdentities(bytes.NewReader(raw))
	if err != nil {
		return errors.New(from + " holds no age identity and no SSH private key")
	}
	for _, i := range list {
		k.identities = append(k.identities, i)
		switch i := i.(type) {
		case *age.X25519Identity:
			k.recipients = append(k.recipients, i.Recipient())
		case *age.HybridIdentity:
			k.recipients = append(k.recipients, i.Recipient())
		}
	}
	return nil
}

// unlocked opens an identity file that is itself encrypted with a passphrase.
func (r *Reader) unlocked(from string, raw []byte) ([]byte, error) {
	pass, err := r.passphrase(from)
	if err != nil {
		return nil, err
	}
	identity, err := age.NewScryptIdentity(string(pass))
	if err != nil {
		return nil, errors.New(from + ": the passphrase is empty")
	}
	var in io.Reader = bytes.NewReader(raw)
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte(armor.Header)) {
		in = armor.NewReader(in)
	}
	plain, err := age.Decrypt(in, identity)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, errPassphrase)
	}
	return io.ReadAll(io.LimitReader(plain, Most))
}

var (
	errPassphrase   = errors.New("the passphrase is wrong")
	errNoPassphrase = errors.New("the key stays locked")
)

func (r *Reader) passphrase(from string) ([]byte, error) {
	if text := r.env(passphraseVariable); text != "" {
		return []byte(text), nil
	}
	if r.Ask == nil {
		return nil, errors.New(from + " needs a passphrase, and there is no terminal to ask at: set " + passphraseVariable)
	}
	pass, err := r.Ask("Passphrase of " + from + ": ")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return pass, nil
}

// addSSH adds an SSH private key. One with a passphrase is opened when a file
// is encrypted for it.
func (r *Reader) addSSH(k *keyring, from string, raw []byte) error {
	identity, err := agessh.ParseIdentity(raw)
	if missing := new(ssh.PassphraseMissingError); errors.As(err, &missing) && missing.PublicKey != nil {
		h := honest{asking: new(error)}
		locked, lockErr := agessh.NewEncryptedSSHIdentity(missing.PublicKey, raw, func() (pass []byte, err error) {
			pass, *h.asking = r.passphrase(from)
			return pass, *h.asking
		})
		if lockErr != nil {
			return errors.New(from + " is an SSH key of a kind that age does not know")
		}
		h.EncryptedSSHIdentity = locked
		k.identities, k.recipients = append(k.identities, h), append(k.recipients, locked.Recipient())
		return nil
	}
	if err != nil {
		return errors.New(from + " is an SSH key that age cannot use: ed25519 and RSA keys it can")
	}
	k.identities = append(k.identities, identity)
	switch i := identity.(type) {
	case *agessh.Ed25519Identity:
		k.recipients = append(k.recipients, i.Recipient())
	case *agessh.RSAIdentity:
		k.recipients = append(k.recipients, i.Recipient())
	}
	return nil
}

// honest tells a passphrase that is wrong or that nobody gave from a key that
// does not fit.
type honest struct {
	*agessh.EncryptedSSHIdentity
	asking *error
}

// Unwrap opens the file's key.
func (h honest) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	key, err := h.EncryptedSSHIdentity.Unwrap(stanzas)
	switch {
	case err == nil || errors.Is(err, age.ErrIncorrectIdentity):
	case *h.asking != nil:
		err = fmt.Errorf("%w: %w", errNoPassphrase, *h.asking)
	case strings.Contains(err.Error(), "decrypt"):
		err = errPassphrase
	}
	return key, err
}
