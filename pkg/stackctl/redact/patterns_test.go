package redact

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

// token looks like a GitHub personal access token; it is put together here so
// that no scanner finds one in this file.
var token = "gh" + "p_" + "9aB3dE7fG1hJ5kL8mN2pQ6rS4tU0vW3xY7zA"

func TestUndeclaredTokenIsMasked(t *testing.T) {
	r := New(nil)
	for name, doc := range map[string]string{
		"json":   `{"log":"pushed with ` + token + ` ok","marker":"` + marker + `"}`,
		"text":   "pushed with " + token + "\n" + marker + "\n",
		"allow":  "pushed with " + token + " # gitleaks:allow\n" + marker + "\n",
		"base64": `{"log":"` + base64.StdEncoding.EncodeToString([]byte("token="+token+" and so on")) + `","m":"` + marker + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			out, err := r.Document([]byte(doc))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(out), "[redacted:github-pat]") || !strings.Contains(string(out), marker) {
				t.Errorf("got %s", out)
			}
			if left, err := Patterns(out); err != nil || len(left) != 0 {
				t.Errorf("left: %v %v", left, err)
			}
			if strings.HasPrefix(doc, "{") && !json.Valid(out) {
				t.Errorf("not JSON any more: %s", out)
			}
		})
	}
}

func TestNumberThatIsASecretLeavesJSONValid(t *testing.T) {
	out, err := New(map[string]string{"pin": "8472951"}).Document([]byte(`{"pin":8472951,"n":[1,2]}`))
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(out) || strings.Contains(string(out), "8472951") || !strings.Contains(string(out), "[redacted:pin]") {
		t.Errorf("got %s", out)
	}
}

func TestOrdinaryDocumentsAreLeftAlone(t *testing.T) {
	doc := `{"sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","release":"0123456789ab",` +
		`"image_id":"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","config_hash":"fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9",` +
		`"nonce":"b5bb9d8014a0f9b1d61e21e796d78dcc","key_id":"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU","cookie":"__Host-session","header":"X-CSRF-Token"}`
	out, err := New(nil).Document([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	if string(out) != doc {
		t.Errorf("changed to %s", out)
	}
}

func BenchmarkDocument(b *testing.B) {
	r := New(fifty())
	text := benchText("json")[:64<<10]
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := r.Document(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPatternsLine(b *testing.B) {
	line := []byte(`{"seq":4,"event":{"kind":"note","message":"container api said: token bucket key is full"}}`)
	for b.Loop() {
		if _, err := Patterns(line); err != nil {
			b.Fatal(err)
		}
	}
}
