package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// shipped are the paths of the repository that an operator's project holds.
var shipped = []string{"stackctl.yaml", ".env.example", "compose", "traefik", "pkg/contract/openapi.yaml", "docs/stack-overview.md"}

// project is an operator's checkout that a mutant may break.
type project struct {
	root   string
	binary string
}

// stop is how a mutant ends that cannot be made: what it changes is not there.
type stop struct{ error }

func must(err error) {
	if err != nil {
		panic(stop{err})
	}
}

// newProject copies the project's files; images is the folder of archives that
// they name.
func newProject(repo, root, binary, images string) *project {
	p := &project{root: root, binary: binary}
	for _, name := range shipped {
		must(copyTree(filepath.Join(repo, name), filepath.Join(root, name)))
	}
	must(os.MkdirAll(filepath.Join(root, "build"), 0o700))
	must(os.Symlink(images, filepath.Join(root, "build", "images")))
	return p
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		return os.WriteFile(target, raw, 0o600)
	})
}

func (p *project) path(name string) string { return filepath.Join(p.root, name) }

func (p *project) read(name string) string {
	raw, err := os.ReadFile(p.path(name))
	must(err)
	return string(raw)
}

func (p *project) write(name, text string) {
	must(os.MkdirAll(filepath.Dir(p.path(name)), 0o700))
	must(os.WriteFile(p.path(name), []byte(text), 0o600))
}

// edit replaces the first place of a text. A text that is not there ends the
// mutant, so that none goes stale unnoticed.
func (p *project) edit(name, from, to string) {
	text := p.read(name)
	if !strings.Contains(text, from) {
		panic(stop{fmt.Errorf("%s does not hold %q", name, from)})
	}
	p.write(name, strings.Replace(text, from, to, 1))
}

func (p *project) append(name, text string) { p.write(name, p.read(name)+text) }

// The project's files that most mutants change.
const (
	composeFile = "compose/stack.yaml"
	staticFile  = "traefik/traefik.yml"
	dynamicFile = "traefik/dynamic/routes.yml"
	openapiFile = "pkg/contract/openapi.yaml"
	configFile  = "stackctl.yaml"
)

// service adds lines to a service of the compose file, which must not have
// those keys yet.
func (p *project) service(name, lines string) {
	at := "\n  " + name + ":\n"
	p.edit(composeFile, at, at+indent(lines, 4))
}

// override adds a second compose file.
func (p *project) override(text string) {
	p.write("compose/override.yaml", text)
	p.edit(configFile, "files: [compose/stack.yaml]", "files: [compose/stack.yaml, compose/override.yaml]")
}

// route adds a router, service or middleware below a heading of the dynamic file.
func (p *project) route(heading, lines string) {
	at := "\n  " + heading + ":\n"
	p.edit(dynamicFile, at, at+indent(lines, 4))
}

func indent(lines string, n int) string {
	out := ""
	for line := range strings.Lines(lines) {
		out += strings.Repeat(" ", n) + strings.TrimRight(line, "\n") + "\n"
	}
	return out
}

// result is how one run of stackctl ended.
type result struct {
	exit int
	text string
	run  string // the folder of its evidence
}

// stackctl runs the built program in the project. during, where there is one,
// is called as soon as the run's folder is there.
func (p *project) stackctl(limit time.Duration, during func(run string), args ...string) (result, error) {
	var out bytes.Buffer
	cmd := exec.Command(p.binary, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.root, &out, &out
	cmd.Env = append(os.Environ(), "CI=true")
	before := p.runs()
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	end := time.After(limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case err := <-done:
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				return result{}, err
			}
			ended = true
		case <-tick.C:
			if run := p.newRun(before); run != "" && during != nil {
				during(run)
				during = nil
			}
		case <-end:
			_ = cmd.Process.Kill()
			<-done
			return result{}, fmt.Errorf("stackctl %s did not end within %s\n%s", strings.Join(args, " "), limit, out.String())
		}
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), p.newRun(before)}, nil
}

func (p *project) runs() map[string]bool {
	seen := map[string]bool{}
	entries, _ := os.ReadDir(p.path("artifacts")) // not there before the first run
	for _, e := range entries {
		seen[e.Name()] = true
	}
	return seen
}

func (p *project) newRun(before map[string]bool) string {
	for name := range p.runs() {
		if !before[name] {
			return filepath.Join(p.path("artifacts"), name)
		}
	}
	return ""
}

// report reads the report of a run.
func report(run string) (stack.Report, error) {
	var r stack.Report
	raw, err := os.ReadFile(filepath.Join(run, "report.json"))
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	return r, err
}
