package cli

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// makeSecrets makes what is missing. A file NAME_htpasswd is made of the clear
// password in NAME_password, for the edge's basic auth.
func (o *initOptions) makeSecrets() error {
	c, err := config.Load(o.project.file)
	if err != nil {
		return err
	}
	files, err := release.SecretFiles(c)
	if err != nil {
		return err
	}
	made, err := o.makeFiles(files, c.Traefik.Staff.User)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "%d of %d secrets were missing\n", made, len(files))
	return o.makeBackupKey(c)
}

// makeStaffSecrets makes the password that routes with a guard ask for, and its
// hash, where they are missing.
func (o *initOptions) makeStaffSecrets() error {
	c, err := config.Load(o.project.file)
	if err != nil {
		return err
	}
	_, err = o.makeFiles(release.StaffFiles(c), c.Traefik.Staff.User)
	return err
}

// makeFiles makes the files of secrets that are missing, and tells how many.
func (o *initOptions) makeFiles(files map[string]string, staff string) (made int, err error) {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	// Passwords come before the hashes that are made of them.
	sort.Slice(names, func(i, j int) bool {
		return strings.HasSuffix(names[j], "_htpasswd") && !strings.HasSuffix(names[i], "_htpasswd") ||
			strings.HasSuffix(names[i], "_htpasswd") == strings.HasSuffix(names[j], "_htpasswd") && names[i] < names[j]
	})
	for _, name := range names {
		value, err := secretValue(name, files, staff)
		if err != nil {
			return made, err
		}
		wrote, err := writeSecret(files[name], value)
		if err != nil {
			return made, stack.Usage(files[name], 0, err.Error(), "")
		}
		if wrote {
			made++
			fmt.Fprintf(o.out, "made %s\n", files[name])
		}
	}
	return made, nil
}

// makeBackupKey makes the key that backups are encrypted to, where the project
// has a database and no key.
func (o *initOptions) makeBackupKey(c stack.Config) error {
	if c.Backup.Service == "" || len(c.Backup.Recipients) > 0 {
		return nil
	}
	if _, err := os.Lstat(c.Backup.Identity); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	public, err := backup.KeyGen(c.Backup.Identity, time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "made the backup key %s (public half %s): keep a copy of it away from this machine\n", c.Backup.Identity, public)
	return nil
}

func secretValue(name string, files map[string]string, user string) (string, error) {
	base, isHash := strings.CutSuffix(name, "_htpasswd")
	if !isHash {
		var b [32]byte
		_, _ = rand.Read(b[:]) // it never fails
		return base64.RawURLEncoding.EncodeToString(b[:]), nil
	}
	password, err := os.ReadFile(files[base+"_password"])
	if err != nil {
		return "", stack.Usage(files[name], 0, "there is no secret "+base+"_password to make it of", "add it to the compose file, or make "+files[name]+" with htpasswd -B")
	}
	hash, err := htpasswd(user, strings.TrimSpace(string(password)))
	if err != nil {
		return "", stack.Usage(files[name], 0, err.Error(), "")
	}
	return hash, nil
}

// htpasswd is a line of the edge's basic auth.
func htpasswd(user, password string) (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	return user + ":" + string(hash), err
}

// writeSecret writes a file that only its owner may read; one that exists stays.
func writeSecret(file, value string) (bool, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return false, err
	}
	f, err := os.OpenFile(filepath.Clean(file), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = f.WriteString(value + "\n")
	return true, errors.Join(err, f.Close())
}
