package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl/pkg/stackctl/evidence"
	"stackctl/pkg/stackctl/update"
)

// bench is what all tests share: two releases of one commit, made in two folders
// of a small program that stands in for stackctl. The second is for the first and
// the last platform alone.
type bench struct {
	dir, key    string
	first, then string // the folders of the releases
}

var once = sync.OnceValues(func() (*bench, error) {
	dir, err := os.MkdirTemp("", "release-test-")
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir, key: filepath.Join(dir, "release.key"), first: filepath.Join(dir, "one", "dist"), then: filepath.Join(dir, "another", "folder", "dist")}
	if err := evidence.KeyGen(b.key); err != nil {
		return b, err
	}
	nfpm, err := (&release{work: dir}).installNFPM(context.Background())
	if err != nil {
		return b, err
	}
	for _, out := range []string{b.first, b.then} {
		if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
			return b, err
		}
		r, err := sample(b.key, out)
		if err != nil {
			return b, err
		}
		r.nfpm = nfpm
		if out == b.then {
			r.platforms = append(r.platforms[:1], r.platforms[len(r.platforms)-1])
		}
		if err := r.produce(context.Background()); err != nil {
			return b, err
		}
	}
	return b, nil
})

func TestMain(m *testing.M) {
	_ = os.Unsetenv(evidence.KeyVariable) // the key is the test's own
	code := m.Run()
	if b, _ := once(); b != nil {
		_ = os.RemoveAll(b.dir)
	}
	os.Exit(code)
}

func made(t *testing.T) *bench {
	t.Helper()
	b, err := once()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sample is a release of the stand-in.
func sample(key, out string) (*release, error) {
	root, err := repository(context.Background())
	if err != nil {
		return nil, err
	}
	signer, err := evidence.LoadSigner(key)
	if err != nil {
		return nil, err
	}
	r := &release{version: "v1.2.3", date: time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC), root: root, out: out, signer: signer, progress: io.Discard,
		url: "https://downloads.example.org/stackctl/v1.2.3", notes: "https://example.org/v1.2.3", maintainer: "stackctl maintainers <stackctl@localhost>", compile: standin}
	for _, p := range []platform{{"linux", runtime.GOARCH}, {"linux", "arm64"}, {"darwin", "arm64"}, {"darwin", "amd64"}, {"windows", "amd64"}} {
		if len(r.platforms) == 0 || p != r.platforms[0] {
			r.platforms = append(r.platforms, p)
		}
	}
	return r, nil
}

// compiled is the stand-in, compiled once.
var compiled = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "standin-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "stackctl")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", file, "./testdata/standin")
	if _, err := output(cmd); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

// standin puts the stand-in for this machine in the place of every platform's
// program: what is tested is what is around it.
func standin(_ context.Context, _ platform, file string) error {
	content, err := compiled()
	if err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o755)
}

// lists are the files that name all others.
var lists = map[string]bool{"checksums.txt": true, "checksums.txt.dsse.json": true, "latest.json": true, "stackctl.rb": true}

func TestTheSameCommitMakesTheSameRelease(t *testing.T) {
	b := made(t)
	names, same := map[string]bool{}, 0
	entries, err := os.ReadDir(b.first)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names[e.Name()] = true
		one, err := os.ReadFile(filepath.Join(b.first, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(one, []byte(b.dir)) {
			t.Errorf("%s holds the folder that it was made in", e.Name())
		}
		another, err := os.ReadFile(filepath.Join(b.then, e.Name()))
		if errors.Is(err, fs.ErrNotExist) || lists[e.Name()] {
			continue
		}
		if same++; err != nil || !bytes.Equal(one, another) {
			t.Errorf("%s is not the same twice: %d bytes, %d bytes, %v", e.Name(), len(one), len(another), err)
		}
	}
	// Two archives, three packages and two bills of materials.
	if same != 7 {
		t.Errorf("%d files were compared", same)
	}
	want := []string{"checksums.txt", "checksums.txt.dsse.json", "latest.json", "stackctl.rb", "stackctl_1.2.3_arm64.deb", "stackctl-1.2.3-1.aarch64.rpm",
		"stackctl_1.2.3_aarch64.apk", "stackctl_1.2.3_windows_amd64.zip", "stackctl_1.2.3_darwin_arm64.tar.gz", "stackctl_1.2.3_linux_arm64.cdx.json"}
	for _, name := range want {
		if !names[name] {
			t.Errorf("there is no %s among %v", name, names)
		}
	}
}

func TestTheFormulaNamesTheArchivesWithTheirSums(t *testing.T) {
	b := made(t)
	formula, err := os.ReadFile(filepath.Join(b.first, "stackctl.rb"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"darwin_arm64", "darwin_amd64", "linux_arm64"} {
		name := "stackctl_1.2.3_" + p + ".tar.gz"
		sum, err := fileSum(filepath.Join(b.first, name))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("url \"https://downloads.example.org/stackctl/v1.2.3/%s\"\n      sha256 \"%s\"", name, sum.SHA256); !bytes.Contains(formula, []byte(want)) {
			t.Errorf("no %s in\n%s", want, formula)
		}
	}
	if text := string(formula); strings.Contains(text, "windows") || strings.Count(text, " do\n")+1 != strings.Count(text, "end\n")-1 {
		t.Errorf("blocks do not end, or what Homebrew does not know is named:\n%s", text)
	}
}

func TestTheIndexListsWhatThereIs(t *testing.T) {
	b := made(t)
	raw, err := os.ReadFile(filepath.Join(b.first, indexFile))
	if err != nil {
		t.Fatal(err)
	}
	var index update.Index
	if err := json.Unmarshal(raw, &index); err != nil || index.Version != "v1.2.3" || index.Date.Unix() != 1773480413 || index.Notes != "https://example.org/v1.2.3" {
		t.Errorf("%+v, %v", index, err)
	}
	for _, f := range index.Files {
		if is, err := fileSum(filepath.Join(b.first, f.Path)); err != nil || is != f {
			t.Errorf("%+v is %+v, %v", f, is, err)
		}
	}
	entries, err := os.ReadDir(b.first)
	if err != nil || len(index.Files) != len(entries)-3 {
		t.Errorf("%d files are listed, of %d with the lists themselves, %v", len(index.Files), len(entries), err)
	}
}

func TestWhatCannotBeReleasedIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no version":      {nil, "such as v1.2.3"},
		"no v":            {[]string{"-version", "1.2.3"}, "such as v1.2.3"},
		"half a version":  {[]string{"-version", "v1.2"}, "such as v1.2.3"},
		"in clear":        {[]string{"-version", "v1.2.3", "-url", "http://example.org"}, "no plain https URL"},
		"Ruby in a URL":   {[]string{"-version", "v1.2.3", "-url", "https://example.org/#{x}"}, "no plain https URL"},
		"a platform":      {[]string{"-version", "v1.2.3", "-platforms", "plan9/amd64"}, "there is none for plan9/amd64"},
		"a stray word":    {[]string{"-version", "v1.2.3", "now"}, `"now" is no flag`},
		"an unknown flag": {[]string{"-versio", "v1.2.3"}, "not defined"},
	} {
		var errs bytes.Buffer
		if exit := run(context.Background(), c.args, io.Discard, &errs); exit != 2 || !strings.Contains(errs.String(), c.says) {
			t.Errorf("%s: exit code %d, %s", name, exit, errs.String())
		}
	}
	r := &release{out: t.TempDir(), progress: io.Discard}
	if err := os.WriteFile(r.file("old"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.produce(context.Background()); err == nil || !strings.Contains(err.Error(), "holds files already") {
		t.Errorf("a folder that is not empty: %v", err)
	}
}

func TestOnlyACommitIsReleased(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x@localhost"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE=1773480413 +0200")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	git("init", "-q")
	git("commit", "-q", "--allow-empty", "-m", "x")
	if at, err := commitTime(context.Background(), dir, "v1.0.0"); err != nil || at != time.Unix(1773480413, 0).UTC() {
		t.Errorf("%v, %v", at, err)
	}
	git("tag", "v1.0.0")
	if _, err := commitTime(context.Background(), dir, "v1.0.0"); err != nil {
		t.Errorf("a tag of this commit: %v", err)
	}
	git("commit", "-q", "--allow-empty", "-m", "y", "--date", "1773480500 +0000")
	if _, err := commitTime(context.Background(), dir, "v1.0.0"); err == nil || !strings.Contains(err.Error(), "the tag v1.0.0 is of another commit") {
		t.Errorf("a tag of another commit: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := commitTime(context.Background(), dir, "v2.0.0"); err == nil || !strings.Contains(err.Error(), "in no commit") {
		t.Errorf("changes of no commit: %v", err)
	}
}
