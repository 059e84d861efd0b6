package evidence

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"

	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"stackctl/pkg/stackctl/stack"
)

// ReleaseType is the type of the predicate of a list of sums (in-toto).
const ReleaseType = "https://in-toto.io/attestation/release/v0.1"

// Signature is the file beside a list of sums that says who vouches for it.
func Signature(list string) string { return list + ".dsse.json" }

// SignSums makes the content of Signature: the statement that this list of sums
// is the release with this package URL. It is of the same form as a run's
// attestation, and has no signature without a signer.
func SignSums(name string, list []byte, purl string, signer *Signer) ([]byte, error) {
	s := &intoto.Statement{Type: intoto.StatementTypeUri, PredicateType: ReleaseType,
		Predicate: &structpb.Struct{Fields: map[string]*structpb.Value{"purl": structpb.NewStringValue(purl)}},
		Subject:   []*intoto.ResourceDescriptor{{Name: name, Digest: map[string]string{"sha256": sum(list)}}}}
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("sign %s: %w", name, err)
	}
	raw, err := protojson.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", name, err)
	}
	// protojson puts spaces where it likes; a release is the same every time.
	var body bytes.Buffer
	if err := json.Compact(&body, raw); err != nil {
		return nil, fmt.Errorf("sign %s: %w", name, err)
	}
	out, err := enclose(body.Bytes(), signer)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", name, err)
	}
	return out, nil
}

// Sums is what VerifySums found.
type Sums struct {
	List string `json:"list"`
	// Signer is the fingerprint of the key that signed, if one did and fits.
	Signer string `json:"signer,omitempty"`
	// Whole are the files beside the list that are as it says, Absent those that
	// are not there.
	Whole    []string  `json:"whole"`
	Absent   []string  `json:"absent"`
	Problems []Problem `json:"problems"`
}

// Status is one word: good, unsigned (whole, but nobody vouches for it) or
// refused.
func (s Sums) Status() string {
	if len(s.Problems) == 0 && s.Signer != "" {
		return "good"
	}
	return worst(s.Problems)
}

// Err is nil where all that is there is whole and signed by the given key. What
// is whole but not signed, or not checked against a key, could not be judged;
// all else failed.
func (s Sums) Err() error {
	switch s.Status() {
	case "good":
		return nil
	case "unsigned":
		return stack.Fault(stack.CauseUnjudged, "verify "+s.List, first(s.Problems), "give the public key of who made the release with --key")
	}
	return stack.Fault(stack.CauseGate, "verify "+s.List, first(s.Problems), "do not use these files; get them again")
}

// Text returns what was found as people read it.
func (s Sums) Text() string {
	var b strings.Builder
	switch s.Status() {
	case "good":
		fmt.Fprintf(&b, "Good: %s is signed by %s\n", s.List, s.Signer)
	case "unsigned":
		fmt.Fprintf(&b, "Whole, but nobody vouches for it: %s\n", s.List)
	default:
		fmt.Fprintf(&b, "REFUSED: not everything is as %s was signed\n", s.List)
	}
	for _, p := range s.Problems {
		fmt.Fprintf(&b, "  %s  %s  %s\n", p.Kind, p.Path, oneLine(p.What))
	}
	for _, name := range s.Whole {
		fmt.Fprintf(&b, "  whole  %s\n", name)
	}
	if n := len(s.Absent); n > 0 {
		fmt.Fprintf(&b, "  %d listed files are not here\n", n)
	}
	return b.String()
}

func (s *Sums) problem(kind ProblemKind, path, format string, args ...any) {
	s.Problems = append(s.Problems, Problem{kind, oneLine(path), fmt.Sprintf(format, args...)})
}

// VerifySums checks, without a network, that pub signed a list of sums, and that
// the files of it that stand beside it are as it says. Without a key the answer
// is at best "unsigned". The error is for a list that cannot be read at all.
func VerifySums(list string, pub ed25519.PublicKey) (Sums, error) {
	s := Sums{List: list, Whole: []string{}, Absent: []string{}, Problems: []Problem{}}
	content, err := readRegular(list)
	if err != nil {
		return s, stack.Fault(stack.CauseUsage, "read the list of sums "+list, plainError(err), "name the checksums.txt of a release")
	}
	s.signature(content, pub)
	s.files(content)
	return s, nil
}

// signature checks that pub signed a statement about this list.
func (s *Sums) signature(list []byte, pub ed25519.PublicKey) {
	name := filepath.Base(Signature(s.List))
	content, err := readRegular(Signature(s.List))
	if errors.Is(err, fs.ErrNotExist) {
		s.problem(Unsigned, name, "it is not beside the list, so nobody vouches for it")
		return
	} else if err != nil {
		s.problem(Changed, name, "%v", plainError(err))
		return
	}
	var envelope dsse.Envelope
	if err := json.Unmarshal(content, &envelope); err != nil || envelope.PayloadType != payloadType {
		s.problem(Changed, name, "not an in-toto attestation")
		return
	}
	body, err := envelope.DecodeB64Payload()
	if err != nil {
		s.problem(Changed, name, "its payload is not base64")
		return
	}
	if want, err := envelopeFile(&envelope); err != nil || !bytes.Equal(want, content) {
		s.problem(Changed, name, "not as it was written")
	}
	var st intoto.Statement
	if err := protojson.Unmarshal(body, &st); err != nil || st.Validate() != nil || st.PredicateType != ReleaseType {
		s.problem(Changed, name, "not a statement of a release")
	} else if len(st.Subject) != 1 || st.Subject[0].Digest["sha256"] != sum(list) {
		s.problem(Changed, filepath.Base(s.List), "the attestation speaks of another list")
	}
	switch {
	case len(envelope.Signatures) == 0:
		s.problem(Unsigned, name, "the release was not signed: it may be whole, but nobody vouches for it")
	case pub == nil:
		s.problem(NoKey, name, "signed by %s; give the public key to check that", oneLine(envelope.Signatures[0].KeyID))
	default:
		id, kind, what := judgeSigner(&envelope, pub)
		if s.Signer = id; what != "" {
			s.problem(kind, name, "%s", what)
		}
	}
}

// sumLine is a line of the list, as sha256sum writes and reads it.
var sumLine = regexp.MustCompile(`^([0-9a-f]{64}) [ *]([A-Za-z0-9][A-Za-z0-9._+~-]*)$`)

// files compares the files beside the list with it.
func (s *Sums) files(list []byte) {
	name := filepath.Base(s.List)
	for i, line := range strings.Split(strings.TrimSuffix(string(list), "\n"), "\n") {
		m := sumLine.FindStringSubmatch(line)
		if m == nil {
			s.problem(Changed, name, "line %d is no sum of a file", i+1)
			return
		}
		content, err := readRegular(filepath.Join(filepath.Dir(s.List), m[2]))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			s.Absent = append(s.Absent, m[2])
		case err != nil:
			s.problem(Changed, m[2], "%v", plainError(err))
		case sum(content) != m[1]:
			s.problem(Changed, m[2], "its SHA-256 is not the list's")
		default:
			s.Whole = append(s.Whole, m[2])
		}
	}
	if len(s.Whole) == 0 && len(s.Problems) == 0 {
		s.problem(Missing, name, "no file that it lists is beside it")
	}
}
