package host

import (
	"errors"
	"io"
	"os"
	"slices"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// agentKeys are the keys of an SSH agent.
type agentKeys struct {
	signers []ssh.Signer
	conn    io.Closer
	// failure is why no agent answers.
	failure error
}

// openAgent lists the agent's keys. An agent that does not answer is no error:
// there may be other keys.
func openAgent(o Options) *agentKeys {
	if o.Agent == "none" {
		return &agentKeys{failure: errors.New("the settings forbid the SSH agent (IdentityAgent none)")}
	}
	socket := o.Agent
	if socket == "" {
		socket = os.Getenv("SSH_AUTH_SOCK")
	}
	conn, err := dialAgent(socket)
	if err != nil {
		return &agentKeys{failure: rootCause(err)}
	}
	signers, err := agent.NewClient(conn).Signers()
	return &agentKeys{signers, conn, err}
}

// agentSigners lists the agent's keys and lets go of it.
func agentSigners(o Options) []ssh.Signer {
	a := openAgent(o)
	a.close()
	return a.signers
}

func (a *agentKeys) close() {
	if a.conn != nil {
		_ = a.conn.Close()
	}
}

// find returns the agent's signer of a key; nil: it has none.
func (a *agentKeys) find(key ssh.PublicKey) ssh.Signer {
	for _, s := range a.signers {
		if same(s.PublicKey(), key) {
			return s
		}
	}
	return nil
}

// others returns the agent's keys that are not among the given ones.
func (a *agentKeys) others(given []ssh.Signer) []ssh.Signer {
	return slices.DeleteFunc(slices.Clone(a.signers), func(s ssh.Signer) bool {
		return slices.ContainsFunc(given, func(g ssh.Signer) bool { return same(g.PublicKey(), s.PublicKey()) })
	})
}
