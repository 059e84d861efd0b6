package evidence

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"path/filepath"
	"slices"

	results "github.com/in-toto/attestation/go/predicates/test_result/v0"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"google.golang.org/protobuf/encoding/protojson"

	"stackctl/pkg/stackctl/stack"
)

// signature checks that pub signed a statement about this manifest.
func (c *Check) signature(dir string, manifestContent []byte, pub ed25519.PublicKey) {
	content, err := readRegular(filepath.Join(dir, attestation))
	if err != nil {
		return // listed as missing, or as a link
	}
	var envelope dsse.Envelope
	if err := json.Unmarshal(content, &envelope); err != nil || envelope.PayloadType != payloadType {
		c.problem(Changed, attestation, "not an in-toto attestation")
		return
	}
	body, err := envelope.DecodeB64Payload()
	if err != nil {
		c.problem(Changed, attestation, "its payload is not base64")
		return
	}
	if want, err := envelopeFile(&envelope); err != nil || !bytes.Equal(want, content) {
		c.problem(Changed, attestation, "not as it was written")
	}
	c.statement(body, manifestContent)
	switch {
	case len(envelope.Signatures) == 0:
		c.problem(Unsigned, attestation, "the run was not signed: it may be whole, but nobody vouches for it")
	case pub == nil:
		c.problem(NoKey, attestation, "signed by %s; give the public key to check that", oneLine(envelope.Signatures[0].KeyID))
	default:
		c.signer(&envelope, pub)
	}
}

func (c *Check) signer(envelope *dsse.Envelope, pub ed25519.PublicKey) {
	id, kind, what := judgeSigner(envelope, pub)
	if what != "" {
		c.problem(kind, attestation, "%s", what)
		return
	}
	c.Signer = id
}

// judgeSigner returns the fingerprint of pub, if that signed the envelope, or what
// is wrong.
func judgeSigner(envelope *dsse.Envelope, pub ed25519.PublicKey) (id string, kind ProblemKind, what string) {
	verifier, err := dsse.NewEnvelopeVerifier(publicKey{pub})
	if err != nil {
		return "", WrongKey, err.Error()
	}
	if id, err = dsse.SHA256KeyID(pub); err != nil {
		return "", WrongKey, err.Error()
	}
	if accepted, err := verifier.Verify(context.Background(), envelope); err == nil && len(accepted) == 1 {
		return id, "", ""
	}
	if slices.ContainsFunc(envelope.Signatures, func(s dsse.Signature) bool { return s.KeyID == id }) {
		return "", Changed, "the signature of " + id + " does not fit"
	}
	return "", WrongKey, "signed by " + oneLine(envelope.Signatures[0].KeyID) + ", not by " + id
}

// statement checks that the attestation speaks of this manifest and verdict.
func (c *Check) statement(body, manifestContent []byte) {
	var s intoto.Statement
	if err := protojson.Unmarshal(body, &s); err != nil || s.Validate() != nil || s.PredicateType != PredicateType {
		c.problem(Changed, attestation, "not a statement of a test result")
		return
	}
	if len(s.Subject) != 1 || s.Subject[0].Name != manifest || s.Subject[0].Digest["sha256"] != sum(manifestContent) {
		c.problem(Changed, manifest, "the attestation speaks of another manifest")
	}
	var t results.TestResult
	raw, err := protojson.Marshal(s.Predicate)
	if err == nil {
		err = protojson.Unmarshal(raw, &t)
	}
	if err != nil || (t.Result == "PASSED") != (c.Manifest.Verdict == stack.VerdictGood) {
		c.problem(Changed, attestation, "its result is not the manifest's verdict")
	}
}
