package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/moby/moby/client"
)

const socket = "/var/run/docker.sock"

// Two images that differ in one label, loaded for all tests of this package.
var imageA, imageB string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	e, err := Open(ctx, unix)
	if err != nil {
		fmt.Fprintln(os.Stderr, "these tests need a Docker Engine on "+socket+":", err)
		return 1
	}
	defer e.Close()
	if err := compile(); err != nil {
		fmt.Fprintln(os.Stderr, "compile testdata/app:", err)
		return 1
	}
	suffix := random()
	imageA, imageB = "stackctl-engine-test/app:"+suffix+"-a", "stackctl-engine-test/app:"+suffix+"-b"
	for i, ref := range []string{imageA, imageB} {
		archive, err := appArchive(ref, map[string]string{"variant": fmt.Sprint(i)})
		if err == nil {
			err = e.Load(ctx, archive)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "prepare image", ref+":", err)
			return 1
		}
	}
	code := m.Run()
	for _, ref := range []string{imageA, imageB} {
		if err := e.RemoveImage(context.Background(), ref); err != nil {
			fmt.Fprintln(os.Stderr, "clean up:", err)
			code = max(code, 1)
		}
	}
	return code
}

// app is the compiled testdata/app.
var app []byte

// compile builds testdata/app for a scratch image.
func compile() error {
	dir, err := os.MkdirTemp("", "engine-test")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "app")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, "./testdata/app")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	app, err = os.ReadFile(bin)
	return err
}

// appArchive makes an archive of a scratch image of testdata/app.
func appArchive(ref string, labels map[string]string) (io.Reader, error) {
	img, err := scratch(app, labels)
	if err != nil {
		return nil, err
	}
	tag, err := name.NewTag(ref)
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	return &archive, tarball.Write(tag, img, &archive)
}

func scratch(app []byte, labels map[string]string) (v1.Image, error) {
	var layer bytes.Buffer
	t := tar.NewWriter(&layer)
	if err := t.WriteHeader(&tar.Header{Name: "app", Mode: 0o755, Size: int64(len(app))}); err != nil {
		return nil, err
	}
	if _, err := t.Write(app); err != nil {
		return nil, err
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(layer.Bytes())), nil
	})
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(empty.Image, l)
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(img, &v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH,
		Config: v1.Config{Entrypoint: []string{"/app"}, Labels: labels},
		RootFS: v1.RootFS{Type: "layers", DiffIDs: diffIDs(img)},
	})
}

func diffIDs(img v1.Image) []v1.Hash {
	c, err := img.ConfigFile()
	if err != nil {
		return nil
	}
	return c.RootFS.DiffIDs
}

func unix(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", socket)
}

func random() string {
	b := make([]byte, 4)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// world is one engine and one project that is removed when the test ends.
type world struct {
	*Engine
	t       testing.TB
	ctx     context.Context
	project string
	count   *counting
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(cancel)
	count := &counting{}
	e, err := Open(ctx, count.dial)
	if err != nil {
		t.Fatalf("open the engine: %v", err)
	}
	w := &world{Engine: e, t: t, ctx: ctx, project: "enginetest" + random(), count: count}
	t.Cleanup(func() { wipe(t, w.project); _ = e.Close() })
	return w
}

// wipe removes everything that carries the compose project's label.
func wipe(t testing.TB, project string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	e, err := Open(ctx, unix)
	if err != nil {
		t.Errorf("clean up: %v", err)
		return
	}
	defer e.Close()
	label := make(client.Filters).Add("label", "com.docker.compose.project="+project)
	cs, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: label})
	if err != nil {
		t.Errorf("clean up: %v", err)
	}
	for _, c := range cs.Items {
		if err := e.removeContainer(ctx, c.ID, true); err != nil {
			t.Errorf("clean up: %v", err)
		}
	}
	ns, _ := e.api.NetworkList(ctx, client.NetworkListOptions{Filters: label})
	for _, n := range ns.Items {
		_, _ = e.api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
	}
	vs, _ := e.api.VolumeList(ctx, client.VolumeListOptions{Filters: label})
	for _, v := range vs.Items {
		_, _ = e.api.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{Force: true})
	}
}

// counting counts connections and requests.
type counting struct {
	conns, calls atomic.Int64
	mu           sync.Mutex
	lines        []string
}

func (c *counting) dial(ctx context.Context) (net.Conn, error) {
	conn, err := unix(ctx)
	if err != nil {
		return nil, err
	}
	c.conns.Add(1)
	return &counted{Conn: conn, c: c}, nil
}

func (c *counting) reset() {
	c.conns.Store(0)
	c.calls.Store(0)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = nil
}

func (c *counting) requests() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.lines...)
}

type counted struct {
	net.Conn
	c *counting
}

func (c *counted) CloseWrite() error { return c.Conn.(*net.UnixConn).CloseWrite() }

func (c *counted) Write(b []byte) (int, error) {
	line, _, _ := strings.Cut(string(b[:min(len(b), 300)]), "\r\n")
	if strings.HasSuffix(line, " HTTP/1.1") || strings.HasPrefix(line, "GET /") {
		c.c.calls.Add(1)
		c.c.mu.Lock()
		c.c.lines = append(c.c.lines, line)
		c.c.mu.Unlock()
	}
	return c.Conn.Write(b)
}

// service is one service of a test's compose file.
type service struct{ name, body string }

// healthy is a service with a health check that passes soon.
func healthy(name, image string, more ...string) service {
	return service{name, "image: " + image + `
command: [serve]
stop_signal: SIGTERM
healthcheck: {test: [CMD, /app, health], interval: 300ms, timeout: 5s, retries: 50}
` + strings.Join(more, "\n")}
}

func file(services ...service) []byte {
	var b strings.Builder
	b.WriteString("services:\n")
	for _, s := range services {
		fmt.Fprintf(&b, "  %s:\n", s.name)
		for line := range strings.Lines(strings.TrimSpace(s.body)) {
			b.WriteString("    " + strings.TrimRight(line, "\n") + "\n")
		}
	}
	return []byte(b.String())
}

// up calls Up and fails the test on an error.
func (w *world) up(yaml []byte, services ...string) []string {
	w.t.Helper()
	touched, err := w.Up(w.ctx, w.project, yaml, services, nil)
	if err != nil {
		w.t.Fatalf("up: %v", err)
	}
	return touched
}

// ids maps the project's services to container IDs.
func (w *world) ids() map[string]string {
	w.t.Helper()
	list, err := w.Containers(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]string{}
	for _, c := range list {
		if c.Project == w.project {
			out[c.Service] = c.ID
		}
	}
	return out
}
