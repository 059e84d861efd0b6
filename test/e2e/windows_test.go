//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAProjectIsDeployedFromWindows has the program for Windows, which Wine runs,
// deploy what the one for Linux does: the same release, from files with the ends of
// lines of Windows.
func TestAProjectIsDeployedFromWindows(t *testing.T) {
	program := os.Getenv("WINDOWS_STACKCTL")
	if program == "" {
		t.Skip("Wine and the program for Windows are had by scripts/full.sh, its part windows")
	}
	linux := shop(t)
	windows := linux
	windows.under = []string{"wine", program}

	written := read(t, filepath.Join(linux.root, "stackctl.yaml"))
	if err := os.Remove(filepath.Join(linux.root, "stackctl.yaml")); err != nil {
		t.Fatal(err)
	}
	windows.must(0, "init", "--host", "203.0.113.7", "--domain", domain, "--yes")
	if got := read(t, filepath.Join(linux.root, "stackctl.yaml")); !strings.HasPrefix(written, got) {
		t.Errorf("init writes\n%s\nand on Linux\n%s", got, written)
	}
	linux.write("stackctl.yaml", written)
	linux.write("web/Dockerfile", "FROM scratch\nCOPY shop start.sh /\nENTRYPOINT [\"/shop\"]\n")
	linux.write("web/start.sh", "#!/bin/sh\n")
	linux.write("web/shop", read(t, filepath.Join(repo, "build", "shop")))
	for _, name := range []string{"start.sh", "shop"} {
		if err := os.Chmod(filepath.Join(linux.root, "web", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	linux.edit("docker-compose.yml", "    image: shop/app:1\n    command: web", "    build: ./web\n    command: web")
	want := checked(linux)
	for _, name := range []string{"docker-compose.yml", "stackctl.yaml", ".env"} {
		linux.write(name, strings.ReplaceAll(read(t, filepath.Join(linux.root, name)), "\n", "\r\n"))
	}
	if got := checked(windows); got != want {
		t.Errorf("the release is %s, on Linux %s", got, want)
	}

	const target = ".stackctl/sandbox/target.yaml"
	onLinux := read(t, filepath.Join(linux.root, target))
	linux.write(target, strings.ReplaceAll(onLinux, ": /", ": Z:/"))
	linux.edit(target, "path: Z:/", "path: /")
	windows.must(0, "provision", "--target", "sandbox")
	windows.must(0, "deploy", "--target", "sandbox")
	c := client(t)
	expectBody(t, c, "https://"+domain+"/", "hello, theme plain, entries 0")
	windows.must(0, "status", "--target", "sandbox")
	windows.must(0, "logs", "web", "--target", "sandbox")

	windows.write(".env", "DB_PASSWORD=jolly-otter-4-bridge\r\nGREETING=bonjour\r\n")
	r := windows.start("deploy", "--target", "sandbox")
	until(t, time.Minute, "the new release serves", func() bool {
		_, text := fetch(c, "GET", "https://"+domain+"/")
		return strings.HasPrefix(text, "bonjour")
	})
	if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if end := r.wait(t, 2*time.Minute); end.exit != 130 {
		t.Errorf("Ctrl-C ends with exit code %d:\n%s%s", end.exit, end.out, end.err)
	}
	expectBody(t, c, "https://"+domain+"/", "hello, theme plain, entries 0")

	windows.must(0, "deploy", "--target", "sandbox")
	expectBody(t, c, "https://"+domain+"/", "bonjour, theme plain, entries 0")
	linux.write(target, onLinux)
	if plan := linux.must(0, "plan", "--target", "sandbox").out; !strings.Contains(plan, "is live, as before") {
		t.Errorf("on Linux the plan is\n%s", plan)
	}
}

// checked is the release that check tells of.
func checked(p project) string {
	p.t.Helper()
	for line := range strings.Lines(p.must(0, "check").out) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == "release" {
			return fields[1]
		}
	}
	p.t.Fatal("check names no release")
	return ""
}
