package release

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
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
	// Undefined are the variables without a value or a default, by name.
	Undefined []Variable
	// Literals are the secrets that stand in the files themselves.
	Literals []Literal
}

// Variable is a variable of a compose file.
type Variable struct {
	Name, File string
	Line       int
}

// Literal is a variable of a service's environment whose value is a secret.
type Literal struct {
	Service, Name, File string
	Line                int
}

// Look surveys the compose files of a project whose only settings are where
// they are. Only what Compose itself refuses is an error.
func Look(ctx context.Context, c stack.Config, t stack.Target) (Survey, error) {
	var out Survey
	v, err := environment(c, t)
	if err != nil {
		return out, err
	}
	from, err := sources(c.Compose.Files, v.lookup)
	if err != nil {
		return out, err
	}
	out.Undefined = undefined(from)
	project, err := loadLoosely(ctx, c, v.values, stands(from, out.Undefined))
	if err != nil {
		return out, composeError(from, c.Compose.Files[0], err)
	}
	if len(project.Services) == 0 {
		return out, stack.Usage(c.Compose.Files[0], 0, "the file has no services", "")
	}
	out.Name = declaredName(from)
	d := Draft{config: c, project: project, sources: from, places: places(from)}
	d.layers = infer.Layers(d.subjects(), c.Traefik.Service)
	out.Services = d.subjects()
	out.Literals = d.literals()
	return out, nil
}

// stands gives each undefined variable a value that its place bears: most bear
// an empty text, a folder and a port do not.
func stands(from []source, variables []Variable) map[string]string {
	out := map[string]string{}
	for _, v := range variables {
		use := `\$\{?` + v.Name + `\b[^}\s]*\}?`
		folder := regexp.MustCompile(`(?m)(?:-|source:)\s*["']?` + use + `[^:\s]*(?::/|["']?\s*$)`)
		number := regexp.MustCompile(use + `(?:["']?:["']?[\d$]|-\d)|:["']?` + use)
		for _, s := range from {
			raw, err := readBounded(s.file)
			switch {
			case err != nil:
			case number.Match(raw):
				out[v.Name] = "0"
			case folder.Match(raw) && out[v.Name] == "":
				out[v.Name] = "./" + strings.ToLower(v.Name)
			}
		}
	}
	return out
}

func loadLoosely(ctx context.Context, c stack.Config, env, missing map[string]string) (*types.Project, error) {
	details := types.ConfigDetails{WorkingDir: filepath.Dir(c.Compose.Files[0]), Environment: env}
	for _, file := range c.Compose.Files {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: file})
	}
	var project *types.Project
	err := quietly(func() (err error) {
		project, err = loader.LoadWithContext(ctx, details, loader.WithProfiles([]string{"*"}), func(o *loader.Options) {
			o.SetProjectName(c.Project, true)
			o.ResolvePaths = true
			o.SkipResolveEnvironment, o.SkipResolveLabels = true, true
			o.Interpolate.Substitute = func(text string, of template.Mapping) (string, error) {
				return template.SubstituteWithOptions(text, of, template.WithoutLogging)
			}
			o.Interpolate.LookupValue = func(name string) (string, bool) {
				if value, ok := env[name]; ok {
					return value, true
				}
				value := missing[name]
				return value, value != ""
			}
		})
		return err
	})
	return project, err
}

// undefined are the variables without a value and without a default.
func undefined(from []source) []Variable {
	var out []Variable
	for _, s := range from {
		_ = s.walk(s.part(), func(node *yaml.Node) error {
			for _, g := range gaps(node.Value, s.of) {
				if !slices.ContainsFunc(out, func(o Variable) bool { return o.Name == g.name }) {
					out = append(out, Variable{g.name, s.file, s.lineOf(node, g.name)})
				}
			}
			return nil
		})
	}
	slices.SortStableFunc(out, func(a, b Variable) int {
		return cmp.Or(strings.Compare(a.File, b.File), strings.Compare(a.Name, b.Name))
	})
	return out
}

func declaredName(from []source) string {
	for _, s := range slices.Backward(from) {
		if _, name := lookupNode(s.root, "name"); s.only == "" && name != nil && !strings.Contains(name.Value, "$") {
			return name.Value
		}
	}
	return ""
}

// literals are the secrets in the environment of services that the files
// write out.
func (d Draft) literals() []Literal {
	var out []Literal
	for _, name := range sortedKeys(d.project.Services) {
		s := d.project.Services[name]
		for _, key := range sortedKeys(s.Environment) {
			value := s.Environment[key]
			if value == nil || *value == "" || redact.SecretReason(key, *value) == "" {
				continue
			}
			if file, line := written(d.config.Compose.Files, key, *value); line > 0 {
				out = append(out, Literal{name, key, file, line})
			}
		}
	}
	return out
}

// written finds the line that holds a name and its value.
func written(files []string, key, value string) (string, int) {
	for _, file := range files {
		raw, err := readBounded(file)
		if err != nil {
			continue
		}
		for i, line := range bytes.Split(raw, []byte("\n")) {
			if bytes.Contains(line, []byte(key)) && bytes.Contains(line, []byte(value)) && !bytes.Contains(line, []byte("$")) {
				return file, i + 1
			}
		}
	}
	return "", 0
}

// EnvFile reads the variables of an env file; one that does not exist has none.
func EnvFile(file string) (map[string]string, error) {
	read, err := readEnvFile(file, "", os.LookupEnv)
	return read.values, err
}
