package backup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
)

// maxKeyFile bounds an identity file.
const maxKeyFile = 64 << 10

// KeyGen makes an age identity in a file that only its owner can read, and
// gives its public half. A file that exists stays as it is.
func KeyGen(file string, now time.Time) (recipient string, err error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return "", stack.Fault(stack.CauseStep, "make a backup key", err, "")
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return "", stack.Usage(file, 0, err.Error(), "")
	}
	f, err := os.OpenFile(filepath.Clean(file), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return "", stack.Usage(file, 0, "the file exists already", "backups that were made with it need it: keep it, or name another file")
	}
	if err != nil {
		return "", stack.Usage(file, 0, err.Error(), "")
	}
	recipient = identity.Recipient().String()
	_, err = fmt.Fprintf(f, "# made: %s\n# public key: %s\n%s\n", now.UTC().Format(time.RFC3339), recipient, identity)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(file)
		return "", stack.Usage(file, 0, err.Error(), "")
	}
	return recipient, nil
}

// Identities reads the private keys of a file; none where it does not exist.
func Identities(file string) ([]age.Identity, error) {
	if file == "" {
		return nil, nil
	}
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, stack.Usage(file, 0, err.Error(), "")
	}
	if info.Mode().IsRegular() && info.Size() > maxKeyFile {
		return nil, stack.Usage(file, 0, fmt.Sprintf("%d bytes are too many for keys", info.Size()), "name an age identity file under backup.identity")
	}
	raw, err := given.Read(file, maxKeyFile)
	if err != nil {
		return nil, stack.Usage(file, 0, err.Error(), "")
	}
	list, err := age.ParseIdentities(bytes.NewReader(raw))
	if err != nil {
		// The library's words may quote the line, which is a secret.
		return nil, stack.Usage(file, 0, "it is no age identity file", "make one with `stackctl backup keygen`, or name another under backup.identity")
	}
	return list, nil
}

// Recipients are those that backups are encrypted to: the configured ones, or
// else the public halves of the identity file. None is no error.
func Recipients(c stack.Backup) ([]age.Recipient, error) {
	if len(c.Recipients) > 0 {
		list, err := age.ParseRecipients(strings.NewReader(strings.Join(c.Recipients, "\n")))
		if err != nil {
			return nil, stack.Fault(stack.CauseUsage, "read backup.recipients", err, "`stackctl backup keygen FILE` prints a public key; it begins with age1")
		}
		return list, nil
	}
	identities, err := Identities(c.Identity)
	if err != nil {
		return nil, err
	}
	var list []age.Recipient
	for _, i := range identities {
		switch i := i.(type) {
		case *age.X25519Identity:
			list = append(list, i.Recipient())
		case *age.HybridIdentity:
			list = append(list, i.Recipient())
		}
	}
	return list, nil
}

// Ready returns why no backup can be taken; empty: one can.
func Ready(c stack.Backup) (why string, err error) {
	list, err := Recipients(c)
	if err == nil && len(list) == 0 {
		why = "backup.recipients is empty and there is no " + c.Identity
	}
	return why, err
}
