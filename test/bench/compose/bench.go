package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
	"stackctl/test/variant"
)

const (
	binary  = "build/stackctl"
	archive = "build/images/server.tar"
	sandbox = ".stackctl/sandbox"
	project = "bench-compose-up"
)

// bench is the place of one comparison: a copy of the stack's files under the
// same path here and on the server, since bind mounts are the server's.
type bench struct {
	ctx   context.Context
	dir   string
	host  string
	count int
	// bytes and shipped are what the deploys sent, and how long their shipping
	// took; wire is what the last one needed of the line.
	bytes   []int64
	shipped []time.Duration
	wire    stack.Wire
}

func newBench(ctx context.Context) (*bench, error) {
	raw, err := os.ReadFile(filepath.Join(sandbox, "state.json"))
	if err != nil {
		return nil, fmt.Errorf("no sandbox; make demo first: %w", err)
	}
	var state struct{ Address string }
	if err := json.Unmarshal(raw, &state); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-compose-")
	if err != nil {
		return nil, err
	}
	b := &bench{ctx: ctx, dir: dir, host: state.Address}
	if err := b.prepare(); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// prepare copies the files, builds this program and puts both on the server.
func (b *bench) prepare() error {
	here, err := filepath.Abs(sandbox)
	if err != nil {
		return err
	}
	// The Docker client calls "ssh" by name, once for each connection; without a
	// shared connection a hardened sshd refuses some of them (MaxStartups). The
	// wrapper counts them.
	wrapper := fmt.Sprintf("#!/bin/sh\necho >>%[2]s/bin/calls\nexec /usr/bin/ssh -o ControlMaster=auto -o ControlPersist=60 -o ControlPath=%[2]s/bin/%%%%C -i %[1]s/id_ed25519 -o UserKnownHostsFile=%[1]s/known_hosts -o IdentitiesOnly=yes -o LogLevel=ERROR \"$@\"\n", here, b.dir)
	for _, d := range []string{"bin", "compose", "secrets"} {
		if err := os.MkdirAll(filepath.Join(b.dir, d), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(b.dir, "bin", "ssh"), []byte(wrapper), 0o755); err != nil {
		return err
	}
	if err := b.copySecrets(); err != nil {
		return err
	}
	steps := [][]string{
		{"cp", "-r", "compose/stack.yaml", b.file()},
		{"cp", "-r", "traefik", b.dir},
		{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.self(), "./test/bench/compose"},
	}
	for _, s := range steps {
		if err := b.run([]string{"CGO_ENABLED=0"}, s[0], s[1:]...); err != nil {
			return err
		}
	}
	return b.pipe(exec.CommandContext(b.ctx, "tar", "-C", b.dir, "-c", "."), "mkdir -p "+b.dir+" && chmod 755 "+b.dir+" && tar -C "+b.dir+" -x", nil)
}

// copySecrets makes copies that containers may read through mounts of their own.
func (b *bench) copySecrets() error {
	files, err := filepath.Glob("secrets/*")
	if err != nil {
		return err
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(b.dir, f), raw, 0o444); err != nil {
			return err
		}
	}
	return nil
}

// close removes what was made, here and there.
func (b *bench) close() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	b.ctx = ctx
	for _, err := range []error{
		b.onHost("down"),
		b.ssh(nil, "rm -rf "+b.dir+"; docker images -q --filter reference="+project+" | sort -u | xargs -r docker rmi -f >/dev/null"),
		b.run(nil, filepath.Join(b.dir, "bin", "ssh"), "-O", "exit", "root@"+b.host),
		b.run(nil, "sh", "-c", "docker images -q --filter reference="+project+" | sort -u | xargs -r docker rmi -f"),
		os.RemoveAll(b.dir),
	} {
		if err != nil {
			fmt.Fprintln(os.Stderr, "compose: clean up:", err)
		}
	}
}

func (b *bench) self() string { return filepath.Join(b.dir, "compose-up") }
func (b *bench) file() string { return filepath.Join(b.dir, "compose", "stack.yaml") }

// image makes an image of the application whose highest layer nobody has seen,
// in this machine's own engine.
func (b *bench) image() (tag string, err error) {
	b.count++
	tag = fmt.Sprintf("%s:%d", project, b.count)
	file := filepath.Join(b.dir, "image.tar")
	if err := variant.Image(archive, file, tag); err != nil {
		return "", err
	}
	return tag, b.run(nil, "docker", "load", "-i", file)
}

// load is `docker save | ssh docker load`, and tells how many bytes went through.
func (b *bench) load(tag string, zip bool) (int64, error) {
	save := "docker save " + tag
	if zip {
		save += " | gzip"
	}
	var n int64
	err := b.pipe(exec.CommandContext(b.ctx, "sh", "-c", save), "docker load", &n)
	return n, err
}

// use names the image in the compose file, here and on the server.
func (b *bench) use(tag string) error {
	raw, err := os.ReadFile("compose/stack.yaml")
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(string(raw), "${SERVER_IMAGE:-"+variant.Tag+"}", tag)
	if text == string(raw) {
		return fmt.Errorf("compose/stack.yaml does not name %s", variant.Tag)
	}
	if err := os.WriteFile(b.file(), []byte(text), 0o644); err != nil {
		return err
	}
	return b.ssh(strings.NewReader(text), "cat > "+b.file())
}

// deployChanged is a deploy of an image whose highest layer nobody has seen.
func (b *bench) deployChanged() error {
	files, err := filepath.Glob("build/images/*.tar")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(b.dir, "images-")
	if err != nil {
		return err
	}
	for _, f := range files {
		abs, err := filepath.Abs(f)
		if err != nil {
			return err
		}
		if f != archive {
			err = os.Symlink(abs, filepath.Join(dir, filepath.Base(f)))
		} else {
			err = variant.Image(archive, filepath.Join(dir, filepath.Base(f)), variant.Tag)
		}
		if err != nil {
			return err
		}
	}
	if err := b.stackctl([]string{"STACKCTL_IMAGES_ARCHIVES=" + dir}, "deploy"); err != nil {
		return err
	}
	return b.readReport()
}

// readReport takes how long the newest run shipped, and what it sent.
func (b *bench) readReport() error {
	runs, err := filepath.Glob("artifacts/*-deploy-*/report.json")
	if err != nil || len(runs) == 0 {
		return fmt.Errorf("no report of the deploy: %w", err)
	}
	slices.Sort(runs)
	raw, err := os.ReadFile(runs[len(runs)-1])
	if err != nil {
		return err
	}
	var report struct {
		Wire  stack.Wire
		Steps []struct {
			Step struct{ Kind string }
			Took time.Duration `json:"took_ns"`
		}
	}
	if err := json.Unmarshal(raw, &report); err != nil {
		return err
	}
	var shipping time.Duration
	for _, s := range report.Steps {
		if strings.HasPrefix(s.Step.Kind, "ship-") {
			shipping += s.Took
		}
	}
	b.bytes, b.shipped, b.wire = append(b.bytes, report.Wire.Sent), append(b.shipped, shipping), report.Wire
	return nil
}

// calls is how often the Docker client called "ssh" until now.
func (b *bench) calls() int {
	raw, err := os.ReadFile(filepath.Join(b.dir, "bin", "calls"))
	if err != nil {
		return 0
	}
	return strings.Count(string(raw), "\n")
}

func (b *bench) stackctl(env []string, args ...string) error { return b.run(env, binary, args...) }

// ssh runs a command on the server.
func (b *bench) ssh(in io.Reader, command string) error {
	cmd := exec.CommandContext(b.ctx, filepath.Join(b.dir, "bin", "ssh"), "root@"+b.host, command)
	cmd.Stdin = in
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("on the server, %s: %w\n%s", command, err, out)
	}
	return nil
}

// pipe sends what a command prints to a command on the server.
func (b *bench) pipe(from *exec.Cmd, to string, sent *int64) error {
	out, err := from.StdoutPipe()
	if err != nil {
		return err
	}
	if err := from.Start(); err != nil {
		return err
	}
	counted := &counter{from: out}
	err = b.ssh(counted, to)
	if sent != nil {
		*sent = counted.n
	}
	if ended := from.Wait(); err == nil {
		err = ended
	}
	return err
}

// counter counts what is read through it.
type counter struct {
	from io.Reader
	n    int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

func row(what string, took []time.Duration, bytes []int64) {
	sorted := slices.Sorted(slices.Values(took))
	var all []string
	for _, t := range took {
		all = append(all, fmt.Sprintf("%.2f", t.Seconds()))
	}
	travelled := "–"
	if len(bytes) > 0 {
		travelled = fmt.Sprint(slices.Sorted(slices.Values(bytes))[len(bytes)/2])
	}
	fmt.Printf("| %s | %.2f s | %s s | %s |\n", what, sorted[len(sorted)/2].Seconds(), strings.Join(all, ", "), travelled)
}
