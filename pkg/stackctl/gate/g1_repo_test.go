package gate

import (
	"bytes"
	"context"
	"encoding/gob"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// repo is a copy of this repository's own deployment files, which are the
// good sample: a mutant changes the text of one file, as a person would.
type repo struct{ root string }

// repoFiles are what a deployment is made of.
var repoFiles = []string{"compose/stack.yaml", "traefik/traefik.yml", "traefik/dynamic/routes.yml", "docs/stack-overview.md", ".env.example", "stackctl.yaml", "pkg/contract/openapi.yaml"}

// repoSecrets have values that no other text holds.
var repoSecrets = map[string]string{
	"postgres_password": "pg-vR8mQ2xK7tL4nB6w", "redis_password": "rd-hJ5sD9fG3kP1zX8c", "app_secret": "as-yT4uI7oE2wQ6rA9s",
	"smtp_password": "sm-nV3xW8bZ5qC1tY6k", "oauth_client_secret": "oc-eF2gH9jL4mP7sU3d",
	"staff_password": "st-bN3mV8cX1zL5kJ7h", "staff_htpasswd": "staff:$2y$05$0123456789012345678901uJ8X0YQ0mJc6N9w2y3z4a5b6c7d8e9f",
}

func newRepo(t testing.TB) repo {
	t.Helper()
	r := repo{t.TempDir()}
	for _, name := range repoFiles {
		raw, err := os.ReadFile(filepath.Join("../../..", name))
		if err != nil {
			t.Fatal(err)
		}
		r.write(t, name, string(raw))
	}
	for name, value := range repoSecrets {
		r.write(t, "secrets/"+name, value+"\n")
	}
	r.write(t, "stackctl.yaml", r.read(t, "stackctl.yaml")+"\ntarget: prod\ntargets:\n  prod: {host: 203.0.113.7, user: deploy, env: {STAFF_ALLOWLIST: \"127.0.0.1/32,172.20.0.1/32\"}, domain: example.org}\n")
	return r
}

func (r repo) read(t testing.TB, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(r.root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func (r repo) write(t testing.TB, name, text string) {
	t.Helper()
	file := filepath.Join(r.root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// change replaces the first place of a text, and fails where there is none.
func (r repo) change(t testing.TB, name, from, to string) {
	t.Helper()
	text := r.read(t, name)
	if !strings.Contains(text, from) {
		t.Fatalf("%s does not hold %q: the mutant has lost its place", name, from)
	}
	r.write(t, name, strings.Replace(text, from, to, 1))
}

// subject freezes the release, as a deploy does.
func (r repo) subject(t testing.TB) Subject {
	t.Helper()
	c, err := config.Load(filepath.Join(r.root, "stackctl.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	target, err := config.Target(c, "")
	if err != nil {
		t.Fatal(err)
	}
	draft, err := release.Read(context.Background(), c, target)
	if err != nil {
		t.Fatal(err)
	}
	service, err := draft.EdgeService()
	if err != nil {
		t.Fatal(err)
	}
	files, err := edge.Read(c, target, service)
	if err != nil {
		t.Fatal(err)
	}
	frozen, err := draft.Freeze(release.Inputs{
		Edge: files, Contract: []byte(r.read(t, "pkg/contract/openapi.yaml")), Commit: strings.Repeat("a", 40), Now: time.Unix(1, 0),
		Archives: map[string]stack.Image{"stackctl/server:dev": {Reference: "stackctl/server:dev", ID: "sha256:" + strings.Repeat("1", 64), Archive: "server.tar"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return Subject{Config: c, Target: target, Release: frozen, Artifacts: &fakeSink{kept: map[string][]byte{}}}
}

// copies gives a function that hands out copies of a subject: freezing is the
// slow part.
func copies(t *testing.T, s Subject) func() Subject {
	t.Helper()
	var frozen bytes.Buffer
	if err := gob.NewEncoder(&frozen).Encode([]any{s.Config, s.Target, s.Release}); err != nil {
		t.Fatal(err)
	}
	return func() Subject {
		var parts []any
		if err := gob.NewDecoder(bytes.NewReader(frozen.Bytes())).Decode(&parts); err != nil {
			t.Fatal(err)
		}
		return Subject{Config: parts[0].(stack.Config), Target: parts[1].(stack.Target), Release: parts[2].(stack.Release),
			Artifacts: &fakeSink{kept: map[string][]byte{}}}
	}
}

func init() {
	gob.Register(stack.Config{})
	gob.Register(stack.Target{})
	gob.Register(stack.Release{})
}

// serviceOf is a service of a frozen release, to be changed.
func serviceOf(s *Subject, name string) *stack.Service {
	for i := range s.Release.Services {
		if s.Release.Services[i].Name == name {
			return &s.Release.Services[i]
		}
	}
	panic("no service " + name)
}

// mutant is one way to break a deployment.
type mutant struct {
	name string
	// file, from, to: a change of text.
	file, from, to string
	// also changes anything else; after changes the frozen subject.
	also  func(t *testing.T, r repo)
	after func(s *Subject)
	// subject is the finding's, problem a part of its text.
	subject, problem string
}

// staticMutants runs a static gate on each mutant and on the good sample.
func staticMutants(t *testing.T, g Gate, mutants []mutant) {
	t.Helper()
	sample := newRepo(t).subject(t)
	fresh := copies(t, sample)
	good := runAlone(context.Background(), g, sample)
	if good.Status != stack.Passed {
		t.Fatalf("the good sample: %s %s %+v", good.Status, good.Reason, good.Findings)
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			s := fresh()
			if m.file != "" || m.also != nil {
				r := newRepo(t)
				if m.file != "" {
					r.change(t, m.file, m.from, m.to)
				}
				if m.also != nil {
					m.also(t, r)
				}
				s = r.subject(t)
			}
			if m.after != nil {
				m.after(&s)
			}
			wantFinding(t, runAlone(context.Background(), g, s), m.subject, m.problem)
		})
	}
}

func wantFinding(t *testing.T, r stack.GateResult, subject, problem string) {
	t.Helper()
	if r.Status != stack.Failed {
		t.Fatalf("%s %s; want a failure on %s: %s", r.Status, r.Reason, subject, problem)
	}
	for _, f := range r.Findings {
		if f.Expected == "" || f.Observed == "" || f.Fix == "" {
			t.Errorf("a finding that does not say all: %+v", f)
		}
		if f.Subject == subject && strings.Contains(f.Problem, problem) {
			return
		}
	}
	t.Errorf("no finding on %q with %q in %+v", subject, problem, r.Findings)
}
