//go:build unix

package secret

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// The files under testdata/sops were written by SOPS' own packages, version
// 3.10.2: stores, aes and age of github.com/getsops/sops/v3.

func sopsReader() *Reader {
	return &Reader{Age: stack.Age{Identity: "testdata/sops/key.txt"}}
}

func TestFilesOfSOPSAreRead(t *testing.T) {
	for file, keys := range map[string]map[string]string{
		"plain.yaml": {"db.password": "correct horse battery", "db.port": "5432", "db.tls": "true", "db.ratio": "0.25", "db.hosts.1": "oslo",
			"db.notes_unencrypted": "seen by all", "pem": "line one\nline two\n"},
		"mac-only.yaml": {"db.password": "correct horse battery"},
		"plain.json":    {"db.password": "correct horse battery", "db.port": "5432", "db.hosts.0": "berlin", "db.hosts.1.name": "oslo"},
		"plain.env":     {"DB_PASSWORD": "correct horse battery", "PEM": "line one\nline two"},
	} {
		for key, wants := range keys {
			got, err := read(t, sopsReader(), stack.SecretSource{SOPS: "testdata/sops/" + file, Key: key})
			if err != nil || got != wants {
				t.Errorf("%s %s: %q, %v", file, key, got, err)
			}
		}
	}
}

func TestFilesOfSOPSThatAreNotWhole(t *testing.T) {
	for name, c := range map[string]struct{ file, old, new, wants string }{
		"a value in clear was changed": {"plain.yaml", "seen by all", "seen by few", "its sum does not fit"},
		"a value was moved":            {"plain.yaml", "    password:", "    passwort:", "cannot be opened"},
		"a value was taken out":        {"plain.env", "EMPTY=\n", "", ""},
		"a line was added":             {"plain.yaml", "    nothing: null\n", "    nothing: null\n    more_unencrypted: x\n", "its sum does not fit"},
		"nothing is encrypted":         {"plain.json", `"mac":`, `"mak":`, "not encrypted by SOPS"},
		"another recipient's":          {"plain.yaml", "age:", "agf:", "for no age recipient"},
	} {
		raw, err := os.ReadFile(filepath.Join("testdata/sops", c.file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(raw), c.old) {
			t.Errorf("%s: %q is not in %s", name, c.old, c.file)
			continue
		}
		s := stack.SecretSource{SOPS: write(t, c.file, strings.Replace(string(raw), c.old, c.new, 1)), Key: "db.password"}
		if c.file == "plain.env" {
			s.Key = "DB_PASSWORD"
		}
		_, err = read(t, sopsReader(), s)
		if c.wants == "" && err != nil || c.wants != "" && (err == nil || !strings.Contains(err.Error(), c.wants)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := &Reader{Age: stack.Age{Identity: write(t, "key", identity(t).String())}}
	if _, err := read(t, other, stack.SecretSource{SOPS: "testdata/sops/plain.yaml", Key: "pem"}); err == nil || !strings.Contains(err.Error(), "none of the 1 keys") {
		t.Errorf("%v", err)
	}
	if _, err := read(t, sopsReader(), stack.SecretSource{SOPS: "testdata/sops/plain.yaml", Key: "db.passwd"}); err == nil || !strings.Contains(err.Error(), "no value of that key") {
		t.Errorf("%v", err)
	}
}
