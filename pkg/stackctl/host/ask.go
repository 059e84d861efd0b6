package host

import (
	"errors"
	"fmt"
	"sync"

	"github.com/charmbracelet/x/term"
	"golang.org/x/crypto/ssh"
)

// keyring opens locked keys, each one once, with passphrases that are asked for
// one after another.
type keyring struct {
	ask  func(prompt string) ([]byte, error)
	lock sync.Mutex
	open map[string]ssh.Signer
}

// terminalKeyring asks on the operator's terminal; nil where there is none.
func terminalKeyring() *keyring {
	in, out, err := openTerminal()
	if err != nil {
		return nil
	}
	is := term.IsTerminal(in.Fd())
	_, _ = in.Close(), out.Close()
	if !is {
		return nil
	}
	return &keyring{ask: AskTerminal}
}

// unlock opens a key.
func (r *keyring) unlock(k keyFile) (ssh.Signer, error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	if s := r.open[k.name]; s != nil {
		return s, nil
	}
	s, err := k.unlock(r.ask)
	if err != nil {
		return nil, err
	}
	if r.open == nil {
		r.open = map[string]ssh.Signer{}
	}
	r.open[k.name] = s
	return s, nil
}

// AskTerminal asks on the operator's terminal, without showing what is typed.
func AskTerminal(prompt string) ([]byte, error) {
	in, out, err := openTerminal()
	if err != nil {
		return nil, err
	}
	defer func() { _, _ = in.Close(), out.Close() }()
	if _, err := fmt.Fprint(out, prompt); err != nil {
		return nil, err
	}
	said, err := term.ReadPassword(in.Fd())
	_, _ = fmt.Fprintln(out)
	if err == nil && len(said) == 0 {
		err = errors.New("no passphrase was given")
	}
	return said, err
}
