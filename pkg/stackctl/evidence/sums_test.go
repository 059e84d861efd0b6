package evidence

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// released is a folder with two files, a list of three, and its signature.
func released(t *testing.T) (dir, list string, pub ed25519.PublicKey) {
	t.Helper()
	dir = t.TempDir()
	write("a.tar.gz", "an archive")(t, dir)
	write("b_1.0.0~rc.1_amd64.deb", "a package")(t, dir)
	content := fmt.Sprintf("%s  a.tar.gz\n%s  b_1.0.0~rc.1_amd64.deb\n%s  c.zip\n", sum([]byte("an archive")), sum([]byte("a package")), sum([]byte("elsewhere")))
	write("checksums.txt", content)(t, dir)
	s := signer(t)
	for range 3 {
		envelope, err := SignSums("checksums.txt", []byte(content), "pkg:generic/stackctl@v1.0.0", s)
		if err != nil {
			t.Fatal(err)
		}
		if old, err := os.ReadFile(filepath.Join(dir, "checksums.txt.dsse.json")); err == nil && !bytes.Equal(old, envelope) {
			t.Fatal("the same list is signed in two ways")
		}
		write("checksums.txt.dsse.json", string(envelope))(t, dir)
	}
	return dir, filepath.Join(dir, "checksums.txt"), s.Public()
}

func signer(t *testing.T) *Signer {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	if err := KeyGen(key); err != nil {
		t.Fatal(err)
	}
	s, err := LoadSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAReleaseThatIsWholeAndSigned(t *testing.T) {
	_, list, pub := released(t)
	s, err := VerifySums(list, pub)
	if err != nil || s.Err() != nil || s.Status() != "good" || len(s.Whole) != 2 || !slices.Equal(s.Absent, []string{"c.zip"}) {
		t.Errorf("%+v, %v", s, err)
	}
	if !strings.Contains(s.Text(), "whole  a.tar.gz") || !strings.Contains(s.Text(), "signed by SHA256:") {
		t.Error(s.Text())
	}
	if s, err = VerifySums(list, nil); err != nil || s.Status() != "unsigned" || stack.CauseOf(s.Err()) != stack.CauseUnjudged {
		t.Errorf("without a key: %+v, %v", s, err)
	}
}

func TestAReleaseThatWasAlteredIsRefused(t *testing.T) {
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[at] ^= 1; return b }
	}
	for _, c := range []tampering{
		{"one bit of an archive", edit("a.tar.gz", flip(3)), Changed, "a.tar.gz"},
		{"an archive that was cut", edit("a.tar.gz", func(b []byte) []byte { return b[:4] }), Changed, "a.tar.gz"},
		{"another sum in the list", edit("checksums.txt", func(b []byte) []byte { return bytes.Replace(b, b[:64], []byte(strings.Repeat("0", 64)), 1) }), Changed, "checksums.txt"},
		{"one line less", edit("checksums.txt", func(b []byte) []byte { return b[bytes.IndexByte(b, '\n')+1:] }), Changed, "checksums.txt"},
		{"a path in the list", edit("checksums.txt", func(b []byte) []byte { return bytes.Replace(b, []byte("c.zip"), []byte("../c"), 1) }), Changed, "checksums.txt"},
		{"one bit of the signature", edit("checksums.txt.dsse.json", func(b []byte) []byte {
			b[bytes.Index(b, []byte(`"sig": "`))+12] ^= 1
			return b
		}), Changed, "checksums.txt.dsse.json"},
		{"no signature", remove("checksums.txt.dsse.json"), Unsigned, "checksums.txt.dsse.json"},
		{"nothing to check", remove("a.tar.gz", "b_1.0.0~rc.1_amd64.deb"), Missing, "checksums.txt"},
		{"a link", func(t *testing.T, dir string) {
			remove("a.tar.gz")(t, dir)
			if err := os.Symlink("b_1.0.0~rc.1_amd64.deb", filepath.Join(dir, "a.tar.gz")); err != nil {
				t.Fatal(err)
			}
		}, Changed, "a.tar.gz"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, list, pub := released(t)
			c.do(t, dir)
			s, err := VerifySums(list, pub)
			if err != nil || s.Err() == nil || s.Status() == "good" {
				t.Fatalf("it is good: %+v, %v", s, err)
			}
			if !slices.ContainsFunc(s.Problems, func(p Problem) bool { return p.Kind == c.kind && p.Path == c.path }) {
				t.Errorf("not named as %s of %s: %+v", c.kind, c.path, s.Problems)
			}
		})
	}
}

func TestAReleaseOfAnotherKey(t *testing.T) {
	_, list, _ := released(t)
	s, err := VerifySums(list, signer(t).Public())
	if err != nil || s.Status() != "refused" || s.Problems[0].Kind != WrongKey || s.Signer != "" {
		t.Errorf("%+v, %v", s, err)
	}
}

// A run's attestation vouches for no release: its payload is of another kind.
func TestARunsAttestationIsNoRelease(t *testing.T) {
	dir, list, _ := released(t)
	s := signer(t)
	content, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := attest(stack.Report{Verdict: stack.VerdictGood}, content, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	write("checksums.txt.dsse.json", string(envelope))(t, dir)
	if c, err := VerifySums(list, s.Public()); err != nil || c.Status() != "refused" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestAnUnsignedReleaseSaysSo(t *testing.T) {
	dir, list, pub := released(t)
	content, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := SignSums("checksums.txt", content, "pkg:generic/stackctl@v1.0.0", nil)
	if err != nil {
		t.Fatal(err)
	}
	write("checksums.txt.dsse.json", string(envelope))(t, dir)
	if c, err := VerifySums(list, pub); err != nil || c.Status() != "unsigned" || !bytes.Contains(envelope, []byte("NOT SIGNED")) {
		t.Errorf("%+v, %v", c, err)
	}
}
