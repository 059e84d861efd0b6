package engine

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	control "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	"github.com/moby/moby/client"
	"github.com/tonistiigi/fsutil"

	"stackctl/pkg/stackctl/build"
	"stackctl/pkg/stackctl/stack"
)

// Build makes an image of a build section with the Engine's own BuildKit and
// gives it the names. Files are read here and sent as far as the builder needs
// them; credentials for base images are the operator's. progress gets a line
// for each step that begins or ends; it may be nil. A build that fails ends
// with the last lines of the step that did.
func (e *Engine) Build(ctx context.Context, b stack.Build, platform string, names []string, progress func(line string)) (stack.Built, error) {
	dir, err := os.MkdirTemp("", "stackctl-build")
	if err != nil {
		return stack.Built{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	opt, err := solveOptions(b, platform, names, dir)
	if err != nil {
		return stack.Built{}, stepFault(ctx, "prepare the build of "+names[0], err, "")
	}
	log := &buildLog{progress: progress}
	if err := e.solve(ctx, opt, log.add); err != nil {
		return stack.Built{}, stepFault(ctx, "build "+names[0], log.explain(err), buildFix(err))
	}
	var out stack.Built
	out.Cached, out.Steps = log.count()
	image, err := e.api.ImageInspect(ctx, names[0])
	out.ID = image.ID
	return out, stepFault(ctx, "find what was built as "+names[0], err, "")
}

// CanBuild reports whether the Engine runs programs of a platform, itself or by
// emulation: linux/arm64 on a laptop with another processor.
func (e *Engine) CanBuild(ctx context.Context, platform string) bool {
	c, err := e.builder()
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	workers, err := control.NewControlClient(c).ListWorkers(ctx, &control.ListWorkersRequest{})
	if err != nil {
		return false
	}
	for _, w := range workers.Record {
		for _, p := range w.Platforms {
			if p.OS+"/"+p.Architecture == platform {
				return true
			}
		}
	}
	return false
}

// Has reports whether the Engine has an image of a name for a platform.
func (e *Engine) Has(ctx context.Context, name, platform string) bool {
	image, err := e.api.ImageInspect(ctx, name)
	return err == nil && image.Os+"/"+image.Architecture == platform
}

// Save writes an image as docker save does.
func (e *Engine) Save(ctx context.Context, name string, to io.Writer) error {
	res, err := e.api.ImageSave(ctx, []string{name})
	if err == nil {
		defer res.Close()
		_, err = io.Copy(to, res)
	}
	return stepFault(ctx, "save image "+name, err, "")
}

// solveOptions are a build section in BuildKit's words
// (moby/buildkit, frontend/dockerfile/docs). dir is for the Dockerfile that the
// compose file holds itself.
func solveOptions(b stack.Build, platform string, names []string, dir string) (solve, error) {
	if len(b.Platforms) > 0 && !slices.ContainsFunc(b.Platforms, func(p string) bool { return p == platform || strings.HasPrefix(p, platform+"/") }) {
		return solve{}, fmt.Errorf("build.platforms are %s, the host is %s", strings.Join(b.Platforms, ", "), platform)
	}
	opt := solve{frontend: "dockerfile.v0", attrs: map[string]string{"platform": platform}, mounts: map[string]fsutil.FS{}, names: strings.Join(names, ",")}
	for k, v := range b.Args {
		opt.attrs["build-arg:"+k] = v
	}
	for k, v := range b.Labels {
		opt.attrs["label:"+k] = v
	}
	for name, value := range map[string]string{
		"target": b.Target, "add-hosts": strings.Join(b.ExtraHosts, ","), "ulimit": strings.Join(b.Ulimits, ","),
		"force-network-mode": networkMode(b.Network),
	} {
		if value != "" {
			opt.attrs[name] = value
		}
	}
	if b.ShmSize > 0 {
		opt.attrs["shm-size"] = fmt.Sprint(b.ShmSize)
	}
	if b.NoCache {
		opt.attrs["no-cache"] = ""
	}
	if b.Pull {
		opt.attrs["image-resolve-mode"] = "pull"
	}
	if b.Network == "host" {
		opt.entitlements = append(opt.entitlements, "network.host")
	}
	for _, from := range b.CacheFrom {
		opt.imports = append(opt.imports, cacheFrom(from))
	}
	if err := mountContexts(&opt, b, dir); err != nil {
		return opt, err
	}
	return opt, attach(&opt, b)
}

// mountContexts gives the builder the folders of this machine, and the names of
// what it reads itself.
func mountContexts(opt *solve, b stack.Build, dir string) error {
	mount := func(name, at string, exclude []string) error {
		files, err := build.FS(at, exclude)
		opt.mounts[name] = files
		return err
	}
	remote := build.Remote(b.Context)
	if remote {
		opt.attrs["context"] = b.Context
	} else if err := mount("context", b.Context, b.Exclude); err != nil {
		return err
	}
	opt.attrs["filename"] = filepath.Base(b.Dockerfile)
	switch {
	case b.Inline != "":
		opt.attrs["filename"] = "Dockerfile"
		if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(b.Inline), 0o600); err != nil {
			return err
		}
		if err := mount("dockerfile", dir, nil); err != nil {
			return err
		}
		opt.attrs["dockerfilekey"] = "dockerfile"
	case remote:
		opt.attrs["filename"] = filepath.ToSlash(b.Dockerfile)
	default:
		if err := mount("dockerfile", filepath.Dir(b.Dockerfile), nil); err != nil {
			return err
		}
	}
	for name, at := range b.Contexts {
		// A builder that does not know them must refuse, not leave them out.
		opt.attrs["frontend.caps"] = "moby.buildkit.frontend.contexts"
		if build.Remote(at) {
			opt.attrs["context:"+name] = at
			continue
		}
		opt.attrs["context:"+name] = "local:" + name
		if err := mount(name, at, b.Exclude); err != nil {
			return err
		}
	}
	return nil
}

// attach serves what the builder asks for while it runs: credentials, secrets,
// SSH agents.
func attach(opt *solve, b stack.Build) error {
	opt.attach = []session.Attachable{&logins{keys: authn.DefaultKeychain}}
	if len(b.Secrets) > 0 {
		opt.attach = append(opt.attach, secretsprovider.FromMap(b.Secrets))
	}
	if len(b.SSH) == 0 {
		return nil
	}
	var agents []sshprovider.AgentConfig
	for _, id := range slices.Sorted(maps.Keys(b.SSH)) {
		a := sshprovider.AgentConfig{ID: id}
		if path := b.SSH[id]; path != "" {
			a.Paths = []string{path}
		}
		agents = append(agents, a)
	}
	provider, err := sshprovider.NewSSHAgentProvider(agents)
	if err != nil {
		return fmt.Errorf("build.ssh: %w", err)
	}
	opt.attach = append(opt.attach, provider)
	return nil
}

func networkMode(mode string) string {
	if mode == "default" || mode == "bridge" {
		return ""
	}
	return mode
}

// cacheFrom reads one entry of cache_from: an image, or type=…,key=value.
func cacheFrom(entry string) *control.CacheOptionsEntry {
	if !strings.Contains(entry, "=") {
		return &control.CacheOptionsEntry{Type: "registry", Attrs: map[string]string{"ref": entry}}
	}
	out := &control.CacheOptionsEntry{Type: "registry", Attrs: map[string]string{}}
	for _, field := range strings.Split(entry, ",") {
		key, value, _ := strings.Cut(field, "=")
		if key == "type" {
			out.Type = value
			continue
		}
		out.Attrs[key] = value
	}
	return out
}

// buildFix is what to do about a build that failed.
func buildFix(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "moby.buildkit.frontend.contexts"):
		return "additional_contexts need an Engine 23 or newer, or `# syntax=docker/dockerfile:1` at the top of the Dockerfile"
	case strings.Contains(text, "failed to resolve source metadata"), strings.Contains(text, "failed to load metadata"), strings.Contains(text, "failed to do request"), strings.Contains(text, "pull access denied"):
		return "check the name of the base image and the way to its registry; for a private one run `docker login` here"
	case strings.Contains(text, "no space left"):
		return "free space where the Engine keeps its build cache: docker builder prune"
	}
	return "correct the Dockerfile or its context; `docker build` shows the same"
}

// Local opens the operator's own Engine, as the docker command finds it:
// DOCKER_HOST, the current context, else the usual socket.
func Local(ctx context.Context) (*Engine, error) {
	api, err := localClient()
	if err != nil {
		return nil, err
	}
	e, err := Open(ctx, api.Dialer())
	if err != nil {
		_ = api.Close()
	}
	return e, err
}

// localClient is a client of the operator's Engine.
func localClient() (*client.Client, error) {
	host, err := localHost()
	if err != nil {
		return nil, err
	}
	options := []client.Opt{client.FromEnv}
	if host != "" {
		options = append(options, client.WithHost(host))
	}
	return client.New(options...)
}
