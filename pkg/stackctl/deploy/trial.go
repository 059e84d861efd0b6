package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

const (
	// trialStart bounds how long an edge on trial may take until it answers: a
	// small host reads its program from disk for the first time.
	trialStart = 45 * time.Second
	// trialLook is after how long it is seen whether it still runs.
	trialLook = 3 * time.Second
	// trialDeadline bounds how long it may take to judge its files then.
	trialDeadline = 10 * time.Second
)

// trial lets a throwaway edge read dynamic files that the real one has not
// seen yet. Files that differ in their upstreams alone have been seen. A project
// without routes has no edge to try them.
func (p *planner) trial() {
	edged := slices.ContainsFunc(p.r.Services, func(s stack.Service) bool { return s.Layer == stack.LayerEdge })
	if cause := p.trialCause(); cause != "" && len(p.r.Edge.Dynamic) > 0 && edged {
		p.add(stack.Step{Kind: stack.StepTrial, Subject: "the edge's files", Release: p.r.ID, Cause: cause})
	}
}

func (p *planner) trialCause() string {
	if p.seen.Live == "" {
		return "no edge has read them"
	}
	for _, s := range p.r.Services {
		if s.Layer == stack.LayerEdge && s.Deployed && p.differs(p.r.Project, s) == otherDefinition {
			return s.Name + " " + otherDefinition
		}
	}
	as := p.r
	as.ID = p.seen.Live
	live, err := edge.Point(p.r.Edge.Dynamic, as.ID, as.Upstreams())
	if err != nil {
		return "they cannot be compared" // the trial says why
	}
	there := map[string]bool{}
	for _, f := range live {
		there[stack.DynamicPath(f.Path)] = true
		if p.seen.Files[stack.DynamicPath(f.Path)] != stack.Sum(f.Content) {
			return f.Path + " differs in more than its upstreams"
		}
	}
	for name := range p.seen.Files {
		if strings.HasPrefix(name, stack.EdgeDynamic+"/") && !there[name] {
			return path.Base(name) + " goes away"
		}
	}
	return ""
}

// trial lets a throwaway edge of the same image read the release's dynamic
// files and refuses what it complains of, before the real edge sees them.
func (x *executor) trial(ctx context.Context) (detail string, err error) {
	const what = "try the edge's files"
	r, root := x.want.Release, x.d.Target.Path
	project, dir := stack.TrialProject(r.Project), stack.ReleasePath(r.ID, "trial")
	static, err := edge.TrialStatic(r.Edge.Static)
	if err != nil {
		return "", err
	}
	files := []stack.File{{Path: path.Join(dir, "traefik.yml"), Mode: 0o644, Content: static}}
	for _, f := range r.Edge.Dynamic {
		files = append(files, stack.File{Path: path.Join(dir, "dynamic", f.Path), Mode: 0o644, Content: f.Content})
	}
	if _, err := x.server.WriteFiles(ctx, root, files); err != nil {
		return "", stack.Fault(stack.CauseStep, what, err, "")
	}
	defer func() {
		late, cancel := node.Aside(ctx)
		defer cancel()
		err = errors.Join(err, x.server.RemoveProject(late, project), x.server.RemoveAll(late, path.Join(root, dir)))
	}()
	swap, err := x.edgeSwap(ctx, r, path.Join(root, dir, "traefik.yml"), path.Join(root, dir, "dynamic"))
	if err != nil {
		return "", stack.Fault(stack.CauseStep, what, err, "deploy again: it ships the files that are not there")
	}
	compose, err := trialCompose(r.Base, x.d.Config.Traefik.Service, project, swap)
	if err != nil {
		return "", stack.Fault(stack.CauseStep, what, err, "")
	}
	ctx, cancel := context.WithTimeout(ctx, x.stretch(x.d.Config.Timeouts.Start))
	defer cancel()
	if _, err := x.server.Up(ctx, project, compose, nil, nil); err != nil {
		return "", stack.Fault(stack.CauseStep, what, errors.Join(err, x.trialLog(ctx, project)), advice(err, "the edge was not touched"))
	}
	if err := x.complaints(ctx, project, r.Edge.Dynamic); err != nil {
		return "", stack.Fault(stack.CauseStep, what, err, trialFix(err, x.d.Config.Traefik.Dynamic)+"; the edge was not touched")
	}
	return fmt.Sprintf("%d routers, no complaint", len(r.Edge.Routes)), nil
}

// trialFix returns what to do about files that the edge on trial did not take.
func trialFix(err error, dynamic string) string {
	if strings.Contains(err.Error(), "too many open files") { // the kernel's limit for all programs of a user that watch files
		return "the server lets no more programs watch files: `sysctl -w fs.inotify.max_user_instances=1024` there, and the same in /etc/sysctl.d"
	}
	return "correct the files in " + dynamic
}

// complaints is what the edge on trial has against the files.
func (x *executor) complaints(ctx context.Context, project string, files []stack.File) error {
	c, err := x.trialContainer(ctx, project)
	if err != nil {
		return err
	}
	for _, address := range c.Addresses {
		api := edge.API{Address: net.JoinHostPort(address, strconv.Itoa(edge.TrialPort)), Dial: x.server.DialContext}
		if err := x.awake(ctx, project, api); err != nil {
			return errors.Join(err, x.trialLog(context.WithoutCancel(ctx), project))
		}
		ctx, cancel := context.WithTimeout(ctx, x.stretch(trialDeadline))
		defer cancel()
		complaints, err := api.Complaints(ctx, files)
		if err != nil {
			return errors.Join(err, x.trialLog(context.WithoutCancel(ctx), project))
		}
		if len(complaints) > 0 {
			return errors.New("Traefik says: " + strings.Join(complaints, "; "))
		}
		return nil
	}
	return errors.New("the throwaway edge has no address")
}

// awake waits until the edge on trial answers, as long as it runs.
func (x *executor) awake(ctx context.Context, project string, api edge.API) error {
	ctx, cancel := context.WithTimeout(ctx, x.stretch(trialStart))
	defer cancel()
	for {
		look, stop := context.WithTimeout(ctx, x.stretch(trialLook))
		err := api.Awake(look)
		stop()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if c, gone := x.trialContainer(ctx, project); gone != nil || c.State != "running" {
			return errors.Join(errors.New("the throwaway edge has ended"), err)
		}
	}
}

func (x *executor) trialContainer(ctx context.Context, project string) (stack.Container, error) {
	containers, err := x.server.Containers(ctx)
	for _, c := range containers {
		if c.Project == project {
			return c, nil
		}
	}
	return stack.Container{}, errors.Join(err, errors.New("the throwaway edge is gone"))
}

// trialLog is what the edge on trial logged; it logs errors alone.
func (x *executor) trialLog(ctx context.Context, project string) error {
	ctx, cancel := context.WithTimeout(ctx, x.stretch(trialDeadline))
	defer cancel()
	c, err := x.trialContainer(ctx, project)
	if err != nil {
		return nil // what is reported already says that it did not start
	}
	var log bytes.Buffer
	if err := x.server.Logs(ctx, c.ID, stack.LogOptions{Tail: 20}, &log, &log); err != nil || log.Len() == 0 {
		return nil // a log that cannot be read adds nothing
	}
	return errors.New("Traefik logs: " + lastLines(strings.TrimSpace(log.String()), 5))
}
