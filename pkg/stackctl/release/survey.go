package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/infer"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

// Survey is what compose files hold before anybody has said how to deploy
// them: what is missing is listed, not refused.
type Survey struct {
	// Name is the files' own name for the project; empty: none.
	Name     string
	Services []infer.Service
	// Undefined are the variables without a value or a default, in their order.
	Undefined []Undefined
	// Literals are the secrets that stand in the files themselves.
	Literals []Literal
	// Hidden are the mounts, by service, that lie over what its image is built of.
	Hidden map[string]string
	// Notes are, by service, what differs from the files on the server, and what
	// check refuses of them.
	Notes map[string][]string
	// Named are all variables that the files name, stackctl's own left out.
	Named map[string]bool

	draft Draft
}

// Undefined is a variable that has no value.
type Undefined struct {
	Name string `json:"name"`
	File string `json:"file"`
	Line int    `json:"line"`
	// Needed reports whether check refuses it: the file demands it, or its name
	// promises a secret.
	Needed bool `json:"needed"`
}

// Literal is a variable of a service's environment, or an option of a volume,
// whose value is a secret.
type Literal struct {
	// Service is the service, or "volume NAME".
	Service string `json:"service"`
	Name    string `json:"name"`
	File    string `json:"file"`
	Line    int    `json:"line"`
}

// Look surveys the compose files of a project. Only what Compose itself refuses
// is an error.
func Look(ctx context.Context, c stack.Config, domain string) (Survey, error) {
	v, err := environment(c, stack.Target{Domain: domain})
	if err != nil {
		return Survey{}, err
	}
	from, err := sources(c.Compose.Files, v.lookup)
	if err != nil {
		return Survey{}, err
	}
	out := Survey{Name: declaredName(from, v), Undefined: undefined(from), Named: map[string]bool{}, Notes: map[string][]string{}, Hidden: map[string]string{}}
	for _, s := range from {
		s.eachUse(s.part(), func(name string) { out.Named[name] = true })
	}
	maps.DeleteFunc(out.Named, func(name string, _ bool) bool { return v.origins[name] == "stackctl" })
	values := maps.Clone(v.values)
	maps.Copy(values, stands(from, out.Undefined))
	project, filled, err := fill(ctx, c, values, out.Undefined, nil)
	if err != nil {
		return out, composeError(from, c.Compose.Files[0], err)
	}
	for i, v := range out.Undefined {
		out.Undefined[i].Needed = v.Needed || slices.Contains(filled, v)
	}
	for _, name := range dropUnknownPorts(project) {
		out.Notes[name] = append(out.Notes[name], portless)
	}
	for _, name := range offBridge(project) {
		out.Notes[name] = append(out.Notes[name], bridgeNote)
	}
	if len(project.Services) == 0 {
		return out, stack.Usage(c.Compose.Files[0], 0, "the file has no services", "write them below `services:`, each with an image or a build")
	}
	out.draft = Draft{config: c, variables: v, project: project, sources: from, places: places(from)}
	out.draft.layers = infer.Layers(out.draft.subjects(), "")
	out.Literals = out.draft.literals()
	for _, u := range out.draft.ungiven() {
		// An env file of the service's own may hold it.
		if _, set := v.values[u.name]; !set && len(project.Services[u.service].EnvFiles) == 0 && !slices.ContainsFunc(out.Undefined, func(one Undefined) bool { return one.Name == u.name }) {
			out.Undefined = append(out.Undefined, Undefined{Name: u.name, File: u.at.file, Line: u.at.line, Needed: true})
		}
	}
	out.note()
	out.noteEnvFiles()
	out.noteLacks()
	out.Services = out.draft.subjects()
	out.expect(out.Services)
	return out, nil
}

// note tells of what no deploy makes, and of mounts that are not as on this machine.
func (s Survey) note() {
	for service, notes := range s.draft.external() {
		s.Notes[service] = append(s.Notes[service], notes...)
	}
	for _, name := range sortedKeys(s.draft.project.Services) {
		if problem, fix := uncarried(s.draft.project.Services[name]); problem != "" {
			s.Notes[name] = append(s.Notes[name], "check refuses it: it "+problem+"; "+fix)
		}
	}
	for _, name := range s.draft.onSSHPort() {
		s.Notes[name] = append(s.Notes[name], "check refuses it: it "+sshProblem+"; "+sshFix)
	}
	for _, home := range s.draft.homeMounts() {
		s.Notes[home.service] = append(s.Notes[home.service], fmt.Sprintf("check refuses its mount of %s (%s:%d), %s; %s", home.source, filepath.Base(home.at.file), home.at.line, homeProblem, home.fix()))
	}
	for _, use := range s.draft.bindUses() {
		if s.draft.hides(use) {
			s.Hidden[use.service] = use.source + ":" + use.target
		}
	}
	s.noteText()
	s.noteRedirects()
	s.noteHosts()
}

// Strategies returns how each service of the app is replaced under these
// settings, and why, as far as files with gaps tell it: what a variable
// without a value mounts or publishes is not known.
func (s Survey) Strategies(c stack.Config) map[string]stack.Service {
	d := s.draft
	d.config.Routes, d.config.Gates.Exposure.Allow = c.Routes, c.Gates.Exposure.Allow
	d.closePorts()
	if binds, err := d.bound(); err == nil { // what can't be bound, check explains
		d.binds = binds
	}
	out := map[string]stack.Service{}
	for _, one := range d.Services() {
		out[one.Name] = one
	}
	return out
}

// external returns, by the first service that has it, what becomes of each network
// and volume that the files call external.
func (d Draft) external() map[string][]string {
	out := map[string][]string{}
	tell := func(note string, has func(types.ServiceConfig) bool) {
		for _, service := range sortedKeys(d.project.Services) {
			if has(d.project.Services[service]) {
				out[service] = append(out[service], note)
				return
			}
		}
	}
	for key, n := range d.project.Networks {
		if n.External {
			tell("network "+cmp.Or(n.Name, key)+" is external: a deploy makes it where the server has none of that name", func(s types.ServiceConfig) bool { _, on := s.Networks[key]; return on })
		}
	}
	for key, v := range d.project.Volumes {
		if v.External {
			name := cmp.Or(v.Name, key)
			tell(fmt.Sprintf("volume %s is external: no deploy makes it, since it has data. Remove `external: true`, or make it on the server first: docker volume create %s", name, name), func(s types.ServiceConfig) bool {
				return slices.ContainsFunc(s.Volumes, func(m types.ServiceVolumeConfig) bool { return m.Type == types.VolumeTypeVolume && m.Source == key })
			})
		}
	}
	for service := range out {
		slices.Sort(out[service])
	}
	return out
}

// resolvable reads the env files that are there: a variable in one may say whom a
// service asks to sign in. It returns, by service, why others cannot be read.
func (d *Draft) resolvable() map[string]error {
	out := map[string]error{}
	for name, s := range d.project.Services {
		if err := d.resolveEnvironment(&s); err != nil {
			out[name] = err
			continue
		}
		d.project.Services[name] = s
	}
	return out
}

// noteEnvFiles adds to the notes of init the env files that check refuses, each once.
func (s Survey) noteEnvFiles() {
	told := map[string]bool{}
	failed := s.draft.resolvable()
	for _, name := range sortedKeys(failed) {
		var fault *stack.Error
		if !s.draft.deployed(s.draft.project.Services[name]) || !errors.As(failed[name], &fault) {
			continue
		}
		_, problem, after := strings.Cut(fault.Err.Error(), ": ")
		if !after {
			problem = fault.Err.Error()
		}
		if !told[problem] {
			s.Notes[name] = append(s.Notes[name], fmt.Sprintf("check refuses it: %s (%s); %s", problem, filepath.Base(fault.What), fault.Fix))
		}
		told[problem] = true
	}
}

// undefined are the variables without a value and without a default, each once.
func undefined(from []source) []Undefined {
	var out []Undefined
	at, told := map[string]int{}, demandsSecrets(from)
	for _, s := range from {
		mounts := s.mounts()
		s.eachGap(s.part(), func(node *yaml.Node, g gap) {
			needed := g.required || !told && promising(g.name) || mounts[node] && leadsMount(node.Value, g.name)
			if i, known := at[g.name]; known {
				out[i].Needed = out[i].Needed || needed
				return
			}
			at[g.name] = len(out)
			out = append(out, Undefined{Name: g.name, File: s.file, Line: s.lineOf(node, g.name), Needed: needed})
		})
	}
	return out
}

// eachGap walks the values of a file.
func (s source) eachGap(node *yaml.Node, found func(*yaml.Node, gap)) {
	if node == nil {
		return
	}
	if node.Kind == yaml.ScalarNode && strings.Contains(node.Value, "$") {
		for _, g := range gaps(node.Value, s.of) {
			found(node, g)
		}
	}
	for i, child := range node.Content {
		if node.Kind != yaml.MappingNode || i%2 == 1 { // Compose puts no values into keys
			s.eachGap(child, found)
		}
	}
}

// promising reports whether a variable's name promises a secret that is wanted.
func promising(name string) bool {
	return redact.SecretReason(name, "Example1value2") != "" && (!optional.MatchString(name) || wanted.MatchString(name))
}

var (
	// optional are names of secrets for services of others that a program does without:
	// mail, tests for people, sign-in elsewhere, models, storage, reports of errors.
	optional = regexp.MustCompile(`(?i)(?:^|_)(?:SMTP|MAIL|MAILER|EMAIL|MAILGUN|SENDGRID|POSTMARK|RESEND|IMAP|LDAP_BIND|RECAPTCHA|HCAPTCHA|CAPTCHA|TURNSTILE|TWILIO|OPENAI|ANTHROPIC|GEMINI|GROQ|MISTRAL|COHERE|DEEPSEEK|OPENROUTER|UNSPLASH|GIPHY|MAXMIND|AWS|S3|AZURE|GCS|NEW_RELIC|DATADOG|MAILCHANNELS|SERVICE_BUS)_|(?:CLIENT_SECRET|SENTRY_DSN|SENTRY_AUTH_TOKEN)$`)
	// wanted are names of those that it does not do without all the same.
	wanted = regexp.MustCompile(`(?i)(?:^|_)(?:DB|DATABASE|\w*SQL|POSTGRES|REDIS|ADMIN|ROOT)_`)
)

// leadsMount reports whether the path on the host of a mount begins with a
// variable: without its value the path is another one, below / or none.
func leadsMount(text, name string) bool {
	return regexp.MustCompile(`^(?:\$` + name + `\b|\$\{` + name + `[^}]*\})[^:\s]*:`).MatchString(text)
}

// mounts are the volumes of services that a file writes in one line.
func (s source) mounts() map[*yaml.Node]bool {
	out := map[*yaml.Node]bool{}
	for _, service := range s.services() {
		_, volumes := lookupNode(service, "volumes")
		if volumes = resolved(volumes); volumes == nil {
			continue
		}
		for _, item := range volumes.Content {
			out[resolved(item)] = true
		}
	}
	return out
}

// bears are the kinds of keys that no empty text goes with, and what stands
// there for a variable without a value.
var bears = []struct{ keys, value string }{
	{"read_only|privileged|tty|stdin_open|init|oom_kill_disable|internal|external|attachable|enable_ipv[46]|disable|no_cache|required", "false"},
	{"replicas|scale|retries|pids_limit|cpus|cpu_(?:count|shares|quota|period|percent)|mem_swappiness|oom_score_adj|max_attempts|soft|hard|nofile|nproc", "1"},
	{"interval|timeout|start_period|start_interval|stop_grace_period|delay|window", "1s"},
	{"mem_limit|mem_reservation|memswap_limit|memory|shm_size", "1g"},
}

// borne is what stands for a variable that is the whole value of such a key;
// empty: any text may.
func borne(raw []byte, use string) string {
	for _, b := range bears {
		if regexp.MustCompile(`(?m)(?:^|[\s{,])(?:` + b.keys + `):\s*["']?` + use + `["']?\s*(?:[,}#]|$)`).Match(raw) {
			return b.value
		}
	}
	return ""
}

// stands sets each undefined variable to a value that its place bears: most bear
// an empty text, a folder, a port, a number and a switch do not. It marks those
// that check refuses in their place as needed.
func stands(from []source, variables []Undefined) map[string]string {
	out, ports := map[string]string{}, portGaps(from)
	for i, v := range variables {
		use := `(?:\$` + v.Name + `\b|\$\{` + v.Name + `\b[^}\n]*\})`
		image := regexp.MustCompile(`(?m)image:\s*["']?` + use + `["']?\s*(?:#.*)?$`)
		otherwise := regexp.MustCompile(`\$\{` + v.Name + `:?-([^}$]+)\}`)
		demanded := regexp.MustCompile(`\$\{` + v.Name + `:?\?`)
		folder := regexp.MustCompile(`(?m)(?:[-,[]|source:)\s*["']?` + use + `[^:\s]*(?::/|["']?\s*$)`)
		twice := regexp.MustCompile(use + ":" + use) // the same path on the host
		for _, s := range from {
			raw, err := readBounded(s.file)
			switch {
			case err != nil:
			case otherwise.Match(raw): // another place has a default
				out[v.Name] = string(otherwise.FindSubmatch(raw)[1])
			case ports[v.Name] != "":
				out[v.Name] = ports[v.Name]
				variables[i].Needed = variables[i].Needed || ports[v.Name] == strconv.Itoa(noPort)
			case borne(raw, use) != "":
				out[v.Name], variables[i].Needed = borne(raw, use), true
			case image.Match(raw):
				out[v.Name] = "unset"
			case twice.Match(raw):
				out[v.Name] = "/" + strings.ToLower(v.Name)
			case folder.Match(raw) && out[v.Name] == "":
				out[v.Name] = "./" + strings.ToLower(v.Name)
			case demanded.Match(raw) && out[v.Name] == "":
				out[v.Name] = "unset"
			}
		}
		if _, stands := out[v.Name]; !stands {
			out[v.Name] = ""
		}
	}
	return out
}

// declaredName is the project's name in the files, the last one's, as Compose takes it.
func declaredName(from []source, v variables) string {
	out := ""
	given := func(name string) (string, bool) {
		value, set := v.lookup(name)
		return value, set && v.origins[name] != "stackctl"
	}
	for _, s := range from {
		_, name := lookupNode(s.root, "name")
		if name == nil || s.only != "" {
			continue
		}
		out = cmp.Or(expand(name.Value, given), out)
	}
	return out
}

// mountPassword is the password with which the engine mounts a volume of another
// machine (CIFS, WebDAV); "" where there is none.
func mountPassword(v types.VolumeConfig) string {
	for option := range strings.SplitSeq(v.DriverOpts["o"], ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(option), "=")
		if strings.EqualFold(name, "password") || strings.EqualFold(name, "pass") {
			return value
		}
	}
	return ""
}

// EnvFile reads the variables of an env file; one that does not exist has none.
func EnvFile(file string) (map[string]string, error) {
	read, err := readEnvFile(file, "", func(string) (string, bool) { return "", false })
	return read.values, err
}
