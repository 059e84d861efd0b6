// Command compose takes the same figures of stackctl and of its obvious
// alternatives in one run against the sandbox: `docker save | ssh docker load`
// and `docker compose up --wait`, over SSH and on the host. It owns how the
// figures are taken; it judges none.
//
//	make demo && go run ./test/bench/compose
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"stackctl/test/composeup"
)

const (
	rounds = 3
	wait   = 3 * time.Minute
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if len(os.Args) == 4 { // the alternative itself, as a process of its own
		err = alternative(ctx, os.Args[1], os.Args[2], os.Args[3])
	} else {
		err = compare(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compose:", err)
		os.Exit(1)
	}
}

// alternative is `docker compose up --wait` or `docker compose down`.
func alternative(ctx context.Context, verb, file, name string) error {
	p, err := composeup.Project(ctx, file, name)
	if err != nil {
		return err
	}
	if verb == "down" {
		return composeup.Down(ctx, p)
	}
	return composeup.Up(ctx, p, wait)
}

func compare(ctx context.Context) error {
	b, err := newBench(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	fmt.Println("| what | median | all runs | bytes that travelled |\n|---|---|---|---|")
	for _, part := range []func() error{b.first, b.shipping, b.unchanged, b.changed} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// first is the first start of the alternative, which the others build on.
func (b *bench) first() error {
	began := time.Now()
	if err := b.overSSH(b.run, "up"); err != nil {
		return err
	}
	row("`docker compose up --wait` over SSH, the first start", []time.Duration{time.Since(began)}, nil)
	return nil
}

func (b *bench) unchanged() error {
	over := func() error { return b.overSSH(b.run, "up") }
	on := func() error { return b.onHost("up") }
	ours := func() error {
		if err := b.stackctl(nil, "deploy"); err != nil {
			return err
		}
		return b.readReport()
	}
	return b.turns("nothing changed", ours, over, on)
}

// changed is a new image of the application, from the archive to all healthy.
func (b *bench) changed() error {
	ship := func() error {
		tag, err := b.image()
		if err != nil {
			return err
		}
		if _, err := b.load(tag, true); err != nil {
			return err
		}
		return b.use(tag)
	}
	over := func() error {
		if err := ship(); err != nil {
			return err
		}
		return b.overSSH(b.run, "up")
	}
	on := func() error {
		if err := ship(); err != nil {
			return err
		}
		return b.onHost("up")
	}
	if err := b.turns("a changed app image", b.deployChanged, over, on); err != nil {
		return err
	}
	row("of the deploys: shipping, and all that they sent", b.shipped[len(b.shipped)-rounds:], b.bytes[len(b.bytes)-rounds:])
	return b.stackctl(nil, "deploy") // back to the unchanged image
}

// turns takes the three ways in turns, so that each meets the same noise.
func (b *bench) turns(what string, ours, overSSH, onHost func() error) error {
	names := []string{"`stackctl deploy` with its core gates", "`docker compose up --wait` over SSH", "`docker compose up --wait` on the host"}
	took := make([][]time.Duration, len(names))
	var calls int
	for range rounds {
		for i, do := range []func() error{ours, overSSH, onHost} {
			began, before := time.Now(), b.calls()
			if err := do(); err != nil {
				return fmt.Errorf("%s, %s: %w", what, names[i], err)
			}
			took[i] = append(took[i], time.Since(began))
			if i == 1 {
				calls = b.calls() - before
			}
		}
	}
	for i, name := range names {
		row(what+": "+name, took[i], nil)
	}
	fmt.Printf("| %s: SSH sessions of the last run | %s: %d connection, %d sessions, %d tunnels, %d requests to the engine | %s: %d sessions, each a connection where none is shared | – |\n",
		what, names[0], b.wire.Connections, b.wire.Sessions, b.wire.Tunnels, b.wire.Calls, names[1], calls)
	return nil
}

// overSSH runs the alternative here, against the server's engine.
func (b *bench) overSSH(run func(env []string, name string, args ...string) error, verb string) error {
	return run([]string{"DOCKER_HOST=ssh://root@" + b.host, "PATH=" + b.dir + "/bin:" + os.Getenv("PATH")}, b.self(), verb, b.file(), project)
}

// onHost runs it on the server.
func (b *bench) onHost(verb string) error {
	return b.ssh(nil, strings.Join([]string{b.self(), verb, b.file(), project}, " "))
}

func (b *bench) run(env []string, name string, args ...string) error {
	cmd := exec.CommandContext(b.ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return nil
}
