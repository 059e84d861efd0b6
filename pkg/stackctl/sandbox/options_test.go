package sandbox

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestBadOptionsAreUsageErrors(t *testing.T) {
	taken := t.TempDir()
	if err := save(State{Name: "mine", Dir: taken}); err != nil {
		t.Fatal(err)
	}
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, stateFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options Options
		want    string
	}{
		"name with a slash":           {Options{Dir: t.TempDir(), Name: "a/b"}, "no name for a sandbox"},
		"name that is too long":       {Options{Dir: t.TempDir(), Name: strings.Repeat("a", 32)}, "no name for a sandbox"},
		"folder of another sandbox":   {Options{Dir: taken, Name: "yours"}, `belongs to the sandbox "mine"`},
		"state that is not a sandbox": {Options{Dir: broken}, "state.json"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := c.options.complete(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestTwoFoldersAreTwoSandboxes(t *testing.T) {
	first, err := Options{Dir: t.TempDir()}.complete()
	if err != nil {
		t.Fatal(err)
	}
	second, err := Options{Dir: t.TempDir()}.complete()
	if err != nil {
		t.Fatal(err)
	}
	if first.Name == second.Name {
		t.Errorf("both are named %s", first.Name)
	}
}

func TestMissingImageSaysHowToMakeIt(t *testing.T) {
	o := options()
	o.Images = t.TempDir()
	b, err := open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	_, err = b.image(t.Context(), "droplet.tar")
	if stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "go run ./test/images") {
		t.Errorf("the error is %v", err)
	}
	if err := os.WriteFile(filepath.Join(o.Images, "droplet.tar"), []byte("not a tar"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = b.image(t.Context(), "droplet.tar"); err == nil || !strings.Contains(err.Error(), "manifest.json") {
		t.Errorf("the error is %v", err)
	}
}

func TestPortInUseIsNotPublished(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	busy := l.Addr().(*net.TCPAddr).Port
	got := onLoopback(busy)[0]
	if got.HostPort != "0" || !got.HostIP.IsLoopback() {
		t.Errorf("port %d is in use, and %+v is published", busy, got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := onLoopback(busy)[0]; got.HostPort != strconv.Itoa(busy) {
		t.Errorf("port %d is free, and %s is published", busy, got.HostPort)
	}
}

func TestSubnetsOfThisMachineAreTaken(t *testing.T) {
	if !taken(netip.MustParsePrefix("127.0.0.0/24")) {
		t.Error("the loopback network counts as free")
	}
	if taken(netip.MustParsePrefix("203.0.113.0/24")) {
		t.Error("a network for documentation counts as taken")
	}
}
