package sandbox

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// label marks every container, volume and network of a sandbox with its name.
const label = "dev.stackctl.sandbox"

// builder makes one sandbox on the local Docker Engine.
type builder struct {
	Options
	api *client.Client
}

func open(ctx context.Context, o Options) (*builder, error) {
	api, err := client.New(client.FromEnv)
	if err == nil {
		probe, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		_, err = api.Ping(probe, client.PingOptions{NegotiateAPIVersion: true})
	}
	if err != nil {
		return nil, stack.Fault(stack.CauseUnreachable, "ask the local Docker Engine", err,
			"install and start one: scripts/prepare.sh demo does so on Debian 12")
	}
	return &builder{Options: o, api: api}, nil
}

func (b *builder) close() { _ = b.api.Close() } // idle connections only

func (b *builder) say(format string, args ...any) { b.Progress(fmt.Sprintf(format, args...)) }

// named is the name of one of the sandbox's things; none is the droplet and the network.
func (b *builder) named(part string) string {
	if part == "" {
		return "stackctl-" + b.Name
	}
	return "stackctl-" + b.Name + "-" + part
}

func (b *builder) labels() map[string]string { return map[string]string{label: b.Name} }

// image makes sure that the Engine has the image of an archive and gives its ID.
func (b *builder) image(ctx context.Context, archive string) (string, error) {
	path := filepath.Join(b.Images, archive)
	id, err := imageID(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", stack.Usage(path, 0, "the sandbox's image is not built", "run `go run ./test/images` in the stackctl repository first")
	}
	if err != nil {
		return "", fault("read "+path, err, "remove it and run `go run ./test/images`")
	}
	if _, err := b.api.ImageInspect(ctx, id); err == nil {
		return id, nil
	}
	b.say("load %s into the local Docker Engine", archive)
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	res, err := b.api.ImageLoad(ctx, f, client.ImageLoadWithQuiet(true))
	if err != nil {
		return "", fault("load "+path, err, "")
	}
	defer res.Close()
	answer, err := io.ReadAll(io.LimitReader(res, 1<<20))
	if err != nil {
		return "", fault("load "+path, err, "")
	}
	if _, err := b.api.ImageInspect(ctx, id); err != nil {
		return "", fault("load "+path, fmt.Errorf("the Engine does not know it afterwards: %s", bytes.TrimSpace(answer)), "")
	}
	return id, nil
}

// imageID is the config digest that a `docker save`-shaped archive names.
func imageID(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for in := tar.NewReader(f); ; {
		h, err := in.Next()
		if err != nil {
			return "", fmt.Errorf("find manifest.json: %w", err)
		}
		if h.Name != "manifest.json" {
			continue
		}
		var images []struct{ Config string }
		if err := json.NewDecoder(io.LimitReader(in, 1<<20)).Decode(&images); err != nil {
			return "", fmt.Errorf("read manifest.json: %w", err)
		}
		if len(images) != 1 {
			return "", fmt.Errorf("manifest.json names %d images, want 1", len(images))
		}
		digest := strings.TrimSuffix(strings.TrimPrefix(images[0].Config, "sha256:"), ".json")
		return "sha256:" + digest, nil
	}
}

// exec runs argv in a container and gives its standard output.
func (b *builder) exec(ctx context.Context, container string, argv ...string) (string, error) {
	made, err := b.api.ExecCreate(ctx, container, client.ExecCreateOptions{Cmd: argv, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return "", err
	}
	stream, err := b.api.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		return "", err
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, stream.Close)
	defer stop()
	var stdout, stderr bytes.Buffer
	if _, err := stdcopy.StdCopy(&stdout, &stderr, stream.Reader); err != nil {
		return "", err
	}
	done, err := b.api.ExecInspect(ctx, made.ID, client.ExecInspectOptions{})
	if err != nil {
		return "", err
	}
	if done.ExitCode != 0 {
		return stdout.String(), fmt.Errorf("%s: exit %d: %s", strings.Join(argv, " "), done.ExitCode, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// file is one file to put into a container.
type file struct {
	path    string
	mode    int64
	content []byte
}

// put writes files into a container, running or not.
func (b *builder) put(ctx context.Context, container string, files ...file) error {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		h := &tar.Header{Name: strings.TrimPrefix(f.path, "/"), Mode: f.mode, Size: int64(len(f.content)), ModTime: time.Now()}
		if f.content == nil {
			h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
		}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := w.Write(f.content); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err := b.api.CopyToContainer(ctx, container, client.CopyToContainerOptions{DestinationPath: "/", Content: &buf})
	return err
}

// get reads one file out of a container.
func (b *builder) get(ctx context.Context, container, path string) ([]byte, error) {
	res, err := b.api.CopyFromContainer(ctx, container, client.CopyFromContainerOptions{SourcePath: path})
	if err != nil {
		return nil, err
	}
	defer res.Content.Close()
	in := tar.NewReader(res.Content)
	if _, err := in.Next(); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(in, 1<<20))
}

// remove takes away what carries the sandbox's label, and with images also the
// images that its containers ran and no other container uses.
func (b *builder) remove(ctx context.Context, images bool) error {
	ours := make(client.Filters).Add("label", label+"="+b.Name)
	containers, err := b.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: ours})
	if err != nil {
		return fault("list the sandbox's containers", err, "")
	}
	var ran []string
	for _, c := range containers.Items {
		if _, err := b.api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			return fault("remove container "+strings.Join(c.Names, " "), err, "")
		}
		ran = append(ran, c.ImageID)
	}
	volumes, err := b.api.VolumeList(ctx, client.VolumeListOptions{Filters: ours})
	if err != nil {
		return fault("list the sandbox's volumes", err, "")
	}
	for _, v := range volumes.Items {
		if _, err := b.api.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{Force: true}); err != nil {
			return fault("remove volume "+v.Name, err, "")
		}
	}
	networks, err := b.api.NetworkList(ctx, client.NetworkListOptions{Filters: ours})
	if err != nil {
		return fault("list the sandbox's networks", err, "")
	}
	for _, n := range networks.Items {
		if _, err := b.api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{}); err != nil {
			return fault("remove network "+n.Name, err, "")
		}
	}
	if !images {
		return nil
	}
	slices.Sort(ran)
	for _, id := range slices.Compact(ran) {
		_, err := b.api.ImageRemove(ctx, id, client.ImageRemoveOptions{PruneChildren: true})
		if err != nil && !errdefs.IsConflict(err) && !errdefs.IsNotFound(err) { // in use by another sandbox: it stays
			return fault("remove image "+id, err, "")
		}
	}
	return nil
}
