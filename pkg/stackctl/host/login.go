package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/melbahja/goph"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
)

// login finds the key to log in with. release must be called when the login
// has ended.
func login(o Options) (auth goph.Auth, release func(), err error) {
	if o.Key == "" {
		signers, release, err := agentKeys(o)
		if err != nil {
			return nil, nil, err
		}
		return goph.Auth{ssh.PublicKeysCallback(signers)}, release, nil
	}
	signer, release, err := keyFile(o)
	if err != nil {
		return nil, nil, err
	}
	return goph.Auth{ssh.PublicKeys(signer)}, release, nil
}

// PublicKey is the public half of the key that o logs in with, as a line of
// authorized_keys.
func PublicKey(o Options) (string, error) {
	if o.Key != "" {
		signer, release, err := keyFile(o)
		if err != nil {
			return "", err
		}
		defer release()
		return authorizedLine(signer.PublicKey()), nil
	}
	signers, release, err := agentKeys(o)
	if err != nil {
		return "", err
	}
	defer release()
	all, err := signers()
	if err != nil {
		return "", agentFault(o, err)
	}
	return authorizedLine(all[0].PublicKey()), nil
}

func authorizedLine(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// keyFile reads the private key. One with a passphrase is used through the
// agent, if the agent holds it.
func keyFile(o Options) (ssh.Signer, func(), error) {
	what := "read SSH key " + o.Key
	content, err := given.Read(o.Key, given.Most)
	if err != nil {
		return nil, nil, stack.Fault(stack.CauseUsage, what, rootCause(err),
			"set the target's key in stackctl.yaml to a private key file that you can read, or leave it out to use the SSH agent")
	}
	signer, err := ssh.ParsePrivateKey(content)
	var locked *ssh.PassphraseMissingError
	if err == nil || errors.As(err, &locked) {
		if open := private(o.Key); open != nil {
			return nil, nil, stack.Fault(stack.CauseUsage, what, open, "`chmod 600 "+o.Key+"` closes it, as OpenSSH demands too; make another if others may have read it")
		}
	}
	switch {
	case err == nil:
		return signer, func() {}, nil
	case errors.As(err, &locked):
		signer, release, found := agentHas(o, locked.PublicKey)
		if !found {
			return nil, nil, stack.Fault(stack.CauseUsage, what, errors.New("it is protected by a passphrase"),
				fmt.Sprintf("add it to the SSH agent with `ssh-add %s`", o.Key))
		}
		return signer, release, nil
	case bytes.HasPrefix(bytes.TrimSpace(content), []byte("ssh-")), bytes.HasPrefix(content, []byte("ecdsa-")):
		return nil, nil, stack.Fault(stack.CauseUsage, what, errors.New("this is a public key"),
			"name the private key, the file without .pub")
	}
	return nil, nil, stack.Fault(stack.CauseUsage, what, fmt.Errorf("it is not a private key that can be read: %w", err),
		"make one with `ssh-keygen -t ed25519`")
}

// private refuses a key file that others than its owner may read or write.
// Windows says nothing of that in a file's mode.
func private(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return rootCause(err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("it is open to others (mode %04o)", mode)
	}
	return nil
}

// agentKeys lists the agent's keys when they are asked for.
func agentKeys(o Options) (func() ([]ssh.Signer, error), func(), error) {
	conn, err := openAgent(o)
	if err != nil {
		return nil, nil, agentFault(o, err)
	}
	signers, err := agent.NewClient(conn).Signers()
	if err == nil && len(signers) == 0 {
		err = errors.New("the SSH agent holds no key")
	}
	if err != nil {
		conn.Close()
		return nil, nil, agentFault(o, err)
	}
	return func() ([]ssh.Signer, error) { return signers, nil }, func() { conn.Close() }, nil
}

// agentHas finds one key in the agent.
func agentHas(o Options, key ssh.PublicKey) (ssh.Signer, func(), bool) {
	if key == nil {
		return nil, nil, false
	}
	signers, release, err := agentKeys(o)
	if err != nil {
		return nil, nil, false
	}
	all, _ := signers()
	for _, s := range all {
		if bytes.Equal(s.PublicKey().Marshal(), key.Marshal()) {
			return s, release, true
		}
	}
	release()
	return nil, nil, false
}

func openAgent(o Options) (io.ReadWriteCloser, error) {
	socket := o.Agent
	if socket == "" {
		socket = os.Getenv("SSH_AUTH_SOCK")
	}
	return dialAgent(socket)
}

func agentFault(o Options, err error) error {
	return stack.Fault(stack.CauseUsage, "log in as "+o.String()+" with the SSH agent", rootCause(err),
		"set the target's key in stackctl.yaml to a private key file, or start an agent and add a key with `ssh-add`")
}

// keyName names the key that o logs in with.
func keyName(o Options) string {
	if o.Key == "" {
		return "the SSH agent"
	}
	return o.Key
}

// rootCause drops the operation and path that a file error repeats.
func rootCause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
