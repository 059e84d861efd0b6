//go:build unix

package secret

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"

	"stackctl/pkg/stackctl/stack"
)

const value = "hunter2-of-the-shop"

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func identity(t *testing.T) *age.X25519Identity {
	t.Helper()
	i, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func read(t *testing.T, r *Reader, s stack.SecretSource) (string, error) {
	t.Helper()
	r.File = "stackctl.yaml"
	if s.Timeout == 0 {
		s.Timeout = 20 * time.Second
	}
	got, err := r.Read(context.Background(), "key", s)
	if err != nil && (strings.Contains(err.Error(), value) || stack.CauseOf(err) != stack.CauseUsage) {
		t.Errorf("the error holds the value, or is no usage error: %v", err)
	}
	return string(got), err
}

func TestACommandPrintsTheValue(t *testing.T) {
	got, err := read(t, new(Reader), stack.SecretSource{Command: []string{"/bin/sh", "-c", "echo " + value}})
	if err != nil || got != value {
		t.Errorf("%q, %v", got, err)
	}
}

func TestNoErrorOfACommandHoldsWhatItPrinted(t *testing.T) {
	for wants, s := range map[string]stack.SecretSource{
		"exit code 4":        {Command: []string{"/bin/sh", "-c", "echo " + value + "; echo wrong: " + value + " >&2; exit 4"}},
		"not ended in time":  {Command: []string{"/bin/sh", "-c", "echo " + value + "; sleep 300"}, Timeout: time.Second},
		"more than is taken": {Command: []string{"/bin/sh", "-c", "while :; do echo " + value + "; done"}},
		"no such program":    {Command: []string{"no-such-program", value}},
		"printed nothing":    {Command: []string{"/bin/sh", "-c", "exit 0", value}},
		"it is empty":        {Command: []string{"/bin/sh", "-c", "echo; echo"}},
		"signal":             {Command: []string{"/bin/sh", "-c", "echo " + value + "; kill -9 $$"}},
	} {
		if _, err := read(t, new(Reader), s); err == nil || !strings.Contains(err.Error(), wants) {
			t.Errorf("%s: %v", wants, err)
		}
	}
}

func TestCtrlCEndsACommand(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("interrupted"))
	_, err := new(Reader).Read(ctx, "key", stack.SecretSource{Command: []string{"/bin/sleep", "300"}, Timeout: time.Minute})
	if stack.CauseOf(err) != stack.CauseInterrupted {
		t.Errorf("%v", err)
	}
}

func TestAFileHoldsTheValue(t *testing.T) {
	if got, err := read(t, new(Reader), stack.SecretSource{File: write(t, "key", value+"\n")}); err != nil || got != value+"\n" {
		t.Errorf("%q, %v", got, err)
	}
	for wants, file := range map[string]string{
		"does not exist": filepath.Join(t.TempDir(), "none"), "is a directory": t.TempDir(), "it is empty": write(t, "key", " \n"),
		"larger than": write(t, "key", strings.Repeat("x", Most+1)),
	} {
		if _, err := read(t, new(Reader), stack.SecretSource{File: file}); err == nil || !strings.Contains(err.Error(), wants) {
			t.Errorf("%s: %v", wants, err)
		}
	}
}

func TestAnAgeFileIsWrittenAndRead(t *testing.T) {
	mine, other := identity(t), identity(t)
	keys := write(t, "keys.txt", "# a key\n"+mine.String()+"\n")
	file := filepath.Join(t.TempDir(), "key.age")
	s := stack.SecretSource{Age: file}
	w := &Reader{Age: stack.Age{Recipients: []string{mine.Recipient().String(), other.Recipient().String()}}}
	if err := w.Write("key", s, []byte(value)); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil || bytes.Contains(raw, []byte(value)) || !bytes.HasPrefix(raw, []byte("-----BEGIN AGE")) {
		t.Fatalf("%s, %v", raw, err)
	}
	env := func(name, text string) *Reader {
		return &Reader{Env: func(asked string) string { return map[string]string{name: text}[asked] }}
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	for name, r := range map[string]*Reader{
		"a named file": {Age: stack.Age{Identity: keys}}, "a variable": env(keyVariable, other.String()),
		"a variable of SOPS": env(sopsVariable, mine.String()), "a file of SOPS": env(sopsFileVariable, keys),
	} {
		if got, err := read(t, r, s); err != nil || got != value {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	raw[len(raw)/2] ^= 1
	for wants, c := range map[string]struct {
		r *Reader
		s stack.SecretSource
	}{
		"none of the 1 keys":      {env(keyVariable, identity(t).String()), s},
		"there is no age key":     {new(Reader), s},
		"no whole age file":       {env(keyVariable, mine.String()), stack.SecretSource{Age: write(t, "bad", string(raw))}},
		"holds no age identity":   {&Reader{Age: stack.Age{Identity: write(t, "keys", value)}}, s},
		"no such file":            {&Reader{Age: stack.Age{Identity: filepath.Join(t.TempDir(), "none")}}, s},
		"it is no whole age file": {env(keyVariable, mine.String()), stack.SecretSource{Age: write(t, "plain", value)}},
	} {
		if _, err := read(t, c.r, c.s); err == nil || !strings.Contains(err.Error(), wants) {
			t.Errorf("%s: %v", wants, err)
		}
	}
}

func TestSSHKeysOpenAgeFiles(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("open sesame"))
	if err != nil {
		t.Fatal(err)
	}
	s := stack.SecretSource{Age: filepath.Join(t.TempDir(), "key.age")}
	w := &Reader{Age: stack.Age{Recipients: []string{strings.TrimSpace(string(ssh.MarshalAuthorizedKey(line)))}}}
	if err := w.Write("key", s, []byte(value)); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, &Reader{Age: stack.Age{Identity: write(t, "id", string(pem.EncodeToMemory(plain)))}}, s); err != nil || got != value {
		t.Errorf("%q, %v", got, err)
	}
	asked := write(t, "id", string(pem.EncodeToMemory(locked)))
	for said, wants := range map[string]string{"open sesame": "", "wrong": "the passphrase is wrong"} {
		r := &Reader{Age: stack.Age{Identity: asked}, Ask: func(string) ([]byte, error) { return []byte(said), nil }}
		got, err := read(t, r, s)
		if wants == "" && (err != nil || got != value) || wants != "" && (err == nil || !strings.Contains(err.Error(), wants)) {
			t.Errorf("%s: %q, %v", said, got, err)
		}
	}
	if _, err := read(t, &Reader{Age: stack.Age{Identity: asked}}, s); err == nil || !strings.Contains(err.Error(), passphraseVariable) {
		t.Errorf("nobody to ask: %v", err)
	}
}

func TestWritingRefuses(t *testing.T) {
	for wants, s := range map[string]stack.SecretSource{
		"kept elsewhere": {Command: []string{"op"}}, "SOPS alone": {SOPS: "x.yaml", Key: "a"},
		"no public key": {Age: "x.age"},
	} {
		r := &Reader{File: "stackctl.yaml", Age: stack.Age{Recipients: []string{"age1nonsense"}}}
		if err := r.Write("key", s, []byte(value)); err == nil || !strings.Contains(err.Error(), wants) || stack.CauseOf(err) != stack.CauseUsage {
			t.Errorf("%s: %v", wants, err)
		}
	}
	file := write(t, "key", "old")
	if err := new(Reader).Write("key", stack.SecretSource{File: file}, []byte(" \n")); err == nil {
		t.Error("an empty value was taken")
	}
	if err := new(Reader).Write("key", stack.SecretSource{File: file}, []byte(value)); err != nil {
		t.Error(err)
	}
	if raw, err := os.ReadFile(file); err != nil || string(raw) != value {
		t.Errorf("%q, %v", raw, err)
	}
}
