package engine

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// credentialLimit bounds the wait for a credential helper.
const credentialLimit = 20 * time.Second

// credentials are the operator's own for an image's registry, from
// ~/.docker/config.json and its helpers, in the form of the Engine's
// X-Registry-Auth header (RFC 4648 URL encoding). Empty: there are none. They
// go with one request and are kept nowhere.
func credentials(ref string, keys authn.Keychain) (string, error) {
	parsed, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", err
	}
	repository, err := name.NewRepository(parsed.Name())
	if err != nil {
		return "", err
	}
	type answer struct {
		config *authn.AuthConfig
		err    error
	}
	got := make(chan answer, 1)
	go func() {
		a, err := keys.Resolve(repository)
		if err != nil {
			got <- answer{nil, err}
			return
		}
		config, err := a.Authorization()
		got <- answer{config, err}
	}()
	select {
	case a := <-got:
		if a.err != nil {
			return "", fmt.Errorf("the credentials for %s in ~/.docker/config.json cannot be read: %w; `docker login %s` writes them anew", repository.RegistryStr(), a.err, repository.RegistryStr())
		}
		return header(repository.RegistryStr(), *a.config)
	case <-time.After(credentialLimit):
		return "", fmt.Errorf("the credential helper for %s did not answer within %s: see credHelpers and credsStore in ~/.docker/config.json", repository.RegistryStr(), credentialLimit)
	}
}

// header is the header of one registry's credentials.
func header(registry string, c authn.AuthConfig) (string, error) {
	if c == (authn.AuthConfig{}) {
		return "", nil
	}
	raw, err := json.Marshal(map[string]string{
		"username": c.Username, "password": c.Password, "auth": c.Auth, "identitytoken": c.IdentityToken, "registrytoken": c.RegistryToken, "serveraddress": registry,
	})
	return base64.URLEncoding.EncodeToString(raw), err
}

// pullPatience is how long a pull may show no progress.
const pullPatience = 60 * time.Second

// errStalled means that a pull stood still.
var errStalled = errors.New("nothing came for " + pullPatience.String())
