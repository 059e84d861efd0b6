package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/sandbox"
	"stackctl/pkg/stackctl/stack"
)

const (
	domain  = "stack.localhost"
	project = "bench"
	folder  = "/srv/stack" // where the droplet keeps the project
)

// host is a droplet of its own, and the project's folder on this machine. The
// same folder is on the droplet for the alternative.
type host struct {
	ctx      context.Context
	repo     string
	dir      string
	state    sandbox.State
	settings settings
}

func newHost(ctx context.Context) (*host, error) {
	repo, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-projects-")
	if err != nil {
		return nil, err
	}
	h := &host{ctx: ctx, repo: repo, dir: dir}
	if err := h.prepare(); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

// prepare makes the droplet, and puts images and this program on it.
func (h *host) prepare() (err error) {
	h.state, err = sandbox.Up(h.ctx, sandbox.Options{Dir: filepath.Join(h.dir, ".stackctl", "sandbox"), Name: filepath.Base(h.dir),
		Images: filepath.Join(h.repo, "build", "sandbox"), Domain: domain, Private: true})
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(h.dir, "images"), 0o755); err != nil {
		return err
	}
	for _, image := range []string{"images/postgres.tar", "images/traefik.tar", "projects/shop.tar"} {
		if err := os.Symlink(filepath.Join(h.repo, "build", image), filepath.Join(h.dir, "images", filepath.Base(image))); err != nil {
			return err
		}
	}
	if err := h.write(10, [2]int{8080, 8081}); err != nil {
		return err
	}
	if err := h.provision(); err != nil {
		return err
	}
	if _, err := h.ssh("touch /var/tmp/begun"); err != nil {
		return err
	}
	// The images are there before the first figure is taken.
	if _, err := h.deploy(); err != nil {
		return err
	}
	if err := h.remove(true); err != nil {
		return err
	}
	self := filepath.Join(h.dir, "projects")
	if err := h.run([]string{"CGO_ENABLED=0"}, h.repo, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", self, "./test/bench/projects"); err != nil {
		return err
	}
	_, err = h.ssh("mkdir -p " + h.dir)
	return errors.Join(err, h.copy("projects"))
}

// close takes the droplet down, and what was built on this machine's Engine away.
func (h *host) close() error {
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	h.ctx = ctx
	return errors.Join(sandbox.Down(ctx, filepath.Join(h.dir, ".stackctl", "sandbox"), false),
		h.run(nil, h.repo, "sh", "-c", "docker images -q --filter reference="+project+"-web | sort -u | xargs -r docker rmi -f"), os.RemoveAll(h.dir))
}

// provision makes the droplet ready, also after a removal.
func (h *host) provision() error { return h.stackctl("provision") }

// deploy is stackctl's way, as the operator waits for it.
func (h *host) deploy() (figure, error) {
	began := time.Now()
	err := h.stackctl("deploy")
	f := figure{took: time.Since(began)}
	if err != nil {
		return f, err
	}
	runs, err := filepath.Glob(filepath.Join(h.dir, "artifacts", "*-deploy-*", "report.json"))
	if err != nil || len(runs) == 0 {
		return f, fmt.Errorf("no report of the deploy: %w", err)
	}
	raw, err := os.ReadFile(slices.Max(runs))
	if err != nil {
		return f, err
	}
	var report stack.Report
	err = json.Unmarshal(raw, &report)
	if err != nil || report.Wire == nil {
		return f, fmt.Errorf("the report of the deploy tells of no server: %w", err)
	}
	f.calls = report.Wire.Calls
	starts := false
	for _, s := range report.Steps {
		starts = starts || s.Step.Kind == stack.StepStart
		if starts && s.Step.Kind == stack.StepGates && s.Step.Subject == string(stack.PhasePost) {
			f.serves = s.Started.Sub(report.Started)
		}
	}
	return f, nil
}

// up is the alternative, timed on the host; its files are there already. The
// droplet's firewall lets visitors in on the ports of a site alone. Its Engine
// has no buildx, without which Compose builds with the classic builder.
func (h *host) up() (figure, error) {
	files := []string{"compose.yaml"}
	if _, err := os.Stat(filepath.Join(h.dir, "app")); err == nil {
		files = append(files, "app")
	}
	if err := h.copy(files...); err != nil {
		return figure{}, err
	}
	out, err := h.ssh("DOCKER_BUILDKIT=0 " + h.alternative("up"))
	if err != nil {
		return figure{}, err
	}
	var o outcome
	err = json.Unmarshal([]byte(out), &o)
	return figure{took: o.Took, calls: o.Calls}, err
}

func (h *host) alternative(verb string) string {
	return filepath.Join(h.dir, "projects") + " " + verb + " " + filepath.Join(h.dir, "compose.yaml") + " " + project
}

// remove takes everything of the project from the host but its images.
func (h *host) remove(ours bool) error {
	clean := "docker ps -aq | xargs -r docker rm -fv >/dev/null; docker volume ls -q | xargs -r docker volume rm >/dev/null; docker network prune -f >/dev/null; rm -rf " + folder + "/*"
	if !ours {
		clean = h.alternative("down")
	}
	_, err := h.ssh(clean)
	return err
}

// leaves adds what stackctl has on the host beside the project's own containers.
func (h *host) leaves(n int, all *figures) error {
	for _, row := range []struct{ what, command string }{
		{"memory of the edge, at rest", "docker stats --no-stream --format '{{.MemUsage}}' $(docker ps -q --filter label=com.docker.compose.service=stackctl-edge)"},
		{"bytes in the project's folder `/srv/stack`, and files", "cd " + folder + " && echo $(find . -type f -printf '%s\\n' | awk '{s+=$1} END {print s}') bytes, $(find . -type f | wc -l) files"},
		{"releases kept there", "ls " + folder + "/releases | wc -l"},
		{"the edge's image", "docker inspect --format '{{.Size}} bytes' $(docker inspect --format '{{.Image}}' $(docker ps -q --filter label=com.docker.compose.service=stackctl-edge))"},
		{"volumes", "docker volume ls --format '{{.Name}}' | tr '\\n' ' '"},
		{"other files written since before the first deploy, outside of `/srv/stack`, Docker's folder and logs", "find / -xdev -type f -newer /var/tmp/begun -not -path '" + folder + "/*' -not -path '/var/lib/docker/*' -not -path '/proc/*' -not -path '/sys/*' -not -path '/run/*' -not -path '/var/log/*' -not -path '" + h.dir + "/*' -printf '%s %p; '"},
	} {
		out, err := h.ssh(row.command)
		if err != nil {
			return err
		}
		all.left = append(all.left, fmt.Sprintf("| %d | %s | %s |\n", n, row.what, strings.TrimSpace(out)))
	}
	return nil
}

// stackctl runs a verb for the droplet.
func (h *host) stackctl(verb string) error {
	return h.run([]string{"CI=true"}, h.dir, filepath.Join(h.repo, "build", "stackctl"), verb, "--target", "sandbox")
}

func (h *host) run(env []string, dir, name string, args ...string) error {
	cmd := exec.CommandContext(h.ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return nil
}

// copy brings files of the project's folder to the same place on the droplet.
func (h *host) copy(names ...string) error {
	pack := exec.CommandContext(h.ctx, "tar", append([]string{"-C", h.dir, "-c"}, names...)...)
	archive, err := pack.Output()
	if err != nil {
		return err
	}
	argv := h.state.SSH("root", "tar -C "+h.dir+" -x")
	cmd := exec.CommandContext(h.ctx, argv[0], argv[1:]...)
	cmd.Stdin = bytes.NewReader(archive)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("copy to the droplet: %w\n%s", err, out)
	}
	return nil
}

// ssh runs a command on the droplet and returns what it prints.
func (h *host) ssh(command string) (string, error) {
	argv := h.state.SSH("root", command)
	cmd := exec.CommandContext(h.ctx, argv[0], argv[1:]...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("on the droplet, %s: %w\n%s%s", command, err, out, said.String())
	}
	return string(out), nil
}
