// Package action runs the steps of action.yml as a runner of GitHub would.
package action_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"gopkg.in/yaml.v3"
)

// step is a step of the action. Those of other actions are GitHub's own.
type step struct {
	Name, Uses, Run, Shell string
	Dir                    string `yaml:"working-directory"`
	Env, With              map[string]string
}

type action struct {
	Inputs map[string]struct{ Default string }
	Runs   struct{ Steps []step }
}

func read(t *testing.T) (a action, root string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(root, "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(raw, &a); err != nil {
		t.Fatal(err)
	}
	return a, root
}

// job is what a runner keeps between the steps of a job.
type job struct {
	t             *testing.T
	root, temp    string
	home          string
	inputs        map[string]string
	path          string
	output, about string // files
}

func begin(t *testing.T, a action, root string, given map[string]string) *job {
	t.Helper()
	j := &job{t: t, root: root, temp: t.TempDir(), home: t.TempDir(), inputs: map[string]string{}, path: os.Getenv("PATH")}
	for name, i := range a.Inputs {
		j.inputs[name] = i.Default
	}
	for name, value := range given {
		if _, known := a.Inputs[name]; !known {
			t.Fatalf("there is no input %s", name)
		}
		j.inputs[name] = value
	}
	j.output, j.about = filepath.Join(j.temp, "output"), filepath.Join(j.temp, "summary")
	return j
}

var input = regexp.MustCompile(`\$\{\{ *inputs\.([a-z-]+) *\}\}`)

func (j *job) value(text string) string {
	return input.ReplaceAllStringFunc(text, func(s string) string { return j.inputs[input.FindStringSubmatch(s)[1]] })
}

// take takes a step, and returns its exit code and what it printed.
func (j *job) take(s step) (int, string) {
	j.t.Helper()
	added := filepath.Join(j.temp, "path")
	cmd := exec.CommandContext(j.t.Context(), "bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", s.Run)
	cmd.Dir = j.value(s.Dir)
	cmd.Env = []string{"PATH=" + j.path, "HOME=" + j.home, "RUNNER_TEMP=" + j.temp, "GITHUB_ACTION_PATH=" + j.root, "GITHUB_PATH=" + added,
		"GITHUB_OUTPUT=" + j.output, "GITHUB_STEP_SUMMARY=" + j.about}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GONOSUMDB", "GOSUMDB"} {
		if out, err := exec.CommandContext(j.t.Context(), "go", "env", name).Output(); err == nil {
			cmd.Env = append(cmd.Env, name+"="+strings.TrimSpace(string(out)))
		}
	}
	for name, value := range s.Env {
		cmd.Env = append(cmd.Env, name+"="+j.value(value))
	}
	out, err := cmd.CombinedOutput()
	if more, err := os.ReadFile(added); err == nil {
		j.path = strings.TrimSpace(string(more)) + string(os.PathListSeparator) + j.path
	}
	if ended := new(exec.ExitError); err != nil && !errors.As(err, &ended) {
		j.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func (j *job) file(name string) string {
	raw, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		j.t.Fatal(err)
	}
	return string(raw)
}

func TestTheActionRunsAsOnARunner(t *testing.T) {
	a, root := read(t)
	var scripts []step
	for _, s := range a.Runs.Steps {
		if strings.Contains(s.Run, "${{") {
			t.Errorf("step %s has an expression in its script: an input could be a command", s.Name)
		}
		if s.Run != "" {
			scripts = append(scripts, s)
		}
	}
	if len(scripts) != 2 || len(a.Runs.Steps) != 4 {
		t.Fatalf("the action has %d steps, %d of them scripts", len(a.Runs.Steps), len(scripts))
	}
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	key := pem.EncodeToMemory(block)
	first := begin(t, a, root, nil)
	if exit, said := first.take(scripts[0]); exit != 0 {
		t.Fatalf("build: exit code %d\n%s", exit, said)
	}
	for name, c := range map[string]struct {
		project, command, verdict, summary string
		exit                               int
	}{
		"a good project":                 {"nginx-golang-postgres", "check", "good", "| project | nginx-golang-postgres |", 0},
		"a privileged service":           {"privileged", "check", "gate-failed", "rule: compose/privileged, danger", 1},
		"words that the shell would run": {"nginx-golang-postgres", "check $(touch ran) `touch ran` ${HOME} *", "", "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), c.project)
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "test", "projects", "files", c.project))); err != nil {
				t.Fatal(err)
			}
			j := begin(t, a, root, map[string]string{"command": c.command, "target": "production", "working-directory": dir, "ssh-key": string(key), "known-hosts": "203.0.113.7 ssh-ed25519 AAAA"})
			j.path = first.path
			if exit, said := j.take(step{Run: "stackctl init --host 203.0.113.7 --domain example.org --yes", Dir: dir}); exit != 0 {
				t.Fatalf("init: %s", said)
			}
			exit, said := j.take(scripts[1])
			if exit != c.exit {
				t.Fatalf("exit code %d, want %d\n%s", exit, c.exit, said)
			}
			for _, place := range []string{j.home, j.temp, dir} {
				holdsNot(t, place, bytes.Split(key, []byte("\n"))[1])
			}
			for _, place := range []string{j.home, dir} {
				if _, err := os.Stat(filepath.Join(place, "ran")); err == nil {
					t.Error("a word of the command was run")
				}
			}
			if got := j.file(filepath.Join(j.home, ".ssh", "known_hosts")); got != "203.0.113.7 ssh-ed25519 AAAA\n" {
				t.Errorf("known_hosts holds %q", got)
			}
			if c.verdict == "" {
				return
			}
			told := j.file(j.output)
			if !strings.Contains(told, "verdict="+c.verdict+"\n") || !strings.Contains(told, "evidence="+dir+"/artifacts/") {
				t.Errorf("it tells\n%s", told)
			}
			if summary := j.file(j.about); !strings.Contains(summary, c.summary) {
				t.Errorf("the summary is\n%s", summary)
			}
		})
	}
}

// holdsNot fails where a file in a folder holds a text.
func holdsNot(t *testing.T, dir string, text []byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(name)
		if bytes.Contains(raw, text) {
			t.Errorf("%s holds the key", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
