package release

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

// known are the values that must never leave in clear.
func (d Draft) known() map[string]string {
	known := d.variableSecrets()
	for name, s := range d.config.Secrets {
		if s.Value != nil {
			known[name] = s.Text()
		}
	}
	labels, values := d.labels(), d.plainValues()
	for name, value := range d.secretValues() {
		// As examples have it, the user is called as the project. A long one is no
		// such name: whoever wrote it into a variable gave it away.
		if !labels[value] && (!values[value] || len(value) >= longSecret) {
			known[name] = value
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

// longSecret is how many characters a secret has that is not taken for a name.
const longSecret = 16

// secretValues are the contents of the secrets, by name.
func (d Draft) secretValues() map[string]string {
	values := map[string]string{}
	for _, s := range d.secrets {
		values[s.Name] = strings.TrimSpace(string(s.content))
	}
	return values
}

// variableSecrets are the variables that hold a secret: those that the project
// names, those of the process that its files use, and what services get in
// their environment and as build arguments. One that could not be told from
// the text around it is left out: masking it would hide what is no secret.
func (d Draft) variableSecrets() map[string]string {
	out, words, names := map[string]string{}, d.words(), d.names()
	isWord := func(part string) bool { return words[part] }
	mask := func(name, value string) {
		if !slices.ContainsFunc(redact.Parts(value), isWord) && !strings.Contains(names, strings.ToUpper(value)) && len(redact.TooShort(map[string]string{name: value})) == 0 {
			if other, has := out[name]; has && other != value {
				name += " of another service"
			}
			out[name] = value
		}
	}
	add := func(name, value string) {
		if value = strings.TrimSpace(value); redact.SecretReason(name, value) != "" {
			mask(name, value)
		}
	}
	for _, name := range sortedKeys(d.variables.declared) {
		add(name, d.variables.declared[name])
	}
	for _, name := range sortedKeys(d.used) {
		add(name, d.variables.values[name])
	}
	if d.project == nil {
		return out
	}
	for _, name := range sortedKeys(d.project.Volumes) {
		add("password of volume "+name, mountPassword(d.project.Volumes[name]))
		for _, option := range sortedKeys(d.project.Volumes[name].DriverOpts) {
			add("volume "+name+" "+option, d.project.Volumes[name].DriverOpts[option])
		}
	}
	for _, name := range sortedKeys(d.project.Configs) {
		for _, given := range redact.InText(d.project.Configs[name].Content) {
			mask(given.Name+" of config "+name, given.Value)
		}
	}
	for _, service := range sortedKeys(d.project.Services) {
		serviceSecrets(d.project.Services[service], add, mask)
	}
	return out
}

// serviceSecrets hands on the variables of a service, which may hold a secret, and
// the secrets in its commands and in the settings that a variable holds.
func serviceSecrets(s types.ServiceConfig, variable, secret func(name, value string)) {
	for _, name := range sortedKeys(s.Environment) {
		value := s.Environment[name]
		if value == nil {
			continue
		}
		variable(name, *value)
		for _, given := range redact.InSettings(*value) {
			secret(given.Name+" in "+name, given.Value)
		}
	}
	for _, hook := range hooks(s) {
		for _, name := range sortedKeys(hook.Environment) {
			if value := hook.Environment[name]; value != nil {
				variable(name, *value)
			}
		}
	}
	if s.Logging != nil {
		for _, option := range sortedKeys(s.Logging.Options) {
			variable("logging "+option, s.Logging.Options[option])
		}
	}
	for _, given := range redact.InCommand(commands(s)) {
		secret(given.Name+" of a command", given.Value)
	}
	if s.Build == nil {
		return
	}
	for _, name := range sortedKeys(s.Build.Args) {
		if value := s.Build.Args[name]; value != nil {
			variable(name, *value)
		}
	}
}

// commands are all that a service executes, as one text.
func commands(s types.ServiceConfig) string {
	words := slices.Concat(s.Entrypoint, s.Command)
	if s.HealthCheck != nil {
		words = append(words, s.HealthCheck.Test...)
	}
	for _, hook := range hooks(s) {
		words = append(append(words, ";"), hook.Command...)
	}
	return strings.Join(words, " ")
}

// hooks are what a service has run before it starts, after, and before it stops.
func hooks(s types.ServiceConfig) []types.ServiceHook {
	return slices.Concat(s.PreStart, s.PostStart, s.PreStop)
}

// names are those of all variables, in upper case. What stands in one, such as
// API_KEY in DB_API_KEY=API_KEY, waits to be filled in: masking it would take
// the names apart.
func (d Draft) names() string {
	all := append(sortedKeys(d.used), sortedKeys(d.variables.declared)...)
	if d.project != nil {
		for _, s := range d.project.Services {
			all = append(all, sortedKeys(s.Environment)...)
		}
	}
	return strings.ToUpper(strings.Join(all, "\n"))
}

// words are what stands in every report: a password that is one of them cannot be
// masked.
func (d Draft) words() map[string]bool {
	words := d.labels()
	maps.Copy(words, d.plainValues())
	return words
}

// labels are the names of what there is: of project and target, services, images,
// volumes, networks, and of the folders that the project is in.
func (d Draft) labels() map[string]bool {
	labels := map[string]bool{d.config.Project: true, d.target.Name: true, d.target.Domain: true, d.target.User: true}
	if len(d.config.Compose.Files) > 0 {
		for folder := range strings.SplitSeq(filepath.ToSlash(d.root()), "/") {
			labels[folder] = true // it stands in the path of every file
		}
	}
	if d.project == nil {
		return labels
	}
	for name, s := range d.project.Services {
		labels[name] = true
		for _, part := range strings.FieldsFunc(s.Image, func(r rune) bool { return strings.ContainsRune("/:@", r) }) {
			labels[part] = true
		}
	}
	for name := range d.project.Volumes {
		labels[name] = true
	}
	for name := range d.project.Networks {
		labels[name] = true
	}
	return labels
}

// plainValues are those of the services' variables that do not look like a secret.
func (d Draft) plainValues() map[string]bool {
	values := map[string]bool{}
	if d.project == nil {
		return values
	}
	for _, s := range d.project.Services {
		for variable, value := range s.Environment {
			if value != nil && redact.SecretReason(variable, *value) == "" {
				values[*value] = true
			}
		}
	}
	return values
}

// Known gathers what must never leave in clear as far as it can be found
// without judging anything: it is asked for before the files are judged.
func Known(c stack.Config, t stack.Target) map[string]string {
	d, _ := open(context.Background(), c, t) // what cannot be read is told by who judges it
	if d.project != nil {
		for name, s := range d.project.Secrets {
			if s.File == "" && s.Content != "" {
				d.secrets = append(d.secrets, secret{stack.Secret{Name: name}, []byte(s.Content)})
			}
		}
	}
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
