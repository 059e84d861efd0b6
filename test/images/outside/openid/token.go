package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// lie is one way in which the provider misbehaves on request.
type lie struct{ Name, Text string }

// lies are the ways, the honest one first.
var lies = []lie{
	{"", "nothing: an honest answer"},
	{"forged", "a token signed by a key that is not published"},
	{"unsigned", "a token without a signature"},
	{"audience", "a token for another client"},
	{"issuer", "a token of another issuer"},
	{"nonce", "a token of another sign-in"},
	{"expired", "a token that is over"},
	{"missing", "no token at all"},
	{"down", "an exchange that answers 503"},
	{"state", "another state in the redirect"},
	{"mixup", "another issuer in the redirect"},
	{"error", "an error in the redirect"},
}

// sign makes the ID token of a grant, with its lie.
func (p *provider) sign(g grant) (string, error) {
	now := time.Now()
	claims := map[string]any{
		"iss": p.issuer, "aud": p.client, "sub": g.who.Subject, "nonce": g.nonce, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		"email": g.who.Email, "email_verified": g.who.Verified, "name": g.who.Name,
	}
	key := p.published
	switch g.lie {
	case "forged":
		key = p.other
	case "audience":
		claims["aud"] = "another"
	case "issuer":
		claims["iss"] = "https://another.example"
	case "nonce":
		claims["nonce"] = "another"
	case "expired":
		claims["iat"], claims["exp"] = now.Add(-2*time.Hour).Unix(), now.Add(-time.Hour).Unix()
	case "unsigned":
		return unsigned(claims)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: p.kid}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("prepare to sign: %w", err)
	}
	signed, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return signed, nil
}

// unsigned is what RFC 7519, section 6, calls an unsecured JWT.
func unsigned(claims map[string]any) (string, error) {
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	b64 := base64.RawURLEncoding
	return b64.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + b64.EncodeToString(body) + ".", nil
}
