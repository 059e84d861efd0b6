package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"stackctl/pkg/stackctl/openssh"
	"stackctl/pkg/stackctl/stack"
)

// errSeen ends a handshake that was made only to see the host's key.
var errSeen = errors.New("seen")

// Scan asks a server for its host keys, the preferred type first, on the way
// that a login takes. Nobody has vouched for them: compare a fingerprint before
// trusting one.
func Scan(ctx context.Context, o Options) ([]HostKey, error) {
	way, last, err := o.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer way.Close()
	kinds := [][]string{preferred[:1], preferred[1:4], preferred[4:]}
	keys, faults := make([]*HostKey, len(kinds)), make([]error, len(kinds))
	var wait sync.WaitGroup
	for i, algorithms := range kinds {
		wait.Go(func() {
			h := handshake{
				options: last, dial: way.dial, lookup: way.lookup(last),
				check: func(_ string, _ net.Addr, key ssh.PublicKey) error {
					k := newHostKey(key)
					keys[i] = &k
					return errSeen
				},
			}
			_, _, faults[i] = h.run(ctx, &ssh.ClientConfig{HostKeyAlgorithms: algorithms, ClientVersion: "SSH-2.0-stackctl"})
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

// Trust adds a key to the first known_hosts file, after somebody has confirmed
// its fingerprint, and returns that file's name. It refuses where the files have
// another key of that type: an old key must be removed, not joined.
func Trust(o Options, key HostKey) (string, error) {
	file := o.knownHosts()[0]
	what := "trust " + key.Fingerprint + " in " + file
	known, err := trustedBy(o)
	if err != nil {
		return file, err
	}
	for _, l := range known.lines {
		switch {
		case bytes.Equal(l.Key.Marshal(), key.key.Marshal()) && !l.Authority:
			return file, nil
		case l.Key.Type() == key.Type && !l.Authority && !known.guessed:
			return file, stack.Fault(stack.CauseUsage, what,
				fmt.Errorf("line %d of %s has another key of %s: %s", l.Line, l.File, o.Address, ssh.FingerprintSHA256(l.Key)),
				fmt.Sprintf("if the server was reinstalled, remove it with `ssh-keygen -R '%s' -f %s`", openssh.KnownName(known.name, known.port), l.File))
		}
	}
	line := knownhosts.Line([]string{openssh.KnownName(known.name, known.port)}, key.key) + "\n"
	if err := appendLine(file, line); err != nil {
		return file, stack.Fault(stack.CauseUsage, what, rootCause(err), "make the file writable, or name another as the target's known_hosts")
	}
	return file, nil
}

// appendLine adds a line to a file that may be absent, or lack its last line's
// end.
func appendLine(file, line string) error {
	if content, err := os.ReadFile(filepath.Clean(file)); err == nil && len(content) > 0 && content[len(content)-1] != '\n' {
		line = "\n" + line
	}
	return appendFile(file, line)
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
