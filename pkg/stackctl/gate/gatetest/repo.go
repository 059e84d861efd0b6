// Package gatetest owns the deployments that tests of gates judge: this
// repository's own files, and a site that answers. It must not know the gates.
package gatetest

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
	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// Files of the repository that mutants change, and the directory of production certificates.
const (
	StaticFile  = "traefik/traefik.yml"
	RoutesFile  = "traefik/dynamic/routes.yml"
	ComposeFile = "compose/stack.yaml"
	ProductionA = "https://acme-v02.api.letsencrypt.org/directory"
)

// Repo is a copy of this repository's own deployment files, which are the
// good sample: a mutant changes the text of one file, as a person would.
type Repo struct{ root string }

// repoFiles are what a deployment is made of.
var repoFiles = []string{"compose/stack.yaml", "traefik/traefik.yml", "traefik/dynamic/routes.yml", "docs/stack-overview.md", ".env.example", "stackctl.yaml", "pkg/contract/openapi.yaml"}

// RepoSecrets have values that no other text holds.
var RepoSecrets = map[string]string{
	"postgres_password": "pg-vR8mQ2xK7tL4nB6w", "redis_password": "rd-hJ5sD9fG3kP1zX8c", "app_secret": "as-yT4uI7oE2wQ6rA9s",
	"db_api_password": "da-kW7nB2vX9mQ4tR6z", "db_admin_password": "dd-pL3hG8jF5sD1yU6c", "db_worker_password": "dw-oE9iR4tY7uW2qA5x",
	"db_scheduler_password": "ds-zC6vB1nM8kJ3hG4f", "db_jobs_ui_password": "dj-aS5dF2gH9lK7pO3w",
	"smtp_password": "sm-nV3xW8bZ5qC1tY6k", "oauth_client_secret": "oc-eF2gH9jL4mP7sU3d",
	"staff_password": "st-bN3mV8cX1zL5kJ7h", "staff_htpasswd": "staff:$2y$05$0123456789012345678901uJ8X0YQ0mJc6N9w2y3z4a5b6c7d8e9f",
}

// NewRepo copies the deployment files into a folder of the test.
func NewRepo(t testing.TB) Repo {
	t.Helper()
	r := Repo{t.TempDir()}
	for _, name := range repoFiles {
		raw, err := os.ReadFile(filepath.Join(root(t), name))
		if err != nil {
			t.Fatal(err)
		}
		r.Write(t, name, string(raw))
	}
	for name, value := range RepoSecrets {
		r.Write(t, "secrets/"+name, value+"\n")
	}
	r.Write(t, "stackctl.yaml", r.Read(t, "stackctl.yaml")+"\ntarget: prod\ntargets:\n  prod: {host: 203.0.113.7, user: deploy, env: {STAFF_ALLOWLIST: \"127.0.0.1/32,172.20.0.1/32\"}, domain: example.org}\n")
	return r
}

// Read returns a file's text.
func (r Repo) Read(t testing.TB, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(r.root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Write replaces a file.
func (r Repo) Write(t testing.TB, name, text string) {
	t.Helper()
	file := filepath.Join(r.root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Change replaces the first place of a text, and fails where there is none.
func (r Repo) Change(t testing.TB, name, from, to string) {
	t.Helper()
	text := r.Read(t, name)
	if !strings.Contains(text, from) {
		t.Fatalf("%s does not hold %q: the mutant has lost its place", name, from)
	}
	r.Write(t, name, strings.Replace(text, from, to, 1))
}

// Subject freezes the release, as a deploy does.
func (r Repo) Subject(t testing.TB) gate.Subject {
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
	files, err := edge.Read(c, target, service, edge.Behind{Recreated: draft.Recreated(), Replicas: draft.Replicas()})
	if err != nil {
		t.Fatal(err)
	}
	frozen, err := draft.Freeze(release.Inputs{
		Edge: files, Contract: []byte(r.Read(t, "pkg/contract/openapi.yaml")), Commit: strings.Repeat("a", 40), Now: time.Unix(1, 0),
		Archives: map[string]stack.Image{"stackctl/server:dev": {Reference: "stackctl/server:dev", ID: "sha256:" + strings.Repeat("1", 64), Archive: "server.tar"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return gate.Subject{Config: c, Target: target, Release: frozen, Artifacts: &Sink{Kept: map[string][]byte{}}}
}

// Copies returns a function that hands out copies of a subject: freezing is the
// slow part.
func Copies(t *testing.T, s gate.Subject) func() gate.Subject {
	t.Helper()
	var frozen bytes.Buffer
	if err := gob.NewEncoder(&frozen).Encode([]any{s.Config, s.Target, s.Release}); err != nil {
		t.Fatal(err)
	}
	return func() gate.Subject {
		var parts []any
		if err := gob.NewDecoder(bytes.NewReader(frozen.Bytes())).Decode(&parts); err != nil {
			t.Fatal(err)
		}
		return gate.Subject{Config: parts[0].(stack.Config), Target: parts[1].(stack.Target), Release: parts[2].(stack.Release),
			Artifacts: &Sink{Kept: map[string][]byte{}}}
	}
}

func init() {
	gob.Register(stack.Config{})
	gob.Register(stack.Target{})
	gob.Register(stack.Release{})
}

// ServiceOf is a service of a frozen release, to be changed.
func ServiceOf(s *gate.Subject, name string) *stack.Service {
	for i := range s.Release.Services {
		if s.Release.Services[i].Name == name {
			return &s.Release.Services[i]
		}
	}
	panic("no service " + name)
}

// Mutant is one way to break a deployment.
type Mutant struct {
	Name string
	// File, from, to: a change of text.
	File, From, To string
	// Also changes anything else; after changes the frozen subject.
	Also  func(t *testing.T, r Repo)
	After func(s *gate.Subject)
	// Subject is the finding's, problem a part of its text.
	Subject, Problem string
}

// StaticMutants runs a static gate on each mutant and on the good sample.
func StaticMutants(t *testing.T, g gate.Gate, mutants []Mutant) {
	t.Helper()
	sample := NewRepo(t).Subject(t)
	fresh := Copies(t, sample)
	good := Run(context.Background(), g, sample)
	if good.Status != stack.Passed {
		t.Fatalf("the good sample: %s %s %+v", good.Status, good.Reason, good.Findings)
	}
	for _, m := range mutants {
		t.Run(m.Name, func(t *testing.T) {
			s := fresh()
			if m.File != "" || m.Also != nil {
				r := NewRepo(t)
				if m.File != "" {
					r.Change(t, m.File, m.From, m.To)
				}
				if m.Also != nil {
					m.Also(t, r)
				}
				s = r.Subject(t)
			}
			if m.After != nil {
				m.After(&s)
			}
			WantFinding(t, Run(context.Background(), g, s), m.Subject, m.Problem)
		})
	}
}

// WantFinding fails the test unless a result failed by a whole finding on the subject.
func WantFinding(t *testing.T, r stack.GateResult, subject, problem string) {
	t.Helper()
	if r.Status != stack.Failed {
		t.Fatalf("%s %s; want a failure on %s: %s", r.Status, r.Reason, subject, problem)
	}
	for _, f := range r.Findings {
		if f.Rule == "" || f.Level == "" || f.Expected == "" || f.Observed == "" || f.Fix == "" {
			t.Errorf("a finding that does not say all: %+v", f)
		}
		if f.Subject == subject && strings.Contains(f.Problem, problem) {
			return
		}
	}
	t.Errorf("no finding on %q with %q in %+v", subject, problem, r.Findings)
}

// RepoHosts are the host names of the repository's routes.
var RepoHosts = []string{"admin.example.org", "example.org", "jobs.example.org", "pgadmin.example.org", "traefik.example.org", "www.example.org"}

// The addresses of the site's host, and what `ip -o addr` prints there.
const (
	SiteAddress  = "203.0.113.7"
	SiteAddress6 = "2001:db8::7"
	SiteLinks    = "2: eth0    inet 203.0.113.7/24 brd 203.0.113.255 scope global eth0\\       valid_lft forever\n" +
		"2: eth0    inet6 2001:db8::7/64 scope global \\       valid_lft forever\n" +
		"3: docker0    inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0\\ \n4: br-1a2b    inet 172.18.0.1/16 scope global br-1a2b\\ \n"
)
