package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/sandbox"
)

// restore undoes what a mutant did, and sees that the deployment is good again.
func (b *bench) restore(m mutant) (err error) {
	defer caught(&err)
	s := b.server
	// The mutant's own project is gone; what is undone may need a good one.
	p := b.project()
	defer func() { _ = os.RemoveAll(p.root) }()
	s.project = p
	for i := len(s.undos) - 1; i >= 0; i-- {
		s.undos[i]()
	}
	s.undos = nil
	s.forget()
	if m.faults != nil && m.server == nil {
		// Nothing was changed but the proxy's rules.
		s.until("the site is ready without the fault", func() bool {
			status, _ := s.fetch("https", "127.0.0.1:443", s.state.Domain, "/api/health/ready")
			return status == http.StatusOK
		})
		return nil
	}
	var last result
	// A container that was stopped takes its time to be healthy.
	deadline := time.Now().Add(40 * time.Second)
	for {
		if last, err = p.stackctl(runLimit, nil, again(m)...); err != nil {
			return err
		}
		if last.exit == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after it, the deployment is not good again: %s\n%s", strings.Join(again(m), " "), last.text)
		}
	}
}

// again is the cheapest command that sees whether what the mutant broke is
// good: the gates that look at it without touching accounts.
func again(m mutant) []string {
	ids := strings.Fields(strings.NewReplacer("config", "", "step", "", "G10", "G3", "G4", "G8").Replace(m.gates))
	if len(ids) == 0 || m.args == "deploy" {
		return []string{"verify"}
	}
	return []string{"verify", "--gate", strings.Join(ids, ",")}
}

// open starts the bench's own droplet and deploys the good stack to it.
func (b *bench) open(say func(string)) (err error) {
	defer caught(&err)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	dir := filepath.Join(b.repo, "build", "mutants")
	state, err := sandbox.Up(ctx, sandbox.Options{Dir: filepath.Join(dir, "sandbox"), Images: filepath.Join(b.repo, "build", "sandbox"), Private: true, Progress: say})
	if err != nil {
		return err
	}
	// The database keeps its password as long as the droplet lives.
	kept := filepath.Join(dir, "secrets")
	if state.Fresh {
		must(os.RemoveAll(kept))
	}
	if _, err := os.Stat(kept); errors.Is(err, fs.ErrNotExist) {
		must(copyTree(b.secrets, kept))
	}
	b.secrets, b.images = kept, filepath.Join(b.repo, "build", "images")
	conn, err := host.Dial(ctx, host.Options{Address: state.Address.String(), User: "root", Key: state.Key(), KnownHosts: state.KnownHosts()})
	if err != nil {
		return err
	}
	b.server = &server{state: state, conn: conn}
	p := b.project()
	b.server.project = p
	b.server.sh(leftovers)
	say("provision")
	b.tell(p, "provision")
	say("deploy")
	r := b.tell(p, "deploy")
	told, err := report(r.run)
	if err != nil {
		return err
	}
	b.server.release = told.Live
	return b.ship()
}

// ship builds the proxy and puts it on the droplet.
func (b *bench) ship() error {
	file := filepath.Join(b.scratch, "proxy")
	build := exec.Command("go", "build", "-trimpath", "-o", file, "./test/mutants/proxy")
	build.Dir, build.Env = b.repo, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the proxy: %w\n%s", err, out)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), ask)
	defer cancel()
	return b.server.conn.WriteFile(ctx, "/srv/mutants/proxy", raw, 0o755)
}

// close takes the droplet down, unless it is kept for the next run.
func (b *bench) close(keep bool) error {
	if b.server == nil {
		return nil
	}
	_ = b.server.conn.Close()
	if keep {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return sandbox.Down(ctx, b.server.state.Dir, false)
}

// mend brings the good deployment back by a deploy, after a mutant that could
// not be undone.
func (b *bench) mend() {
	s := b.server
	s.undos = nil
	p := b.project()
	s.project = p
	r, err := p.stackctl(runLimit, nil, "deploy")
	if err != nil || r.exit != 0 {
		fmt.Fprintf(os.Stderr, "mend: deploy ended with exit code %d: %v\n", r.exit, err)
	}
}
