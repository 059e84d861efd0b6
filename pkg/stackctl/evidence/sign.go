package evidence

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	results "github.com/in-toto/attestation/go/predicates/test_result/v0"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

// KeyVariable names the environment variable that holds the signing key: PEM
// text, or the path of a PEM file.
const KeyVariable = "STACKCTL_EVIDENCE_KEY"

// PredicateType is what the attestation states.
const PredicateType = "https://in-toto.io/attestation/test-result/v0.1"

const payloadType = "application/vnd.in-toto+json"

// Signer signs runs with an ed25519 key.
type Signer struct {
	key ed25519.PrivateKey
	id  string
}

// Sign signs data (dsse.Signer).
func (s *Signer) Sign(_ context.Context, data []byte) ([]byte, error) {
	return ed25519.Sign(s.key, data), nil
}

// KeyID is the key's SSH fingerprint (dsse.Signer).
func (s *Signer) KeyID() (string, error) { return s.id, nil }

// Public is the key that verifies what s signed.
func (s *Signer) Public() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }

// LoadSigner reads the signing key from the environment, if KeyVariable is
// set, else from the PEM file at path. No key at all gives nil: the run is
// not signed, and says so.
func LoadSigner(path string) (*Signer, error) {
	if v := strings.TrimSpace(os.Getenv(KeyVariable)); strings.HasPrefix(v, "-----BEGIN") {
		return parseSigner([]byte(v), "the environment variable "+KeyVariable)
	} else if v != "" {
		path = v
	}
	if path == "" {
		return nil, nil
	}
	content, err := given.Read(path, given.Most)
	if err != nil {
		return nil, stack.Fault(stack.CauseUsage, "read the evidence key "+path, plainError(err), `make one with "stackctl evidence keygen", or leave evidence.key empty`)
	}
	return parseSigner(content, path)
}

func parseSigner(content []byte, where string) (*Signer, error) {
	bad := func(why string) (*Signer, error) {
		return nil, stack.Fault(stack.CauseUsage, "read the evidence key from "+where, errors.New(why), `an ed25519 private key in PEM (PKCS #8) is needed; "stackctl evidence keygen" makes one`)
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return bad("no PEM block")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return bad("not a PKCS #8 key") // the parser's words could quote the key
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return bad("not an ed25519 key")
	}
	id, err := dsse.SHA256KeyID(key.Public())
	if err != nil {
		return bad(err.Error())
	}
	return &Signer{key: key, id: id}, nil
}

// KeyGen makes a signing key at path (mode 0600) and its public half at
// path.pub. It never replaces a key.
func KeyGen(path string) error {
	fault := func(err error) error {
		return stack.Fault(stack.CauseUsage, "make an evidence key at "+path, plainError(err), "name a new file in a folder that can be written")
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fault(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return fault(err)
	}
	open, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return fault(err)
	}
	if err := newFile(path, 0o600, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})); err != nil {
		return fault(err)
	}
	if err := newFile(path+".pub", 0o644, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: open})); err != nil {
		return fault(err)
	}
	return nil
}

func newFile(path string, mode os.FileMode, content []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// LoadPublic reads a public key from a PEM file. A private key's file gives
// its public half.
func LoadPublic(path string) (ed25519.PublicKey, error) {
	fault := func(err error) error {
		return stack.Fault(stack.CauseUsage, "read the public key "+path, plainError(err), `give the .pub file that "stackctl evidence keygen" made`)
	}
	content, err := given.Read(path, given.Most)
	if err != nil {
		return nil, fault(err)
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fault(errors.New("no PEM block"))
	}
	if block.Type == "PRIVATE KEY" {
		s, err := parseSigner(content, path)
		if err != nil {
			return nil, err
		}
		return s.Public(), nil
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fault(errors.New("not a public key"))
	}
	key, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return nil, fault(errors.New("not an ed25519 key"))
	}
	return key, nil
}

// attest makes attestation.dsse.json: the statement that this manifest is the
// result of this run. Without a signer the envelope has no signature.
func attest(r stack.Report, manifestContent []byte, signer *Signer, red *redact.Redactor) ([]byte, error) {
	body, err := statement(r, manifestContent, red)
	if err == nil {
		body, err = enclose(body, signer)
	}
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", attestation, err)
	}
	return body, nil
}

// enclose puts a statement into a DSSE envelope, signed where there is a signer.
func enclose(statement []byte, signer *Signer) ([]byte, error) {
	if signer == nil {
		return envelopeFile(&dsse.Envelope{PayloadType: payloadType, Payload: base64.StdEncoding.EncodeToString(statement), Signatures: []dsse.Signature{}})
	}
	es, err := dsse.NewEnvelopeSigner(signer)
	if err != nil {
		return nil, err
	}
	envelope, err := es.SignPayload(context.Background(), payloadType, statement)
	if err != nil {
		return nil, err
	}
	return envelopeFile(envelope)
}

// envelopeFile is an envelope as it is written to a file.
func envelopeFile(envelope *dsse.Envelope) ([]byte, error) {
	document := struct {
		*dsse.Envelope
		Note string `json:"note,omitempty"`
	}{Envelope: envelope}
	if len(envelope.Signatures) == 0 {
		document.Note = "NOT SIGNED: no evidence key was set, so this proves nothing about who made it"
	}
	out, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(out, '\n'), nil
}

// statement is the in-toto statement, without secrets.
func statement(r stack.Report, manifestContent []byte, red *redact.Redactor) ([]byte, error) {
	t := &results.TestResult{Result: "FAILED", Url: red.String(r.URL),
		Configuration: []*intoto.ResourceDescriptor{{Name: "release/" + red.String(r.Release),
			Annotations: annotations(map[string]any{"release": r.Release, "commit": r.Commit, "target": r.Target, "verdict": string(r.Verdict), "run": r.Run}, red)}}}
	if r.Verdict == stack.VerdictGood {
		t.Result = "PASSED"
	}
	for _, g := range r.Gates {
		name := red.String(g.ID + "/" + string(g.Phase))
		switch g.Status {
		case stack.Passed:
			t.PassedTests = append(t.PassedTests, name)
		case stack.Failed:
			t.FailedTests = append(t.FailedTests, name)
		default:
			t.WarnedTests = append(t.WarnedTests, name)
		}
	}
	raw, err := protojson.Marshal(t)
	if err != nil {
		return nil, err
	}
	var predicate structpb.Struct
	if err := protojson.Unmarshal(raw, &predicate); err != nil {
		return nil, err
	}
	s := &intoto.Statement{Type: intoto.StatementTypeUri, PredicateType: PredicateType, Predicate: &predicate,
		Subject: []*intoto.ResourceDescriptor{{Name: manifest, Digest: map[string]string{"sha256": sum(manifestContent)}}}}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return protojson.Marshal(s)
}

func annotations(m map[string]any, red *redact.Redactor) *structpb.Struct {
	out := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for k, v := range m {
		out.Fields[k] = structpb.NewStringValue(red.String(fmt.Sprint(v)))
	}
	return out
}

// publicKey verifies with one ed25519 key (dsse.Verifier).
type publicKey struct{ key ed25519.PublicKey }

func (p publicKey) Verify(_ context.Context, data, sig []byte) error {
	if !ed25519.Verify(p.key, data, sig) {
		return errors.New("the signature does not fit")
	}
	return nil
}

func (p publicKey) KeyID() (string, error)   { return dsse.SHA256KeyID(p.key) }
func (p publicKey) Public() crypto.PublicKey { return p.key }
