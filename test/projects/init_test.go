// Package projects holds compose files as people publish them, and what
// stackctl makes of each.
package projects_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/cli"
)

// refused are the projects that a person must decide something about, with
// what they are told; every other one passes.
var refused = map[string]struct {
	exit int
	says []string
}{
	"arr-stack":           {cli.ExitGate, []string{"a device of the host is handed in"}},
	"host-network":        {cli.ExitGate, []string{"network_mode: host"}},
	"interpolation":       {cli.ExitGate, []string{"the database is lost with its container"}},
	"portainer":           {cli.ExitGate, []string{"the container engine's socket is mounted"}},
	"privileged":          {cli.ExitGate, []string{"the service is privileged"}},
	"watchtower":          {cli.ExitGate, []string{"the container engine's socket is mounted"}},
	"undefined-variables": {cli.ExitUsage, []string{"docker-compose.yml:7: the variable DB_PASSWORD is not defined"}},
}

func TestInitAndCheckOfWhatPeoplePublish(t *testing.T) {
	files, err := filepath.Abs("files")
	if err != nil {
		t.Fatal(err)
	}
	projects, err := os.ReadDir(files)
	if err != nil || len(projects) < 40 {
		t.Fatalf("%d projects, %v", len(projects), err)
	}
	for _, p := range projects {
		t.Run(p.Name(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), p.Name())
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(files, p.Name()))); err != nil {
				t.Fatal(err)
			}
			t.Chdir(dir)
			exit, text := run("init", "--host", "203.0.113.7", "--domain", "example.org", "--yes")
			if exit != cli.ExitDone {
				t.Fatalf("init: exit code %d\n%s", exit, text)
			}
			exit, said := run("check")
			want := refused[p.Name()]
			if exit != want.exit {
				t.Errorf("check: exit code %d, want %d\n%s\n%s", exit, want.exit, text, said)
			}
			for _, says := range want.says {
				if !strings.Contains(said, says) {
					t.Errorf("check: %q is not in\n%s", says, said)
				}
			}
			if testing.Verbose() {
				settings, _ := os.ReadFile("stackctl.yaml")
				t.Logf("\n%s\n%s\n%s", text, settings, said)
			}
		})
	}
}

func run(args ...string) (int, string) {
	var out bytes.Buffer
	exit := cli.Main(args, strings.NewReader(""), &out, &out)
	return exit, out.String()
}
