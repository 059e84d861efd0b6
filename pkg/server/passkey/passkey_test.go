package passkey_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/apptest"
	"stackctl/pkg/server/passkey"
)

var ada = app.User{ID: "6f1c6a0e-8d0f-4f0e-9a53-0c9b4a8f4c11", Email: "ada@example.com"}

func ceremonies(t *testing.T, site string) *passkey.Ceremonies {
	t.Helper()
	c, err := passkey.New(site, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// creation asks for a new passkey, as a browser is asked.
func creation(t *testing.T, c *passkey.Ceremonies) (app.Ceremony, apptest.Asked) {
	t.Helper()
	made, err := c.Creation(ada, nil)
	if err != nil {
		t.Fatal(err)
	}
	var asked apptest.Asked
	if err := json.Unmarshal(made.Options, &asked); err != nil {
		t.Fatal(err)
	}
	return made, asked
}

func attestation(b map[string]any) app.Attestation {
	return app.Attestation{ID: b["id"].(string), ClientData: b["client_data"].(string), Object: b["attestation"].(string), Transports: b["transports"].([]string)}
}

func TestThePartyIsTheHostAndTheOriginHasThePort(t *testing.T) {
	c := ceremonies(t, "https://site.example.com:8443")
	for origin, good := range map[string]bool{"https://site.example.com:8443": true, "https://site.example.com": false, "http://site.example.com:8443": false} {
		made, asked := creation(t, c)
		if asked.RP.ID != "site.example.com" || asked.Challenge != made.Challenge || len(made.Challenge) < 43 {
			t.Fatalf("%+v", asked)
		}
		key := apptest.NewKey(t)
		key.Origin, key.Party = origin, "site.example.com"
		kept, err := c.Create(ada, made.State, attestation(key.Make("x", asked)))
		if (err == nil) != good || good && !bytes.Equal(kept.KeyID, key.ID) {
			t.Errorf("%s: %v", origin, err)
		}
	}
}

// Of statements that nobody asked for, only what a device signs itself is read.
func TestStatementsThatNobodyAskedForAreRefused(t *testing.T) {
	c := ceremonies(t, "https://"+apptest.Domain)
	made, asked := creation(t, c)
	answer := attestation(apptest.NewKey(t).Make("x", asked))
	object, err := base64.RawURLEncoding.DecodeString(answer.Object)
	if err != nil {
		t.Fatal(err)
	}
	answer.Object = base64.RawURLEncoding.EncodeToString(bytes.Replace(object, []byte("\x64none"), []byte("\x63tpm"), 1))
	if _, err := c.Create(ada, made.State, answer); err == nil || !strings.Contains(err.Error(), `nobody asked for: "tpm"`) {
		t.Errorf("%v", err)
	}
}

func TestASiteWithoutAHostHasNoPasskeys(t *testing.T) {
	for _, site := range []string{"", "site.example.com", "https://", "%"} {
		if _, err := passkey.New(site, ""); err == nil {
			t.Errorf("%q is taken for a site", site)
		}
	}
}

// An answer is whatever somebody sent: it is refused, and ends nothing.
func FuzzAnswers(f *testing.F) {
	c, err := passkey.New("https://"+apptest.Domain, "")
	if err != nil {
		f.Fatal(err)
	}
	made, err := c.Creation(ada, nil)
	if err != nil {
		f.Fatal(err)
	}
	asked, err := c.Request("", nil)
	if err != nil {
		f.Fatal(err)
	}
	var options apptest.Asked
	if err := json.Unmarshal(made.Options, &options); err != nil {
		f.Fatal(err)
	}
	good := apptest.NewKey(f).Make("x", options)
	object, _ := base64.RawURLEncoding.DecodeString(good["attestation"].(string))
	client, _ := base64.RawURLEncoding.DecodeString(good["client_data"].(string))
	f.Add(object[:len(object)-1], client)
	f.Add([]byte("\xa3\x63fmt\x66packed\x67attStmt\xa0\x68authData\x40"), client)
	f.Add([]byte(nil), []byte(`{"type":"webauthn.get","challenge":"x"}`))
	f.Fuzz(func(t *testing.T, data, client []byte) {
		text, clientText := base64.RawURLEncoding.EncodeToString(data), base64.RawURLEncoding.EncodeToString(client)
		if _, err := c.Create(ada, made.State, app.Attestation{ID: "eA", ClientData: clientText, Object: text}); err == nil {
			t.Error("a passkey was made of it")
		}
		if _, _, err := c.Prove(ada.ID, nil, asked.State, app.Assertion{ID: "eA", ClientData: clientText, AuthenticatorData: text, Signature: text, UserHandle: text}); err == nil {
			t.Error("it proves something")
		}
	})
}
