package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

func TestFacts(t *testing.T) {
	w := newWorld(t)
	f, err := w.Facts(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if f.Arch != runtime.GOARCH || f.CPUs != runtime.NumCPU() || f.MemoryBytes < 1<<28 || f.EngineVersion == "" || f.APIVersion < "1.41" || f.Kernel == "" || f.OS == "" {
		t.Errorf("got %+v", f)
	}
	if f.Store != StoreGraphDriver && f.Store != StoreContainerd {
		t.Errorf("store %q", f.Store)
	}
	if f.Clock.IsZero() {
		t.Error("no clock")
	}
}

func TestContainersTellAll(t *testing.T) {
	w := newWorld(t)
	w.project += "-0123456789ab"
	t.Cleanup(func() { wipe(t, w.project) })
	w.up(file(
		healthy("api", imageA, `labels: {dev.stackctl.layer: app, own: label}`, `ports: ["127.0.0.1::8080"]`, "networks: {default: {aliases: [api-one]}}"),
		service{"done", "image: " + imageA + "\ncommand: [print, x]\nx-stackctl: {run: once}"},
	))
	list, err := w.Containers(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	find := func(service string) stack.Container {
		i := slices.IndexFunc(list, func(c stack.Container) bool { return c.Project == w.project && c.Service == service })
		if i < 0 {
			t.Fatalf("%s is not listed", service)
		}
		return list[i]
	}
	c := find("api")
	if c.State != "running" || c.Health != "healthy" || c.Image != imageA || !strings.HasPrefix(c.ImageID, "sha256:") ||
		len(c.ConfigHash) != 64 || c.Started.IsZero() || c.Labels["own"] != "label" {
		t.Errorf("api is %+v", c)
	}
	if c.Layer != stack.LayerApp || c.Release != "0123456789ab" || c.Labels[stack.LabelProject] != strings.TrimSuffix(w.project, "-0123456789ab") {
		t.Errorf("api's labels are %v", c.Labels)
	}
	if net.ParseIP(c.Addresses[w.project+"_default"]) == nil {
		t.Errorf("api's addresses are %v", c.Addresses)
	}
	if len(c.Ports) != 1 || c.Ports[0].Target != 8080 || c.Ports[0].HostIP != "127.0.0.1" || c.Ports[0].Protocol != "tcp" {
		t.Errorf("api's ports are %+v", c.Ports)
	}
	if d := find("done"); d.State != "exited" || d.ExitCode != 0 || d.Health != "none" {
		t.Errorf("done is %+v", d)
	}
}

func TestImagesTellDiffIDs(t *testing.T) {
	w := newWorld(t)
	list, err := w.Images(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(h stack.HostImage) bool { return slices.Contains(h.Tags, imageA) })
	if i < 0 || len(list[i].Layers) != 1 || !strings.HasPrefix(list[i].Layers[0], "sha256:") || list[i].Bytes < 1<<20 {
		t.Fatalf("image not found as it is in %+v", list)
	}
}

func TestLoadErrors(t *testing.T) {
	w := newWorld(t)
	if err := w.Load(w.ctx, strings.NewReader("this is not an archive")); err == nil {
		t.Error("garbage was loaded")
	}
	archive, err := appArchive("stackctl-engine-test/cut:1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Load(w.ctx, io.LimitReader(archive, 1<<20)); err == nil {
		t.Error("half an archive was loaded")
	}
	broken := fmt.Errorf("the disk is gone")
	if err := w.Load(w.ctx, io.MultiReader(strings.NewReader("x"), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("a reader's error became %v", err)
	}
	// The engine accepts this one and reports inside its answer's stream.
	if err := w.Load(w.ctx, strings.NewReader(strings.Repeat("\x00", 1024))); err == nil {
		t.Error("an empty archive was loaded")
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestPullOfAnUnknownRegistryFails(t *testing.T) {
	w := newWorld(t)
	err := w.Pull(w.ctx, "127.0.0.1:1/none:1", func(int64, int64) {})
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1/none:1") {
		t.Errorf("got %v", err)
	}
}

func TestOpenSaysWhatToDo(t *testing.T) {
	refused := func(errno syscall.Errno) Dial {
		return func(context.Context) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", errno)}
		}
	}
	for _, c := range []struct {
		name string
		dial Dial
		want string
	}{
		{"no socket", func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(t.TempDir(), "docker.sock"))
		}, "has no Docker Engine"},
		{"not in the group", refused(syscall.EACCES), "docker group"},
		{"stopped", refused(syscall.ECONNREFUSED), "not running"},
		{"told nothing by SSH", func(context.Context) (net.Conn, error) {
			return nil, errors.New("ssh: rejected: connect failed (open failed)")
		}, "no running Docker Engine, or the user is not in the docker group"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(t.Context(), c.dial)
			if stack.CauseOf(err) != stack.CauseUnreachable || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "stackctl provision") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOpenFailsWhereNoEngineAnswers(t *testing.T) {
	_, err := Open(t.Context(), func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = theirs.Read(make([]byte, 100))
			_, _ = theirs.Write([]byte("SSH-2.0-surprise\r\n"))
			theirs.Close()
		}()
		return ours, nil
	})
	if stack.CauseOf(err) != stack.CauseUnreachable {
		t.Errorf("got %v", err)
	}
}

func TestANetworkOfNoProjectIsMadeOnce(t *testing.T) {
	w := newWorld(t)
	name := "stackctl-engine-test-" + random()
	t.Cleanup(func() {
		if _, err := w.api.NetworkRemove(context.Background(), name, client.NetworkRemoveOptions{}); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	for range 2 {
		if err := w.MakeNetwork(w.ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	names, err := w.Networks(w.ctx)
	if err != nil || len(slices.DeleteFunc(names, func(n string) bool { return n != name })) != 1 {
		t.Errorf("the networks are %v, %v", names, err)
	}
}
