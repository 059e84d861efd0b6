package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"stackctl/pkg/stackctl/cli"
	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/stack"
)

// command runs a command line of stackctl in this process, on the project.
func (p *project) command(args ...string) result {
	before := p.runs()
	var out strings.Builder
	exit := cli.Main(append([]string{"--config", p.path(configFile)}, args...), strings.NewReader(""), &out, &out)
	return result{exit, out.String(), p.newRun(before)}
}

// check judges the project's files as `stackctl check` does, by the same
// reading and the same gates. It writes no evidence: masking, sealing and
// judging that takes more time than all static gates.
func (p *project) check() (stack.Report, int) {
	ctx := context.Background()
	c, err := config.Load(p.path(configFile))
	if err != nil {
		return stack.Report{Reason: err.Error()}, cli.ExitCode(ctx, err)
	}
	t, err := config.Target(c, "")
	if err != nil {
		return stack.Report{Reason: err.Error()}, cli.ExitCode(ctx, err)
	}
	d := &deploy.Deployer{Config: c, Target: t, Run: "bench", Commit: "unknown", Artifacts: unkept{}, Now: time.Now}
	r, err := d.Check(ctx)
	return r, cli.ExitCode(ctx, err)
}

// unkept is evidence that nobody reads.
type unkept struct{}

func (unkept) Artifact(string, []byte) error { return nil }

// emptyImages writes an archive of the images whose tags move. The static gates
// ask whether an archive holds them, not what is in it.
func emptyImages(dir string) (err error) {
	images := map[name.Tag]v1.Image{}
	for _, reference := range []string{"stackctl/server:dev"} {
		tag, err := name.NewTag(reference)
		if err != nil {
			return err
		}
		if images[tag], err = mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64", RootFS: v1.RootFS{Type: "layers"}}); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "server.tar"))
	if err != nil {
		return err
	}
	if err := tarball.MultiWrite(images, f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
