// Package passkey owns the questions that authenticators are asked and the judgement
// of their answers (WebAuthn, level 3). It must not know where passkeys or questions
// are kept, nor who is logged in.
package passkey

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"stackctl/pkg/server/app"
)

// Ceremonies is app.Ceremonies for one site.
type Ceremonies struct{ party *webauthn.WebAuthn }

// New makes the ceremonies of a site. Site is its address as users see it: passkeys
// are bound to its host, and answers must come from its origin, whatever a request
// names as its host. A subdomain makes them those of its pages at that: they have the
// site's passkeys, and answers must come from there.
func New(site, subdomain string) (*Ceremonies, error) {
	u, err := url.Parse(site)
	if err != nil || u.Hostname() == "" {
		return nil, fmt.Errorf("passkeys of %q: not the address of a site", site)
	}
	origin := u.Scheme + "://" + u.Host
	if subdomain != "" {
		origin = u.Scheme + "://" + subdomain + "." + u.Host
	}
	party, err := webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: u.Hostname(), RPOrigins: []string{origin},
		AttestationPreference: protocol.PreferNoAttestation,
		// The authenticator finds the passkey by itself and verifies who uses it: so it
		// is good without an address and a password, too.
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys of %q: %w", site, err)
	}
	return &Ceremonies{party: party}, nil
}

// user is a user as the library wants one. The handle, which authenticators keep, is
// the user's ID: it says nothing about the person.
type user struct {
	id, name string
	have     []app.Passkey
}

func (u user) WebAuthnID() []byte          { return []byte(u.id) }
func (u user) WebAuthnName() string        { return u.name }
func (u user) WebAuthnDisplayName() string { return u.name }

func (u user) WebAuthnCredentials() []webauthn.Credential {
	var out []webauthn.Credential
	for _, p := range u.have {
		c := webauthn.Credential{
			ID: p.KeyID, PublicKey: p.PublicKey, Flags: webauthn.NewCredentialFlags(protocol.AuthenticatorFlags(p.Flags)),
			Authenticator: webauthn.Authenticator{SignCount: p.Count},
		}
		for _, t := range p.Transports {
			c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
		}
		out = append(out, c)
	}
	return out
}

// Creation asks for a new passkey, from another authenticator than those that hold
// one already.
func (c *Ceremonies) Creation(u app.User, have []app.Passkey) (app.Ceremony, error) {
	who := user{id: u.ID, name: u.Email, have: have}
	asked, session, err := c.party.BeginRegistration(who, webauthn.WithExclusions(webauthn.Credentials(who.WebAuthnCredentials()).CredentialDescriptors()))
	if err != nil {
		return app.Ceremony{}, fmt.Errorf("ask for a new passkey: %w", err)
	}
	return ceremony(asked.Response, session)
}

// Request asks for one of a user's passkeys; with none, for any of the site's.
func (c *Ceremonies) Request(userID string, have []app.Passkey) (app.Ceremony, error) {
	verified := webauthn.WithUserVerification(protocol.VerificationRequired)
	var asked *protocol.CredentialAssertion
	var session *webauthn.SessionData
	var err error
	if len(have) == 0 {
		asked, session, err = c.party.BeginDiscoverableLogin(verified)
	} else {
		asked, session, err = c.party.BeginLogin(user{id: userID, have: have}, verified)
	}
	if err != nil {
		return app.Ceremony{}, fmt.Errorf("ask for a passkey: %w", err)
	}
	return ceremony(asked.Response, session)
}

func ceremony(options any, session *webauthn.SessionData) (app.Ceremony, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return app.Ceremony{}, err
	}
	state, err := json.Marshal(session)
	return app.Ceremony{Options: text, Challenge: session.Challenge, State: state}, err
}

// Create judges a new passkey.
func (c *Ceremonies) Create(u app.User, state []byte, answer app.Attestation) (app.Credential, error) {
	var session webauthn.SessionData
	if err := json.Unmarshal(state, &session); err != nil {
		return app.Credential{}, err
	}
	text, err := message(answer.ID, map[string]any{"clientDataJSON": answer.ClientData, "attestationObject": answer.Object, "transports": answer.Transports})
	if err != nil {
		return app.Credential{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(text)
	if err != nil {
		return app.Credential{}, err
	}
	// No statement was asked for. A device may sign its own; of others the readers
	// stay shut.
	switch parsed.Response.AttestationObject.Format {
	case "none", "packed":
	default:
		return app.Credential{}, fmt.Errorf("an attestation that nobody asked for: %q", parsed.Response.AttestationObject.Format)
	}
	made, err := c.party.CreateCredential(user{id: u.ID, name: u.Email}, session, parsed)
	if err != nil {
		return app.Credential{}, err
	}
	return kept(*made), nil
}

// Prove judges the answer to a request, and returns the passkey that gave it as it is
// now.
func (c *Ceremonies) Prove(userID string, have []app.Passkey, state []byte, answer app.Assertion) (app.Credential, bool, error) {
	var session webauthn.SessionData
	if err := json.Unmarshal(state, &session); err != nil {
		return app.Credential{}, false, err
	}
	response := map[string]any{"clientDataJSON": answer.ClientData, "authenticatorData": answer.AuthenticatorData, "signature": answer.Signature}
	if answer.UserHandle != "" {
		response["userHandle"] = answer.UserHandle
	}
	text, err := message(answer.ID, response)
	if err != nil {
		return app.Credential{}, false, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(text)
	if err != nil {
		return app.Credential{}, false, err
	}
	who := user{id: userID, have: have}
	var used *webauthn.Credential
	if len(session.UserID) > 0 {
		used, err = c.party.ValidateLogin(who, session, parsed)
	} else {
		_, used, err = c.party.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
			if !bytes.Equal(handle, who.WebAuthnID()) {
				return nil, errors.New("the passkey is another user's")
			}
			return who, nil
		}, session, parsed)
	}
	if err != nil {
		return app.Credential{}, false, err
	}
	return kept(*used), used.Authenticator.CloneWarning, nil
}

// message is an answer in the form in which the library reads it.
func message(id string, response map[string]any) ([]byte, error) {
	return json.Marshal(map[string]any{"id": id, "rawId": id, "type": "public-key", "response": response})
}

func kept(c webauthn.Credential) app.Credential {
	out := app.Credential{KeyID: c.ID, PublicKey: c.PublicKey, Count: c.Authenticator.SignCount, Flags: byte(c.Flags.ProtocolValue())}
	for _, t := range c.Transport {
		out.Transports = append(out.Transports, string(t))
	}
	return out
}
