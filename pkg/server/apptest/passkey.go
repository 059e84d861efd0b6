package apptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"testing"
)

// Key is an authenticator with one passkey, in software. Its members can be turned to
// make it lie.
type Key struct {
	t    testing.TB
	ID   []byte
	Pair *ecdsa.PrivateKey
	// Handle is the user that the site named.
	Handle []byte
	// Count grows with each use; a Count of 0 stays.
	Count uint32
	// Origin and Party are what the browser believes to be on.
	Origin, Party string
	// Unverified leaves out that the user was verified.
	Unverified bool
	// Challenge replaces the one that was asked for.
	Challenge string
}

// Flags of authenticator data (WebAuthn, 6.1).
const (
	flagPresent  = 1
	flagVerified = 4
	flagNew      = 64
)

// NewKey makes an authenticator without a user.
func NewKey(t testing.TB) *Key {
	t.Helper()
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	return &Key{t: t, ID: id, Pair: pair, Origin: "https://" + Domain, Party: Domain, Count: 1}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Asked are options as the site gives them to a browser.
type Asked struct {
	Challenge        string
	RPID             string `json:"rpId"`
	RP               struct{ ID string }
	UserVerification string
	User             struct{ ID, Name string }
	AllowCredentials []struct{ ID string }
	Exclude          []struct{ ID string } `json:"excludeCredentials"`
}

func (k *Key) clientData(kind string, asked Asked) []byte {
	challenge := asked.Challenge
	if k.Challenge != "" {
		challenge = k.Challenge
	}
	text, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": k.Origin, "crossOrigin": false})
	if err != nil {
		k.t.Fatal(err)
	}
	return text
}

func (k *Key) data(flags byte) []byte {
	party := sha256.Sum256([]byte(k.Party))
	if !k.Unverified {
		flags |= flagVerified
	}
	return binary.BigEndian.AppendUint32(append(party[:], flags|flagPresent), k.Count)
}

// Make makes the passkey that a site asks for.
func (k *Key) Make(name string, asked Asked) map[string]any {
	k.t.Helper()
	handle, err := base64.RawURLEncoding.DecodeString(asked.User.ID)
	if err != nil || len(handle) == 0 {
		k.t.Fatalf("user handle %q: %v", asked.User.ID, err)
	}
	k.Handle = handle
	point, err := k.Pair.PublicKey.Bytes()
	if err != nil {
		k.t.Fatal(err)
	}
	data := append(k.data(flagNew), make([]byte, 16)...) // a model that stays unnamed
	data = append(binary.BigEndian.AppendUint16(data, uint16(len(k.ID))), k.ID...)
	// COSE in CBOR: {1: 2, 3: -7, -1: 1, -2: x, -3: y}, a key on P-256 for ES256.
	data = append(data, 0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32)
	data = append(append(append(data, point[1:33]...), 0x22, 0x58, 32), point[33:]...)
	// {"fmt": "none", "attStmt": {}, "authData": data}
	object := append([]byte{0xa3, 0x63}, "fmt\x64none\x67attStmt\xa0\x68authData\x59"...)
	object = append(binary.BigEndian.AppendUint16(object, uint16(len(data))), data...)
	return map[string]any{"name": name, "id": b64(k.ID), "client_data": b64(k.clientData("webauthn.create", asked)), "attestation": b64(object), "transports": []string{"internal"}}
}

// Sign answers a request.
func (k *Key) Sign(asked Asked) map[string]any {
	k.t.Helper()
	if k.Count > 0 {
		k.Count++
	}
	data, client := k.data(0), k.clientData("webauthn.get", asked)
	sum := sha256.Sum256(client)
	digest := sha256.Sum256(append(data[:len(data):len(data)], sum[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, k.Pair, digest[:])
	if err != nil {
		k.t.Fatal(err)
	}
	return map[string]any{"id": b64(k.ID), "client_data": b64(client), "authenticator_data": b64(data), "signature": b64(signature), "user_handle": b64(k.Handle)}
}

// Ask begins a ceremony at a path.
func (b *Browser) Ask(path string) Asked {
	b.t.Helper()
	var asked Asked
	b.Send(http.MethodPost, path+"/options", nil).Into(b.t, http.StatusOK, &asked)
	return asked
}

// Added is what the site answers to a new passkey.
type Added struct {
	Passkey struct {
		ID, Name string
		Synced   bool
		Suspect  bool
	}
	Codes []string
}

// AddPasskey adds a passkey to the user's account.
func (b *Browser) AddPasskey(name string) (*Key, Added) {
	b.t.Helper()
	k := NewKey(b.t)
	var added Added
	b.Send(http.MethodPost, "/users/me/passkeys", k.Make(name, b.Ask("/users/me/passkeys"))).Into(b.t, http.StatusOK, &added)
	return k, added
}

// UsePasskey runs a ceremony at a path: "/auth/passkey" logs in with a passkey alone,
// "/auth/login/passkey" finishes a login, "/users/me/proof/passkey" proves anew.
func (b *Browser) UsePasskey(path string, k *Key) Answer {
	b.t.Helper()
	return b.Send(http.MethodPost, path, k.Sign(b.Ask(path)))
}
