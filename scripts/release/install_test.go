package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"stackctl/pkg/stackctl/evidence"
)

// The files of every package, without those whose place differs.
var installed = []string{"usr/bin/stackctl", "usr/share/man/man1/stackctl.1.gz", "usr/share/man/man1/stackctl-deploy.1.gz",
	"usr/share/bash-completion/completions/stackctl", "usr/share/fish/vendor_completions.d/stackctl.fish", "usr/share/doc/stackctl/README.md", "usr/share/doc/stackctl/NOTICE"}

func TestTheDebIsInstalledUsedAndRemoved(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("dpkg gives files to root, so it needs root, as CI has")
	}
	b, root := made(t), t.TempDir()
	for _, folder := range []string{"updates", "info", "triggers"} {
		if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg", folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dpkg := func(args ...string) {
		t.Helper()
		// Some machines leave manual pages out of every installation. A package of
		// another architecture would be refused, which is right.
		cmd := exec.Command("dpkg", append([]string{"--root=" + root, "--path-include=/usr/share/*"}, args...)...)
		cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("dpkg %v: %v\n%s", args, err, out)
		}
	}
	dpkg("-i", filepath.Join(b.first, "stackctl_1.2.3_"+runtime.GOARCH+".deb"))
	for _, name := range append([]string{"usr/share/zsh/vendor-completions/_stackctl", "usr/share/doc/stackctl/copyright"}, installed...) {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Size() == 0 || info.ModTime().Unix() != 1773480413 {
			t.Errorf("%s is not there, is empty or of another time: %v", name, err)
		}
	}
	if out, err := exec.Command(filepath.Join(root, "usr/bin/stackctl"), "version").Output(); err != nil || string(out) != "stackctl v1.2.3\n" {
		t.Errorf("%q, %v", out, err)
	}
	if page := gunzip(t, filepath.Join(root, "usr/share/man/man1/stackctl-deploy.1.gz")); !strings.HasPrefix(string(page), ".TH") {
		t.Errorf("the manual page is %q", page)
	}
	if scripts, _ := filepath.Glob(filepath.Join(root, "var/lib/dpkg/info/stackctl.p*")); len(scripts) > 0 {
		t.Errorf("scripts run with the installation: %v", scripts)
	}
	dpkg("--purge", "stackctl")
	err := filepath.WalkDir(filepath.Join(root, "usr"), func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			t.Errorf("%s stays", path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func gunzip(t *testing.T, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// files are the files of a tar, without its folders.
func files(t *testing.T, content []byte) map[string]*tar.Header {
	t.Helper()
	all := map[string]*tar.Header{}
	for r := tar.NewReader(bytes.NewReader(content)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			all[h.Name] = h
		}
	}
}

func TestTheAlpinePackageHoldsTheSame(t *testing.T) {
	// An apk is three archives in a row, which read as one.
	all := files(t, gunzip(t, filepath.Join(made(t).first, "stackctl_1.2.3_"+map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]+".apk")))
	for _, name := range append([]string{"usr/share/zsh/site-functions/_stackctl", "usr/share/licenses/stackctl/LICENSE"}, installed...) {
		if h := all[name]; h == nil || h.Uname != "root" || h.ModTime.Unix() != 1773480413 {
			t.Errorf("%s is not there, or not as it must be: %+v", name, h)
		}
	}
	if h := all["usr/bin/stackctl"]; h != nil && h.Mode&0o777 != 0o755 {
		t.Errorf("the program has mode %o", h.Mode)
	}
}

func TestTheRPMHoldsTheSame(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(made(t).first, "stackctl-1.2.3-1.aarch64.rpm"))
	if err != nil || !bytes.HasPrefix(raw, []byte("\xed\xab\xee\xdb")) {
		t.Fatalf("no rpm: %v", err)
	}
	// The header lists folders and names apart, each ended by a zero.
	for _, name := range append([]string{"usr/share/zsh/site-functions/_stackctl", "usr/share/licenses/stackctl/LICENSE"}, installed...) {
		dir, base := filepath.Split("/" + name)
		if !bytes.Contains(raw, []byte(dir+"\x00")) || !bytes.Contains(raw, []byte(base+"\x00")) {
			t.Errorf("%s is not in its header", name)
		}
	}
	if host, err := os.Hostname(); err == nil && host != "localhost" && bytes.Contains(raw, []byte(host+"\x00")) {
		t.Error("it names the machine that made it")
	}
}

// rpm itself reads, installs and checks the package. scripts/full.sh packages has it.
func TestTheRPMIsInstalledUsedAndRemoved(t *testing.T) {
	if _, err := exec.LookPath("rpm"); err != nil || os.Geteuid() != 0 {
		if os.Getenv("PACKAGES") != "" {
			t.Fatalf("rpm as root is what is asked for: %v", err)
		}
		t.Skip("it needs rpm, and root, as scripts/full.sh packages has")
	}
	root := t.TempDir()
	rpm := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("rpm", append([]string{"--root=" + root}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("rpm %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	file := filepath.Join(made(t).first, "stackctl-1.2.3-1."+map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]+".rpm")
	rpm("--initdb")
	for _, want := range []string{"Name        : stackctl", "Version     : 1.2.3", "License     : Apache-2.0"} {
		if told := rpm("-qip", "--nosignature", file); !strings.Contains(told, want) {
			t.Errorf("it does not tell %q:\n%s", want, told)
		}
	}
	if scripts := rpm("-qp", "--nosignature", "--scripts", file); strings.TrimSpace(scripts) != "" {
		t.Errorf("scripts run with the installation: %s", scripts)
	}
	rpm("--install", "--nosignature", "--nodeps", file)
	for _, name := range append([]string{"usr/share/zsh/site-functions/_stackctl", "usr/share/licenses/stackctl/LICENSE"}, installed...) {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s is not there, or is empty: %v", name, err)
		}
	}
	if out, err := exec.Command(filepath.Join(root, "usr/bin/stackctl"), "version").Output(); err != nil || string(out) != "stackctl v1.2.3\n" {
		t.Errorf("%q, %v", out, err)
	}
	rpm("--verify", "--nodeps", "stackctl") // sums, modes, owners and times of every file
	rpm("--erase", "stackctl")
	if _, err := os.Stat(filepath.Join(root, "usr/bin/stackctl")); err == nil {
		t.Error("the program stays")
	}
}

func TestAnArchiveHoldsProgramPagesAndCompletions(t *testing.T) {
	b := made(t)
	want := []string{"stackctl", "man/stackctl.1", "completions/stackctl.bash", "completions/_stackctl", "completions/stackctl.fish", "LICENSE", "NOTICE", "README.md"}
	all := files(t, gunzip(t, filepath.Join(b.first, "stackctl_1.2.3_darwin_arm64.tar.gz")))
	for _, name := range want {
		if h := all["stackctl_1.2.3_darwin_arm64/"+name]; h == nil || (h.Mode == 0o755) != (name == "stackctl") || h.ModTime.Unix() != 1773480413 {
			t.Errorf("%s: %+v", name, h)
		}
	}
	z, err := zip.OpenReader(filepath.Join(b.first, "stackctl_1.2.3_windows_amd64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, name := range append([]string{"stackctl.exe"}, want[1:]...) {
		if !slices.ContainsFunc(z.File, func(f *zip.File) bool {
			return f.Name == "stackctl_1.2.3_windows_amd64/"+name && f.UncompressedSize64 > 0 && f.Modified.Unix() == 1773480413
		}) {
			t.Errorf("%s is not in the zip", name)
		}
	}
}

// The program of this test is made of modules, as stackctl is.
func TestABillOfMaterialsNamesModulesSumsAndLicences(t *testing.T) {
	root, err := repository(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	folders, err := modules(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	r := &release{version: "v1.2.3"}
	bom, err := r.bom(os.Args[0], folders)
	if err != nil {
		t.Fatal(err)
	}
	for name, licence := range map[string]string{"github.com/CycloneDX/cyclonedx-go": "Apache-2.0", "golang.org/x/mod": "BSD-3-Clause", "std": "BSD-3-Clause"} {
		at := slices.IndexFunc(*bom.Components, func(c cdx.Component) bool { return c.Name == name })
		if at < 0 {
			t.Errorf("%s is not named", name)
			continue
		}
		c := (*bom.Components)[at]
		if c.Version == "" || c.Licenses == nil || (*c.Licenses)[0].License.ID != licence || !strings.HasPrefix(c.PackageURL, "pkg:golang/"+name+"@") || (name != "std") != (c.Hashes != nil) {
			t.Errorf("%+v", c)
		}
	}
	f, err := os.Open(filepath.Join(made(t).first, "stackctl_1.2.3_linux_arm64.cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var read cdx.BOM
	if err := cdx.NewBOMDecoder(f, cdx.BOMFileFormatJSON).Decode(&read); err != nil || read.Metadata.Component.Version != "v1.2.3" || !strings.HasPrefix(read.SerialNumber, "urn:uuid:") || len(*read.Components) == 0 {
		t.Errorf("%+v, %v", read, err)
	}
}

var fence = regexp.MustCompile("(?s)```sh\n(.*?)```")

// documented are the commands by which docs/install.md checks a download.
func documented(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(page), "\n### Without stackctl\n")
	m := fence.FindStringSubmatch(text)
	if !ok || m == nil {
		t.Fatal("docs/install.md does not say how to check without stackctl")
	}
	return m[1]
}

// download is the archive that the tests download, with the list and who signed it.
const download = "stackctl_1.2.3_darwin_arm64.tar.gz"

// flip changes one bit of a file.
func flip(name string, at int) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		raw[at] ^= 1
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOneBitIsFound lets both ways of docs/install.md judge what was downloaded:
// they agree, and find every change.
func TestOneBitIsFound(t *testing.T) {
	commands, b := documented(t), made(t)
	other := filepath.Join(b.dir, "other.key")
	if err := evidence.KeyGen(other); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*testing.T, string)
		good   bool
	}{
		"as it was made":           {func(*testing.T, string) {}, true},
		"one bit of the archive":   {flip(download, 1000), false},
		"one bit of the list":      {flip(sumsFile, 3), false},
		"one bit of the signature": {flip(sumsFile+".dsse.json", 100), false},
		"another key": {func(t *testing.T, dir string) {
			copied(t, other+".pub", filepath.Join(dir, "release.key.pub"))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range []string{download, sumsFile, sumsFile + ".dsse.json"} {
				copied(t, filepath.Join(b.first, f), filepath.Join(dir, f))
			}
			copied(t, b.key+".pub", filepath.Join(dir, "release.key.pub"))
			c.change(t, dir)
			cmd := exec.Command("bash", "-c", commands)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if (err == nil) != c.good || c.good && !strings.Contains(string(out), download+": OK") {
				t.Errorf("the commands say %v:\n%s", err, out)
			}
			if s := verified(t, dir, filepath.Join(dir, "release.key.pub")); (s.Status() == "good") != c.good {
				t.Errorf("stackctl says %s", s.Text())
			}
		})
	}
}

// verified is what stackctl finds in a folder with files of a release.
func verified(t *testing.T, dir, key string) evidence.Sums {
	t.Helper()
	pub, err := evidence.LoadPublic(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := evidence.VerifySums(filepath.Join(dir, sumsFile), pub)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheListNamesEveryFile(t *testing.T) {
	b := made(t)
	entries, err := os.ReadDir(b.first)
	if err != nil {
		t.Fatal(err)
	}
	s := verified(t, b.first, b.key+".pub")
	if s.Status() != "good" || len(s.Absent) > 0 || len(s.Whole) != len(entries)-2 || !slices.Contains(s.Whole, indexFile) {
		t.Errorf("of %d files, the list and its signature among them: %s", len(entries), s.Text())
	}
}

func copied(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}
