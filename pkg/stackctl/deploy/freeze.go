package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/gate/declared"
	"stackctl/pkg/stackctl/gates"
	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/image"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// freeze reads everything that the operator wrote and makes the release of it.
func (d *Deployer) freeze(ctx context.Context) (Wanted, error) {
	draft, err := release.Read(ctx, d.Config, d.Target)
	if err != nil {
		return Wanted{}, err
	}
	service, err := draft.EdgeService()
	if err != nil {
		return Wanted{}, err
	}
	files, err := edge.Read(d.Config, d.Target, service, edge.Behind{Recreated: draft.Recreated(), Replicas: draft.Replicas(), Apart: d.Target.Clustered()})
	if err != nil {
		return Wanted{}, err
	}
	archives, err := d.archives(draft.References())
	if err != nil {
		return Wanted{}, err
	}
	contract, err := d.contract()
	if err != nil {
		return Wanted{}, err
	}
	r, err := draft.Freeze(release.Inputs{Edge: files, Archives: archives, Contract: contract, Commit: d.Commit, Now: d.Now()})
	if err != nil {
		return Wanted{}, err
	}
	if err := gates.Fits(d.Config); err != nil {
		return Wanted{}, err
	}
	if err := declared.Fits(d.Config, r); err != nil {
		return Wanted{}, err
	}
	if err := hooksFit(d.Config, r); err != nil {
		return Wanted{}, err
	}
	if err := d.holdsData(r); err != nil {
		return Wanted{}, err
	}
	backing, err := d.backing(r)
	if err != nil {
		return Wanted{}, err
	}
	pointed, err := edge.Point(r.Edge.Dynamic, r.ID, r.Upstreams())
	return Wanted{Release: r, Pointed: pointed, Keep: d.Config.Retention.Releases, Backup: backing, Hooks: d.Config.Hooks}, err
}

// archives finds the images that the operator's archives hold; no folder of
// archives means that the host pulls everything.
func (d *Deployer) archives(references []string) (map[string]stack.Image, error) {
	found := map[string]stack.Image{}
	if !d.hasArchives() {
		return found, nil
	}
	index, err := image.Index(d.Config.Images.Archives)
	if err != nil {
		return nil, err
	}
	for _, reference := range references {
		if i, ok := image.Lookup(index, reference); ok {
			found[reference] = i
		}
	}
	return found, nil
}

func (d *Deployer) hasArchives() bool {
	_, err := os.Stat(d.Config.Images.Archives)
	return !errors.Is(err, fs.ErrNotExist)
}

func (d *Deployer) contract() ([]byte, error) {
	if d.Config.Contract.File == "" {
		return nil, nil
	}
	raw, err := given.Read(d.Config.Contract.File, given.Most)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, stack.Usage(d.Config.Contract.File, 0, "the API contract does not exist", "name it under contract.file in "+d.Config.File)
	}
	if err != nil {
		return nil, stack.Usage(d.Config.Contract.File, 0, err.Error(), "")
	}
	return raw, nil
}

// describe keeps what was frozen as evidence.
func (s *story) describe(want Wanted) {
	r := want.Release
	s.report.Release, s.report.Commit = r.ID, r.Commit
	s.artifact("compose.resolved.yml", append(append([]byte("# project "+r.Project+": edge and data\n"), r.Base...),
		append([]byte("---\n# project "+r.AppProject()+": app\n"), r.App...)...))
	images, err := json.MarshalIndent(r.Images, "", "  ")
	if err == nil {
		s.artifact("images.json", append(images, '\n'))
	}
	// Names and origins alone: which file or flag decided what runs.
	if variables, err := json.MarshalIndent(r.Variables, "", "  "); err == nil && len(r.Variables) > 0 {
		s.artifact("variables.json", append(variables, '\n'))
	}
	if secrets, err := json.MarshalIndent(r.Secrets, "", "  "); err == nil && len(r.Secrets) > 0 {
		s.artifact("secrets.json", append(secrets, '\n'))
	}
	for _, w := range r.Warnings {
		s.note(w)
	}
}
