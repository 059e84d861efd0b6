// Package release owns the way from compose files to a frozen stack.Release:
// what will run, by value. It is the only reader of the operator's compose
// files and must not know of servers.
package release

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	imageref "github.com/distribution/reference"

	"stackctl/pkg/stackctl/infer"
	"stackctl/pkg/stackctl/stack"
)

const (
	// placeholder stands for the release ID until it is known. It is a number,
	// so that every writer of YAML quotes it: an ID may look like one as well,
	// and 4608712492e8 would be read as 460871249200000000 without quotes.
	placeholder = "7305186204917"
	// unreleased is what RELEASE says to services that no release brings anew.
	// With its ID there, each deploy would replace the edge and the stores.
	unreleased = "unreleased"
)

// Draft is a stack that was read and judged readable, not yet frozen.
type Draft struct {
	config    stack.Config
	target    stack.Target
	variables variables
	used      map[string]bool // variables that the files name
	project   *types.Project
	sources   []source
	places    map[string]place // service → where it is defined
	binds     binds
	secrets   []secret
	configs   map[string]stack.File
	key       nameKey // names what must not tell of secrets
	warnings  []string
	layers    map[string]infer.Decision
	left      map[string]string       // service → why the edge takes its place
	built     map[string]*stack.Build // image by its content's name → how it is made
}

// Read loads the compose files for one target. Undefined variables, broken
// YAML, unknown keys, missing secrets and what a release does not carry are
// usage errors with file and line.
func Read(ctx context.Context, c stack.Config, t stack.Target) (Draft, error) {
	d, err := open(ctx, c, t)
	if err != nil {
		return d, err
	}
	if err := d.given(); err != nil {
		return d, err
	}
	for _, step := range []func() error{d.addEdge, d.extended, d.besideSSH, d.carried, d.startable, d.linked, d.homes} {
		if err := step(); err != nil {
			return d, err
		}
	}
	if d.binds, err = d.bound(); err != nil {
		return d, err
	}
	var unread error
	d.configs, unread = d.readConfigs()
	if d.secrets, err = d.readSecrets(); err != nil || unread != nil {
		return d, errors.Join(err, unread)
	}
	d.key = newNameKey(c.Project, d.secretValues())
	return d, nil
}

// open reads the files without judging what they mean for a server.
func open(ctx context.Context, c stack.Config, t stack.Target) (Draft, error) {
	d := Draft{config: c, target: t}
	if len(c.Compose.Files) == 0 {
		return d, stack.Usage(c.File, 0, "no compose file is named", "name them under compose.files")
	}
	var err error
	if d.variables, err = environment(c, t); err != nil {
		return d, err
	}
	d.warnings = d.variables.warnings
	if d.sources, err = sources(c.Compose.Files, d.variables.lookup); err != nil {
		return d, err
	}
	used, empty, faults := defined(d.sources, c.Policy)
	d.used = used
	if len(faults) > 0 {
		return d, d.missing(ctx, c, faults)
	}
	d.warn(empty)
	d.project, err = load(ctx, c, maps.Clone(d.variables.values))
	if err != nil {
		if explain(d.sources, place{file: c.Compose.Files[0]}, err.Error()) == nil {
			if refused := d.unfilled(ctx, c); refused != nil {
				return d, refused
			}
		}
		return d, composeError(d.sources, c.Compose.Files[0], err)
	}
	if len(d.project.Services) == 0 {
		return d, stack.Usage(c.Compose.Files[0], 0, "the file has no services", "write them below `services:`, each with an image or a build")
	}
	d.places = places(d.sources)
	if c.Traefik.Own {
		for _, name := range offBridge(d.project) {
			d.warn([]string{d.places[name].String() + ": service " + name + ": " + bridgeNote})
		}
	}
	d.decide()
	if err := d.stay(ctx); err != nil {
		return d, err
	}
	return d, d.resolve()
}

// stay takes what belongs to no release from a reading without its ID.
func (d Draft) stay(ctx context.Context) error {
	env := maps.Clone(d.variables.values)
	env["RELEASE"] = unreleased
	project, err := load(ctx, d.config, env)
	if err != nil {
		return composeError(d.sources, d.config.Compose.Files[0], err)
	}
	if d.config.Traefik.Own {
		offBridge(project)
	}
	d.project.Networks, d.project.Volumes = project.Networks, project.Volumes
	for name, s := range project.Services {
		if d.left[name] == "" && d.extension(s).layer != stack.LayerApp {
			s.Image = imageName(d.config.Project, s)
			d.project.Services[name] = s
		}
	}
	return nil
}

// carried refuses what a release does not carry to the server.
func (d Draft) carried() error {
	for _, name := range sortedKeys(d.project.Services) {
		at := d.places[name]
		if problem, fix := uncarried(d.project.Services[name]); problem != "" {
			return stack.Usage(at.file, at.line, "service "+name+" "+problem, fix)
		}
		if volume := d.sharedStore(d.project.Services[name]); volume != "" {
			return refuse(d.sources, at, "service "+name+" keeps data in "+volume+", which each of its containers would write to as if it were alone",
				"give it one container; or write x-stackctl: {shared: ["+volume+"]} where its program is made for that", "services", name, "deploy", "replicas")
		}
		image := d.project.Services[name].Image
		called, _, _ := strings.Cut(image, "@") // a digest that is none, G9 finds
		if _, err := imageref.ParseAnyReference(called); image != "" && err != nil {
			if gap := d.gapIn(name, "image"); gap != "" {
				return d.copied(refuse(d.sources, at, "the variable "+gap+" has no value, and the image of service "+name+" is "+strconv.Quote(image)+" without it",
					"set it in the env file, or give it a default: ${"+gap+":-value}", "services", name, "image"))
			}
			return refuse(d.sources, at, "service "+name+" has the image "+strconv.Quote(image)+", and no image is called so", "write NAME:VERSION in lower case, such as ghcr.io/acme/web:1.2.3", "services", name, "image")
		}
	}
	return nil
}

// gapIn is the first variable without a value in a setting of a service; empty: there is
// none.
func (d Draft) gapIn(service, key string) string {
	for _, s := range d.sources {
		_, node := lookupNode(s.services()[service], key)
		for _, g := range gaps(valueOf(resolved(node)), s.of) {
			return g.name
		}
	}
	return ""
}

// sharedStore is what several containers of a store would write to, and the compose file
// does not say that they may; empty: nothing.
func (d Draft) sharedStore(s types.ServiceConfig) string {
	if s.GetScale() < 2 || d.extension(s).layer != stack.LayerData {
		return ""
	}
	for _, v := range s.Volumes {
		if v.Source != "" && !v.ReadOnly && (v.Type == types.VolumeTypeVolume || v.Type == types.VolumeTypeBind) && !slices.Contains(sharedBy(s), v.Source) {
			return v.Source
		}
	}
	return ""
}

// uncarried returns what of a service a release does not carry, and what to do.
func uncarried(s types.ServiceConfig) (problem, fix string) {
	switch {
	case s.Provider != nil:
		return "is run by the provider " + s.Provider.Type + ", not by a container", "remove provider and give it an image"
	case len(s.Models) > 0:
		return "uses models, which are not shipped", "remove models"
	case s.Image == "" && s.Build == nil:
		return "has neither an image nor a build section", "give it `image: name:1.2.3` or `build: .`"
	}
	return "", ""
}

// folder is where the project's relative paths begin.
func (d Draft) folder() string { return filepath.Dir(d.config.Compose.Files[0]) }

// EdgeService is the edge as the compose file declares it, or as stackctl does
// where it is its own. A project without routes has none: then it is empty.
func (d Draft) EdgeService() (stack.Service, error) {
	if d.config.Traefik.Own && len(d.config.Routes) == 0 {
		return stack.Service{}, nil
	}
	for _, s := range d.Services() {
		if s.Name == d.config.Traefik.Service {
			return s, nil
		}
	}
	return stack.Service{}, stack.Usage(d.config.Compose.Files[0], 0,
		"there is no service "+d.config.Traefik.Service+" to be the edge", "name the edge's service under traefik.service")
}

// Warnings are what the reading noticed, each with file and line.
func (d Draft) Warnings() []string { return d.warnings }

// Services are all services, of every profile, in the judges' vocabulary.
func (d Draft) Services() []stack.Service {
	out := make([]stack.Service, 0, len(d.project.Services))
	for _, s := range d.project.Services {
		one := d.service(s)
		one.Strategy, one.StrategyCause = strategy(one, sharedBy(s), strategyGiven(s))
		one.Upstream = d.lastingUpstream(s)
		out = append(out, one)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// lastingUpstream is the name by which the edge reaches a service of the app
// that never runs beside its successor; empty for any other.
func (d Draft) lastingUpstream(s types.ServiceConfig) string {
	one := d.service(s)
	if how, _ := strategy(one, sharedBy(s), strategyGiven(s)); how != stack.StrategyRecreate || one.Layer != stack.LayerApp || one.OneShot {
		return ""
	}
	return stack.LastingUpstream(d.config.Project, s.Name)
}

// Recreated are the services of the app that never run beside their successors.
func (d Draft) Recreated() []string {
	var out []string
	for _, s := range d.project.Services {
		if d.lastingUpstream(s) != "" {
			out = append(out, s.Name)
		}
	}
	sort.Strings(out)
	return out
}

// Replicas is how many containers the services of the app have that have several.
func (d Draft) Replicas() map[string]int {
	out := map[string]int{}
	for _, s := range d.Services() {
		if s.Layer == stack.LayerApp && s.Replicas > 0 {
			out[s.Name] = s.Replicas
		}
	}
	return out
}

// References are the images that a deploy needs, sorted.
func (d Draft) References() []string {
	seen := map[string]bool{}
	for _, s := range d.project.Services {
		if !d.deployed(s) {
			continue
		}
		for _, image := range images(s) {
			seen[image] = true
		}
	}
	return sortedKeys(seen)
}

// images are those that a service needs: its own, those of the containers that run
// before it, and those of which it mounts the files.
func images(s types.ServiceConfig) []string {
	out := []string{s.Image}
	for _, v := range s.Volumes {
		if v.Type == types.VolumeTypeImage && v.Source != "" {
			out = append(out, v.Source)
		}
	}
	for _, hook := range s.PreStart {
		if hook.Image != "" {
			out = append(out, hook.Image)
		}
	}
	return out
}

// deployed reports whether a service's profiles are chosen.
func (d Draft) deployed(s types.ServiceConfig) bool {
	return d.config.Compose.Deploys(s.Profiles)
}
