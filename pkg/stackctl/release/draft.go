// Package release owns the way from compose files to a frozen stack.Release:
// what will run, by value. It is the only reader of the operator's compose
// files and must not know of servers.
package release

import (
	"context"
	"maps"
	"sort"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/given"
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
	config  stack.Config
	target  stack.Target
	env     map[string]string
	project *types.Project
	places  map[string]place // service → where it is defined
	secrets []secret
	layers  map[string]infer.Decision
	left    map[string]string // service → why the edge takes its place
}

// Read loads the compose files for one target. Undefined variables, broken
// YAML, unknown keys and missing secrets are usage errors with file and line.
func Read(ctx context.Context, c stack.Config, t stack.Target) (Draft, error) {
	env, err := environment(c, t)
	if err != nil {
		return Draft{}, err
	}
	if err := defined(c.Compose.Files, env); err != nil {
		return Draft{}, err
	}
	project, err := load(ctx, c, env)
	if err != nil {
		return Draft{}, err
	}
	d := Draft{config: c, target: t, env: env, project: project, places: places(c.Compose.Files)}
	d.decide()
	if err := d.stay(ctx); err != nil {
		return Draft{}, err
	}
	if c.Traefik.Own {
		if err := d.addEdge(); err != nil {
			return Draft{}, err
		}
	}
	if err := d.carried(); err != nil {
		return Draft{}, err
	}
	d.secrets, err = readSecrets(project, c.Compose.Files)
	return d, err
}

// stay takes what belongs to no release from a reading without its ID.
func (d Draft) stay(ctx context.Context) error {
	env := maps.Clone(d.env)
	env["RELEASE"] = unreleased
	project, err := load(ctx, d.config, env)
	if err != nil {
		return err
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
		s, at := d.project.Services[name], d.places[name]
		switch {
		case len(s.Configs) > 0:
			return stack.Usage(at.file, at.line, "service "+name+" uses configs, which are not shipped", "mount a file of the project instead, or name it under secrets")
		case s.Provider != nil:
			return stack.Usage(at.file, at.line, "service "+name+" is run by the provider "+s.Provider.Type+", not by a container", "remove provider and give it an image")
		case len(s.Models) > 0:
			return stack.Usage(at.file, at.line, "service "+name+" uses models, which are not shipped", "remove models")
		}
	}
	return nil
}

// environment is what the compose file's variables mean: the target's values
// over the env file's, and what stackctl itself decides over both.
func environment(c stack.Config, t stack.Target) (map[string]string, error) {
	env := map[string]string{}
	if c.Compose.EnvFile != "" {
		read, err := readEnvFile(c.Compose.EnvFile)
		if err != nil {
			return nil, err
		}
		env = read
	}
	for k, v := range t.Env {
		env[k] = v
	}
	env["WEBSITE_DOMAIN"] = t.Domain
	env["RELEASE"] = placeholder
	return env, nil
}

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

// Services are all services, of every profile, in the judges' vocabulary.
func (d Draft) Services() []stack.Service {
	out := make([]stack.Service, 0, len(d.project.Services))
	for _, s := range d.project.Services {
		one := d.service(s)
		one.Strategy, one.StrategyCause = strategy(one, sharedBy(s), strategyGiven(s))
		out = append(out, one)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// References are the images that a deploy needs, sorted.
func (d Draft) References() []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range d.project.Services {
		if d.deployed(s) && !seen[s.Image] {
			seen[s.Image] = true
			out = append(out, s.Image)
		}
	}
	sort.Strings(out)
	return out
}

// deployed says whether a service's profiles are chosen.
func (d Draft) deployed(s types.ServiceConfig) bool {
	return len(s.Profiles) == 0 || s.HasProfile(d.config.Compose.Profiles)
}

// known are the values that must never leave in clear.
func (d Draft) known() map[string]string {
	known := map[string]string{}
	for _, s := range d.secrets {
		known[s.Name] = strings.TrimSpace(string(s.content))
	}
	for k, v := range d.env {
		if v != "" && SecretName(k) {
			known[k] = v
		}
	}
	for name, file := range map[string]string{"ssh_key": d.target.Key, "evidence_key": d.config.Evidence.Key} {
		if raw, err := given.Read(file, given.Most); file != "" && err == nil {
			known[name] = strings.TrimSpace(string(raw))
		}
	}
	if raw, err := given.Read(d.config.Backup.Identity, given.Most); d.config.Backup.Identity != "" && err == nil {
		for line := range strings.Lines(string(raw)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				known["backup_identity"] = line
			}
		}
	}
	return known
}

// SecretName says whether a variable's name promises a secret value.
func SecretName(name string) bool {
	upper := strings.ToUpper(name)
	if strings.HasSuffix(upper, "_FILE") {
		return false
	}
	for _, word := range []string{"PASSWORD", "PASSWD", "SECRET", "TOKEN", "PRIVATE_KEY", "API_KEY", "CREDENTIAL"} {
		if strings.Contains(upper, word) {
			return true
		}
	}
	return false
}

// Known gathers what must never leave in clear as far as it can be found
// without judging anything: it is asked for before the files are judged.
func Known(c stack.Config, t stack.Target) map[string]string {
	d := Draft{config: c, target: t}
	d.env, _ = environment(c, t)
	files, _ := SecretFiles(c)
	for _, name := range sortedKeys(files) {
		if raw, err := readSecret(files[name]); err == nil {
			d.secrets = append(d.secrets, secret{stack.Secret{Name: name}, raw})
		}
	}
	known := d.known()
	for _, g := range c.Gates.Own {
		headerSecrets(known, g)
	}
	return known
}

// headerSecrets adds what a declared gate sends in secret: the header's value,
// and of "Bearer abc" the last word, which a site may say on its own.
func headerSecrets(known map[string]string, g stack.OwnGate) {
	if g.HTTP == nil {
		return
	}
	for name, file := range g.HTTP.HeaderFiles {
		raw, err := readSecret(file)
		if err != nil {
			continue
		}
		value := strings.TrimSpace(string(raw))
		words := strings.Fields(value)
		known["gate_"+g.ID+"_"+name] = value
		known["gate_"+g.ID+"_"+name+"_word"] = words[len(words)-1]
	}
}
