//go:build linux

package backup

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"stackctl/pkg/stackctl/stack"
)

// sealed writes an age file for b's key.
func sealed(t *testing.T, b *Backups, plain string) string {
	t.Helper()
	recipients, err := Recipients(b.Config)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, recipients...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return place(t, out.Bytes())
}

func place(t *testing.T, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "given.age")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const goodManifest = `{"name":"shop-20260314T092653Z-0a1b2c","project":"shop","target":"prod","release":"","cause":"x","created":"2026-03-14T09:26:53Z","database":"shop","database_bytes":1,"tables":[],"sequences":[]}`

func withManifest(manifest, dump string) string {
	return fmt.Sprintf("%s%d\n%s\n%s", magic, len(manifest), manifest, dump)
}

func TestFilesThatAreNoBackupOfOursAreRefused(t *testing.T) {
	c := newCluster(t)
	b := c.backups(t)
	whole, err := os.ReadFile(sealed(t, b, withManifest(goodManifest, "the dump")))
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(whole)
	changed[len(changed)-5] ^= 1
	stanza := "-> X25519 " + strings.Repeat("A", 43) + "\n" + strings.Repeat("A", 43) + "\n"
	for name, f := range map[string]struct{ file, says string }{
		"an empty file":         {place(t, nil), "not an age file"},
		"some text":             {place(t, []byte("hello")), "not an age file"},
		"a folder":              {t.TempDir() + "/.", "no regular file"},
		"no file":               {filepath.Join(t.TempDir(), "none.age"), "no such file"},
		"a header without end":  {place(t, []byte("age-encryption.org/v1\n"+strings.Repeat(stanza, 2000))), "header does not end"},
		"a changed byte":        {place(t, changed), "changed or cut"},
		"cut at the end":        {place(t, whole[:len(whole)-1]), "refused"},
		"cut in the header":     {place(t, whole[:60]), "header does not end"},
		"nothing in it":         {sealed(t, b, ""), "not a backup of stackctl"},
		"another content":       {sealed(t, b, "PGDMP and so on, without a manifest"), "not a backup of stackctl"},
		"a line without end":    {sealed(t, b, magic+strings.Repeat("1", 100)), "first line"},
		"a huge manifest":       {sealed(t, b, magic+"999999999\n{}\n"), "first line"},
		"a length of zero":      {sealed(t, b, magic+"0\n\n"), "first line"},
		"a negative length":     {sealed(t, b, magic+"-1\n"), "first line"},
		"a manifest cut short":  {sealed(t, b, magic+"500\n{}"), "ends within its manifest"},
		"a manifest too long":   {sealed(t, b, magic+"2\n{}}\n"), "does not end where it says"},
		"an unknown member":     {sealed(t, b, withManifest(`{"run":"rm"}`, "x")), "cannot be read"},
		"an empty manifest":     {sealed(t, b, withManifest(`{}`, "x")), "names it"},
		"a path as name":        {sealed(t, b, withManifest(strings.Replace(goodManifest, "shop-2026", "../shop-2026", 1), "x")), "names it"},
		"no dump":               {sealed(t, b, withManifest(goodManifest, "")), "no dump"},
		"another project's":     {sealed(t, b, withManifest(strings.ReplaceAll(goodManifest, "shop", "blog"), "the dump")), `project "blog"`},
		"a name of the other's": {sealed(t, b, withManifest(strings.Replace(goodManifest, `"project":"shop"`, `"project":"blog"`, 1), "x")), "whose it is"},
	} {
		o, err := b.Open(t.Context(), f.file)
		if o != nil {
			t.Errorf("%s: opened", name)
			continue
		}
		if stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), f.says) {
			t.Errorf("%s: got %v, want %q in it", name, err, f.says)
		}
	}
	if o, err := b.Open(t.Context(), place(t, whole)); err != nil {
		t.Errorf("the whole one: %v", err)
	} else if o.Manifest.Project != "shop" {
		t.Errorf("got %+v", o.Manifest)
	}
}

func TestAWrongKeyIsSaidSo(t *testing.T) {
	b := newCluster(t).backups(t)
	file := sealed(t, b, withManifest(goodManifest, "the dump"))
	other := filepath.Join(t.TempDir(), "other.key")
	if _, err := KeyGen(other, time.Now()); err != nil {
		t.Fatal(err)
	}
	noKey := place(t, []byte("AGE-SECRET-KEY-1NOTAKEY\n"))
	for identity, says := range map[string]string{other: "another key; name the private key", filepath.Join(t.TempDir(), "none"): "no identity", noKey: "no age identity file", "": "no identity"} {
		b.Config.Identity = identity
		_, err := b.Open(t.Context(), file)
		if stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %q in it", identity, err, says)
		}
		if strings.Contains(fmt.Sprint(err), "NOTAKEY") {
			t.Errorf("the key is in the error: %v", err)
		}
	}
}

// TestAPassphraseIsNeverTried holds that a file cannot ask for minutes of work:
// scrypt's factor stands in the file.
func TestAPassphraseIsNeverTried(t *testing.T) {
	b := newCluster(t).backups(t)
	file := place(t, []byte("age-encryption.org/v1\n-> scrypt "+strings.Repeat("A", 22)+" 30\n"+strings.Repeat("A", 43)+"\n--- "+strings.Repeat("A", 43)+"\n"))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := b.Open(ctx, file); stack.CauseOf(err) != stack.CauseUsage || ctx.Err() != nil {
		t.Errorf("got %v", err)
	}
}

func TestNamesThatAreNoneAreNotLookedFor(t *testing.T) {
	b := newCluster(t).backups(t)
	outside := filepath.Join(filepath.Dir(b.Config.Dir), "shop-20260314T092653Z-0a1b2c.age")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"..", "shop-20260314T092653Z-0a1b2c", "-rf", "$(id)", "latest", "blog-20260314T092653Z-0a1b2c"} {
		if _, err := b.Open(t.Context(), name); stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "has it") {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

func TestOnlyFilesOfOursAreListedAndPruned(t *testing.T) {
	b := newCluster(t).backups(t)
	b.Config.Keep = 2
	var want []string
	foreign := []string{"notes.txt", "shop-latest.age", "blog-20260314T092653Z-0a1b2c.age", "shop-x-20260314T092653Z-0a1b2c.age", "shop-20260314T092653Z-0a1b2c.age.bak", "a\nb.age"}
	for _, dir := range []string{b.Config.Dir, b.hostDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, f := range foreign {
			if err := os.WriteFile(filepath.Join(dir, f), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want = nil
		for i := range 5 {
			name := fmt.Sprintf("shop-2026031%dT092653Z-0a1b2c", i)
			raw, _ := json.Marshal(Record{Name: name, Target: "prod", Bytes: 1, SHA256: strings.Repeat("0", 64)})
			if err := errors.Join(os.WriteFile(filepath.Join(dir, name+".age"), []byte("x"), 0o600), os.WriteFile(filepath.Join(dir, name+".json"), raw, 0o600)); err != nil {
				t.Fatal(err)
			}
			if i >= 3 {
				want = append(want, name)
			}
		}
	}
	gone, err := b.Prune(t.Context())
	if err != nil || len(gone) != 3 {
		t.Errorf("pruned %v, %v", gone, err)
	}
	list, err := b.List(t.Context())
	if err != nil || len(list) != 2 || list[0].Name != want[1] || list[1].Name != want[0] || !list[0].Host || !list[0].Local || list[0].Bytes != 1 {
		t.Errorf("got %+v, %v", list, err)
	}
	for _, dir := range []string{b.Config.Dir, b.hostDir()} {
		if got := names(t, dir); len(got) != len(foreign)+4 {
			t.Errorf("%s holds %v", dir, got)
		}
	}
}

// A backup of a day when the clock was ahead is newer than the one just taken.
func TestTheBackupThatWasTakenLastIsNotPruned(t *testing.T) {
	b := newCluster(t).backups(t)
	b.Config.Keep, b.taken = 1, []string{"shop-20260310T092653Z-0a1b2c"}
	for _, dir := range []string{b.Config.Dir, b.hostDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{b.taken[0], "shop-20390311T092653Z-0a1b2c"} {
			raw, _ := json.Marshal(Record{Name: name, Target: "prod", Bytes: 1, SHA256: strings.Repeat("0", 64)})
			if err := errors.Join(os.WriteFile(filepath.Join(dir, name+".age"), []byte("x"), 0o600), os.WriteFile(filepath.Join(dir, name+".json"), raw, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if gone, err := b.Prune(t.Context()); err != nil || !slices.Equal(gone, []string{"shop-20390311T092653Z-0a1b2c"}) {
		t.Errorf("pruned %v, %v", gone, err)
	}
}

func TestAKeyIsMadeOnceForItsOwnerAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "backup.key")
	public, err := KeyGen(file, time.Now())
	if err != nil || !strings.HasPrefix(public, "age1") {
		t.Fatalf("got %q, %v", public, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := KeyGen(file, time.Now()); stack.CauseOf(err) != stack.CauseUsage {
		t.Errorf("a second key: %v", err)
	}
	recipients, err := Recipients(stack.Backup{Identity: file})
	if err != nil || len(recipients) != 1 || fmt.Sprint(recipients[0]) != public {
		t.Errorf("recipients %v, %v", recipients, err)
	}
	last := "x"
	if strings.HasSuffix(public, last) {
		last = "y"
	}
	if _, err := Recipients(stack.Backup{Recipients: []string{public[:len(public)-1] + last}}); stack.CauseOf(err) != stack.CauseUsage {
		t.Errorf("a mistyped recipient: %v", err)
	}
	for why, c := range map[string]stack.Backup{"": {Service: "db", Identity: file}, "backup.recipients": {Service: "db", Identity: file + ".none"}} {
		if got, err := Ready(c); err != nil || (why == "") != (got == "") || !strings.Contains(got, why) {
			t.Errorf("ready: got %q, %v; want %q", got, err, why)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(withManifest(goodManifest, "dump")))
	f.Add([]byte(magic + "2\n{}\n"))
	f.Add([]byte(strings.Replace(withManifest(strings.Replace(goodManifest, "{", `{"place":"db","kind":"mysql",`, 1), "\x00\x00\x00\x02ok\x00\x00\x00\x00\x00\x00\x00\x02{}"), "/1", "/2", 1)))
	f.Add([]byte(magic + "99999999\n"))
	f.Fuzz(func(t *testing.T, plain []byte) {
		r := bufio.NewReader(bytes.NewReader(plain))
		m, in, err := readManifest(r)
		if err == nil {
			_, err = io.Copy(io.Discard, in)
		}
		if err != nil {
			return
		}
		if !validName(m.Name) || strings.ContainsAny(m.Name, "/\\\x00") {
			t.Errorf("believed the name %q", m.Name)
		}
		// What was believed can be written and read again as the same.
		var again bytes.Buffer
		m.Place, m.Kind = or(m.Place, "db"), m.kind()
		if err := errors.Join(writeManifest(&again, *m), frames{&again}.end(m.Contents)); err != nil {
			t.Fatal(err)
		}
		_, in, err = readManifest(bufio.NewReader(&again))
		if err == nil {
			_, err = io.Copy(io.Discard, in)
		}
		if err != nil {
			t.Errorf("it is not believed again: %v", err)
		}
	})
}

func FuzzRecord(f *testing.F) {
	const name = "shop-20260314T092653Z-0a1b2c"
	f.Add([]byte(`{"name":"` + name + `","sha256":"` + strings.Repeat("0", 64) + `"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if r, err := parseRecord(raw, name); err == nil && r.Name != name {
			t.Errorf("it is about %q", r.Name)
		}
	})
}
