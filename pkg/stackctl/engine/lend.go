package engine

import (
	"context"
	"fmt"
	"strconv"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"stackctl/pkg/stackctl/stack"
)

// loanSeconds is how long a lent container stays where nobody returns it.
const loanSeconds = 3 * 60 * 60

// toolFolders hold the host's programs and what these need.
var toolFolders = []string{"/usr", "/bin", "/lib", "/lib64"}

// Lend starts a container for commands, as root without network, on a root file
// system that is not written to. It ends by itself after three hours, and is
// removed then.
func (e *Engine) Lend(ctx context.Context, l stack.Loan) (id string, err error) {
	what := "start a container of image " + l.Image + " for the project's data"
	image, err := e.known(ctx, l.Image)
	if err != nil {
		return "", stepFault(ctx, what, err, "")
	}
	config, limits := lent(l, image)
	made, err := e.api.ContainerCreate(ctx, client.ContainerCreateOptions{Config: config, HostConfig: limits})
	if cerrdefs.IsInvalidArgument(err) && l.Tools { // a host that is not of 64 bits, or is of one folder
		limits.Mounts = withoutMount(limits.Mounts, "/lib64")
		made, err = e.api.ContainerCreate(ctx, client.ContainerCreateOptions{Config: config, HostConfig: limits})
	}
	if err != nil {
		return "", stepFault(ctx, what, err, fixFor(err))
	}
	if _, err := e.api.ContainerStart(ctx, made.ID, client.ContainerStartOptions{}); err != nil {
		late, cancel := detached(ctx)
		defer cancel()
		_ = e.removeContainer(late, made.ID, true)
		return "", stepFault(ctx, what, err, fixFor(err))
	}
	return made.ID, nil
}

// lent is the definition of a lent container.
func lent(l stack.Loan, image string) (*container.Config, *container.HostConfig) {
	config := &container.Config{
		Image: image, User: "0:0", WorkingDir: "/", Entrypoint: []string{"/bin/sh"}, Cmd: []string{"-c", "exec sleep " + strconv.Itoa(loanSeconds)},
		Labels: map[string]string{stack.LabelLoan: l.Project}, Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}
	limits := &container.HostConfig{
		AutoRemove: true, NetworkMode: "none", SecurityOpt: []string{"no-new-privileges", "label=disable"}, CapDrop: []string{"ALL"},
		CapAdd:        []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETFCAP", "MKNOD"},
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
	}
	if l.Beside != "" {
		limits.NetworkMode = container.NetworkMode("container:" + l.Beside)
	}
	if l.Folder != "" {
		limits.Mounts = append(limits.Mounts, mount.Mount{Type: mount.TypeBind, Source: l.Folder, Target: stack.LoanFolder})
	}
	if l.Tools {
		// What the image sets may lead the host's programs to the image's libraries.
		config.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "LD_PRELOAD=", "LD_LIBRARY_PATH="}
		limits.ReadonlyRootfs = true
		for _, dir := range toolFolders {
			limits.Mounts = append(limits.Mounts, mount.Mount{Type: mount.TypeBind, Source: dir, Target: dir, ReadOnly: true})
		}
	}
	return config, limits
}

func withoutMount(list []mount.Mount, target string) []mount.Mount {
	var out []mount.Mount
	for _, m := range list {
		if m.Target != target {
			out = append(out, m)
		}
	}
	return out
}

// Return removes a lent container; any other one stays.
func (e *Engine) Return(ctx context.Context, id string) error {
	what := "remove the container " + id + " that was lent"
	seen, err := e.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	if err == nil && (seen.Container.Config == nil || seen.Container.Config.Labels[stack.LabelLoan] == "") {
		err = fmt.Errorf("it carries no label %s", stack.LabelLoan)
	}
	if err == nil {
		err = e.removeContainer(ctx, id, true)
	}
	return stepFault(ctx, what, err, "")
}

// Hold keeps a running container from writing: paused, or stopped with the grace
// that its definition gives it. Release lets it go on.
func (e *Engine) Hold(ctx context.Context, id string, stop bool) error {
	var err error
	if stop {
		_, err = e.api.ContainerStop(ctx, id, client.ContainerStopOptions{})
	} else {
		_, err = e.api.ContainerPause(ctx, id, client.ContainerPauseOptions{})
	}
	return stepFault(ctx, "hold container "+id, err, "")
}

// Release lets a container go on that Hold paused or stopped.
func (e *Engine) Release(ctx context.Context, id string) error {
	seen, err := e.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	switch {
	case err != nil:
	case seen.Container.State != nil && seen.Container.State.Paused:
		_, err = e.api.ContainerUnpause(ctx, id, client.ContainerUnpauseOptions{})
	default:
		_, err = e.api.ContainerStart(ctx, id, client.ContainerStartOptions{})
	}
	return stepFault(ctx, "let container "+id+" go on", err, "`stackctl deploy` starts what does not run")
}
