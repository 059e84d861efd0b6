package secret

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"

	"stackctl/pkg/stackctl/stack"
)

// Write puts a new value where a secret is kept: a file, or one that is
// encrypted with age. The file is replaced in one instant. Other sources are
// refused: only their own programs write them.
func (r *Reader) Write(name string, s stack.SecretSource, value []byte) error {
	refused := func(problem, fix string) error {
		return stack.Usage(r.File, s.Line, "secret "+name+" from "+s.From()+": "+problem, fix)
	}
	switch {
	case len(s.Command) > 0:
		return refused("it is kept elsewhere", "change it there, then deploy")
	case s.SOPS != "":
		return refused("SOPS alone writes its files", "run `sops edit`, then deploy")
	case len(value) > Most:
		return refused("the new value is too large", "a secret is a password or a key")
	case strings.TrimSpace(string(value)) == "":
		return refused("the new value is empty", "nothing was changed")
	}
	file, mode := s.File, fs.FileMode(0o600)
	if s.Age != "" {
		recipients, fix, err := r.recipients()
		if err != nil {
			return refused(err.Error(), fix)
		}
		if value, err = sealFor(recipients, value); err != nil {
			return refused(err.Error(), "correct age.recipients")
		}
		file, mode = s.Age, 0o644
	}
	if err := replace(file, value, mode); err != nil {
		return refused(err.Error(), "nothing was changed")
	}
	return nil
}

// recipients are those that new values are encrypted for.
func (r *Reader) recipients() (list []age.Recipient, fix string, err error) {
	for _, text := range r.Age.Recipients {
		var one age.Recipient
		if strings.HasPrefix(text, "ssh-") {
			one, err = agessh.ParseRecipient(text)
		} else {
			var parsed []age.Recipient
			if parsed, err = age.ParseRecipients(strings.NewReader(text)); err == nil {
				list = append(list, parsed...)
				continue
			}
		}
		if err != nil {
			return nil, "give public keys: age1… or ssh-ed25519 …", errors.New("age.recipients holds what is no public key")
		}
		list = append(list, one)
	}
	if len(list) > 0 {
		return list, "", nil
	}
	keys, fix, err := r.keyring()
	if err == nil && len(keys.recipients) == 0 {
		return nil, "name public keys under age.recipients", errors.New("nobody is named to encrypt it for")
	}
	return keys.recipients, fix, err
}

func sealFor(recipients []age.Recipient, value []byte) ([]byte, error) {
	var out bytes.Buffer
	lines := armor.NewWriter(&out)
	in, err := age.Encrypt(lines, recipients...)
	if err == nil {
		_, err = in.Write(value)
		err = errors.Join(err, in.Close(), lines.Close())
	}
	return out.Bytes(), err
}

// replace writes a file beside the old one and renames it.
func replace(file string, content []byte, mode fs.FileMode) error {
	if info, err := os.Stat(file); err == nil {
		mode = info.Mode().Perm()
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*") // open to its owner alone
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
