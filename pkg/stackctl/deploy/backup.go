package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// backupDeadline bounds a backup or a restore as a step.
const backupDeadline = 2 * time.Hour

// Backing says how a plan treats the database.
type Backing struct {
	// Service is the data service that is backed up; empty: none is.
	Service string
	// Missing says why no backup can be taken; empty: one can.
	Missing string
}

// backing reads from the settings how a plan treats the database.
func (d *Deployer) backing() (Backing, error) {
	why, err := backup.Ready(d.Config.Backup)
	return Backing{Service: d.Config.Backup.Service, Missing: why}, err
}

// holdsData refuses a backup.service that the release does not have.
func (d *Deployer) holdsData(r stack.Release) error {
	name := d.Config.Backup.Service
	if s, ok := r.Service(name); name != "" && (!ok || s.Layer != stack.LayerData) {
		return stack.Fault(stack.CauseUsage, d.Config.File+": backup.service", fmt.Errorf("%q is no service of the data layer", name),
			"name the service that holds the database, with `x-stackctl: {layer: data}`")
	}
	return nil
}

// backup plans a backup of what a step may change. Where steps of the data
// layer replace the database's container, that is before them, or else before
// the migrations. Services of the step are the one-shots that it precedes: with
// none, it is taken whether a migration is pending or not.
func (p *planner) backup(before stack.Kind, services []string) {
	b := p.want.Backup
	if p.backed || b == (Backing{}) || before == stack.StepMigrate && len(services) == 0 {
		return
	}
	there := containersOf(p.seen, p.r.Project, b.Service)
	s, _ := p.r.Service(b.Service)
	replaced := slices.ContainsFunc(there, func(c stack.Container) bool {
		return c.State == "running" && c.Labels[stack.LabelDefinition] != s.Definition
	})
	if before == stack.StepData && !(replaced && b.Service != "") {
		return
	}
	if p.backed = true; b.Missing != "" {
		p.plan.Notes = append(p.plan.Notes, noBackup(b.Missing))
		return
	}
	cause := "migrations may change what it holds"
	switch {
	case before == stack.StepData:
		cause, services = "its container is replaced", nil
	case len(there) == 0:
		cause = "there is nothing to back up unless its volume held data before"
	}
	p.add(stack.Step{Kind: stack.StepBackup, Subject: b.Service, Services: services, Cause: cause})
}

// noBackup says what it means that none can be taken.
func noBackup(why string) string {
	return "no backup is taken before the data may change: " + why + "; `stackctl backup keygen` makes a key"
}

// backups are those of the target; now is the time that they are named by.
func (d *Deployer) backups(server node.Server, now func() time.Time, progress func(done, total int64)) *backup.Backups {
	c := d.Config.Backup
	c.Dir = c.Folder(d.Target.Name)
	return &backup.Backups{Config: c, Project: d.Config.Project, Target: d.Target.Name, Root: d.Target.Path,
		Server: server, Catalog: gate.SchemaQuery(), Now: now, Progress: progress}
}

// backup is the step of a deploy. Its failure stops the deploy before anything
// could change the data.
func (x *executor) backup(ctx context.Context, step stack.Step) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, backupDeadline)
	defer cancel()
	if len(step.Services) > 0 {
		switch n, err := x.pending(ctx); {
		case err != nil:
			x.note("a backup is taken to be safe: which migrations are pending is not known: " + err.Error())
		case n == 0:
			return "no migration is pending: none was needed", nil
		}
	}
	return x.takeBackup(ctx, x.d.backups(x.server, x.hostNow, x.progress(step)), backup.Reason{Cause: "before release " + x.want.Release.ID, Release: x.seen.Live})
}

// takeBackup takes a backup, keeps its record as evidence and prunes old ones.
func (s *story) takeBackup(ctx context.Context, b *backup.Backups, why backup.Reason) (string, error) {
	r, err := b.Take(ctx, why)
	if errors.Is(err, backup.ErrEmpty) {
		return "the database holds no table: there is nothing to back up", nil
	}
	if err != nil {
		return "", err
	}
	s.artifactJSON("backup.json", r)
	if !r.Decrypted {
		s.note("backup " + r.Name + " was not decrypted to check it: the private key is not here")
	}
	gone, err := b.Prune(ctx)
	if err != nil {
		s.note("old backups stay: " + err.Error())
	}
	detail := fmt.Sprintf("%s: %d tables, %d rows, %d bytes, on the host and in %s", r.Name, r.Tables, r.Rows, r.Bytes, b.Config.Dir)
	if len(gone) > 0 {
		detail += fmt.Sprintf("; %d old ones removed", len(gone))
	}
	return detail, nil
}

func (s *story) artifactJSON(name string, v any) {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		s.note("artifact " + name + ": " + err.Error())
		return
	}
	s.artifact(name, append(raw, '\n'))
}

// pending asks the new release's own schema check how many migrations are
// pending. It runs beside what serves, once, in a container like that of its
// service. Only a clear word counts: err says why there is none.
func (x *executor) pending(ctx context.Context) (int, error) {
	r, check := x.want.Release, x.d.Config.Gates.Schema
	if len(check.Command) == 0 || check.Service == "" {
		return 0, errors.New("gates.schema names no check")
	}
	compose, once, err := onceLike(r.App, check.Service, check.Command)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, x.stretch(time.Minute))
	defer cancel()
	out, err := x.server.RunOnce(ctx, r.AppProject(), compose, once)
	if err != nil {
		return 0, err
	}
	return pendingOf(out)
}

// pendingOf reads what a schema check printed.
func pendingOf(out stack.Output) (int, error) {
	var word struct {
		Head    int64              `json:"head"`
		Pending *[]json.RawMessage `json:"pending"`
	}
	if err := json.Unmarshal(bytes.TrimSpace(out.Stdout), &word); err != nil || word.Head <= 0 || word.Pending == nil {
		return 0, fmt.Errorf("the schema check does not say (exit code %d): %s", out.Exit, lastLines(strings.TrimSpace(string(out.Stderr)), 1))
	}
	return len(*word.Pending), nil
}

// onceLike adds to a resolved compose file a service that is like another one
// but runs a command once, under no name that anybody asks for.
func onceLike(compose []byte, service string, command []string) (out []byte, once string, err error) {
	var doc map[string]any
	if err := yaml.Unmarshal(compose, &doc); err != nil {
		return nil, "", err
	}
	services, _ := doc["services"].(map[string]any)
	like, ok := services[service].(map[string]any)
	if !ok {
		return nil, "", fmt.Errorf("the compose file has no service %s", service)
	}
	for _, key := range []string{"healthcheck", "container_name", "ports", "depends_on"} {
		delete(like, key)
	}
	if networks, ok := like["networks"].(map[string]any); ok {
		for name := range networks {
			networks[name] = nil
		}
	}
	like["entrypoint"], like["command"] = command, []string{}
	once = service + "-once"
	doc["services"] = map[string]any{once: like}
	out, err = yaml.Marshal(doc)
	return out, once, err
}

// misfits says why a release cannot work with a schema; empty: it can, or
// nothing is known. known says which.
func misfits(release string, frozen, catalog []byte) (why string, known bool, err error) {
	found, known, err := gate.SchemaMisfits(release, frozen, catalog)
	if err != nil || len(found) == 0 {
		return "", known, err
	}
	var list []string
	for _, f := range found[:min(len(found), 5)] {
		_, problem, _ := strings.Cut(f.Problem, ": ")
		list = append(list, fmt.Sprintf("%s (%s)", f.Subject, problem))
	}
	slices.Sort(list)
	if len(found) > len(list) {
		list = append(list, fmt.Sprintf("and %d more", len(found)-len(list)))
	}
	return strings.Join(list, ", "), known, nil
}
