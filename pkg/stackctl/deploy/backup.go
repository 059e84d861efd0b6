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
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/schema"
	"stackctl/pkg/stackctl/stack"
)

// backupDeadline bounds a backup or a restore as a step.
const backupDeadline = 2 * time.Hour

// Backing is how a plan treats what a project keeps.
type Backing struct {
	// Places are backed up before they may change; none: nothing is.
	Places []backup.Place
	// Missing is why no backup can be taken; empty: one can.
	Missing string
}

// backing decides how a plan treats what a release keeps.
func (d *Deployer) backing(r stack.Release) (Backing, error) {
	places, err := d.places(r.Services)
	if err != nil || len(places) == 0 {
		return Backing{}, err
	}
	why, err := backup.Ready(d.Config.Backup)
	return Backing{Places: places, Missing: why}, err
}

// places are what of some services is backed up.
func (d *Deployer) places(services []stack.Service) ([]backup.Place, error) {
	all, err := backup.Places(d.Config.Backup, d.Config.File, d.Target.Path, services)
	return backup.Taken(all), err
}

// found are the places of the project as its files are today. Where these
// cannot be read, the one that backup.service names can be backed up still.
func (d *Deployer) found(ctx context.Context) ([]backup.Place, error) {
	want, err := d.freeze(ctx)
	if err == nil {
		return want.Backup.Places, nil
	}
	if name := d.Config.Backup.Service; name != "" && len(d.Config.Backup.Places) == 0 {
		return d.places([]stack.Service{{Name: name, Layer: stack.LayerData}})
	}
	return nil, err
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
// layer replace a store's container, that is before them, or else before the
// migrations: the databases, and what the migrations' services write to.
// Services of the step are the one-shots that it precedes: with none, it is
// taken whether a migration is pending or not.
func (p *planner) backup(before stack.Kind, services []string) {
	b := p.want.Backup
	if p.backed || len(b.Places) == 0 || before == stack.StepMigrate && len(services) == 0 {
		return
	}
	var replaced, changed []backup.Place
	for _, place := range b.Places {
		if p.replaced(place.Service) {
			replaced = append(replaced, place)
		}
		if place.Database() || slices.ContainsFunc(place.Writers, func(w string) bool { return slices.Contains(p.r.OneShots(), w) }) {
			changed = append(changed, place)
		}
	}
	if before == stack.StepData {
		if len(replaced) == 0 {
			return
		}
		changed = union(replaced, changed)
	}
	if p.backed = true; len(changed) == 0 {
		return
	}
	if b.Missing != "" {
		p.plan.Notes = append(p.plan.Notes, noBackup(b.Missing))
		return
	}
	p.add(p.backupStep(before, changed, services))
}

func (p *planner) backupStep(before stack.Kind, places []backup.Place, services []string) stack.Step {
	var names []string
	there := false
	for _, place := range places {
		names = append(names, place.Name)
		there = there || len(containersOf(p.seen, p.r.Project, place.Service)) > 0
	}
	cause := "migrations may change what it holds"
	switch {
	case before == stack.StepData:
		cause, services = "its container is replaced", nil
	case !there:
		cause = "there is nothing to back up unless its volume held data before"
	}
	return stack.Step{Kind: stack.StepBackup, Subject: strings.Join(names, ", "), Places: names, Services: services, Cause: cause}
}

// replaced reports whether a service of the base project runs by another definition.
func (p *planner) replaced(service string) bool {
	s, ok := p.r.Service(service)
	if slices.ContainsFunc(p.seen.Adopted, func(c stack.Container) bool { return c.Service == service && c.Active() }) {
		return true
	}
	return ok && slices.ContainsFunc(containersOf(p.seen, p.r.Project, service), func(c stack.Container) bool {
		return c.State == "running" && c.Labels[stack.LabelDefinition] != s.Definition
	})
}

// union adds to some places others, each once.
func union(some, others []backup.Place) []backup.Place {
	out := slices.Clone(some)
	for _, place := range others {
		if !slices.ContainsFunc(some, func(p backup.Place) bool { return p.Name == place.Name }) {
			out = append(out, place)
		}
	}
	return out
}

// noBackup returns what it means that none can be taken.
func noBackup(why string) string {
	return "no backup is taken before the data may change: " + why + "; `stackctl backup keygen` makes a key"
}

// backups are those of the target; now is the time that they are named by.
func (d *Deployer) backups(server node.Server, places []backup.Place, now func() time.Time, progress func(done, total int64)) *backup.Backups {
	c := d.Config.Backup
	c.Dir = c.Folder(d.Target.Name)
	return &backup.Backups{Config: c, Project: d.Config.Project, Target: d.Target.Name, Root: d.Target.Path, Places: places,
		Server: server, Hosts: node.Keepers(server), Catalog: schema.Query(), Now: now, Progress: progress, Adopting: d.Adopt}
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
	var places []backup.Place
	for _, place := range x.want.Backup.Places {
		if slices.Contains(step.Places, place.Name) {
			places = append(places, place)
		}
	}
	return x.takeBackups(ctx, x.d.backups(x.server, places, x.hostNow, x.progress(step)), backup.Reason{Cause: "before release " + x.want.Release.ID, Release: x.seen.Live})
}

// takeBackups takes a backup of each place and prunes old ones.
func (s *story) takeBackups(ctx context.Context, b *backup.Backups, why backup.Reason) (string, error) {
	_, detail, err := s.takeEach(ctx, b, why)
	return detail, err
}

// takeEach is takeBackups, and returns the name of each place's backup as well; empty:
// the place holds nothing.
func (s *story) takeEach(ctx context.Context, b *backup.Backups, why backup.Reason) (names []string, detail string, err error) {
	var told []string
	for _, place := range b.Places {
		name, detail, err := s.takeBackup(ctx, b, place, why)
		if err != nil {
			return nil, strings.Join(told, "; "), err
		}
		names, told = append(names, name), append(told, detail)
	}
	gone, err := b.Prune(ctx)
	if err != nil {
		s.note("old backups stay: " + err.Error())
	}
	if len(gone) > 0 {
		told = append(told, fmt.Sprintf("%d old ones removed", len(gone)))
	}
	return names, strings.Join(told, "; "), nil
}

// takeBackup takes a backup of a place and keeps its record as evidence. The name is empty
// where the place holds nothing.
func (s *story) takeBackup(ctx context.Context, b *backup.Backups, place backup.Place, why backup.Reason) (name, detail string, err error) {
	r, err := b.Take(ctx, place, why)
	if errors.Is(err, backup.ErrEmpty) {
		return "", place.Name + " holds nothing: there is nothing to back up", nil
	}
	if err != nil {
		return "", "", err
	}
	s.artifactJSON(artifactOf("backup", place.Name, len(b.Places)), r)
	if !r.Decrypted {
		s.note("backup " + r.Name + " was not decrypted to check it: the private key is not here")
	}
	for _, note := range r.Notes {
		s.note("backup " + r.Name + " of " + place.Name + ": " + note)
	}
	return r.Name, fmt.Sprintf("%s: %d %s, %d %s, %d bytes, on %s and in %s", r.Name, r.Tables, r.Kind.Parts(), r.Rows, r.Kind.Count(), r.Bytes, r.Where, b.Config.Dir), nil
}

// artifactOf is the name of a place's evidence; where there is one place it is
// not part of it.
func artifactOf(what, place string, places int) string {
	if places == 1 {
		return what + ".json"
	}
	return what + "-" + place + ".json"
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

// misfits returns why a release cannot work with a schema; empty: it can, or
// nothing is known. known says which.
func misfits(release string, frozen, catalog []byte) (why string, known bool, err error) {
	found, known, err := schema.Misfits(release, frozen, catalog)
	if err != nil || len(found) == 0 {
		return "", known, err
	}
	var list []string
	for _, f := range found[:min(len(found), 5)] {
		list = append(list, fmt.Sprintf("%s (%s)", f.Object, f.Problem))
	}
	slices.Sort(list)
	if len(found) > len(list) {
		list = append(list, fmt.Sprintf("and %d more", len(found)-len(list)))
	}
	return strings.Join(list, ", "), known, nil
}
