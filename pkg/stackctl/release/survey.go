package release

import (
	"bytes"
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/infer"
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

// Look surveys compose files with the values of an env file. Only what Compose
// itself refuses is an error.
func Look(ctx context.Context, c stack.Config, env map[string]string) (Survey, error) {
	var out Survey
	var err error
	if out.Undefined, err = undefined(c.Compose.Files, env); err != nil {
		return out, err
	}
	project, err := loadLoosely(ctx, c, env, stands(c.Compose.Files, out.Undefined))
	if err != nil {
		return out, err
	}
	out.Name = declaredName(c.Compose.Files)
	d := Draft{config: c, project: project, places: places(c.Compose.Files)}
	d.layers = infer.Layers(d.subjects(), c.Traefik.Service)
	out.Services = d.subjects()
	out.Literals = d.literals()
	return out, nil
}

// stands gives each undefined variable a value that its place bears: most bear
// an empty text, a folder and a port do not.
func stands(files []string, variables []Variable) map[string]string {
	out := map[string]string{}
	for _, v := range variables {
		use := `\$\{?` + v.Name + `\b[^}\s]*\}?`
		folder := regexp.MustCompile(`(?m)(?:-|source:)\s*["']?` + use + `[^:\s]*(?::/|["']?\s*$)`)
		number := regexp.MustCompile(use + `(?:["']?:["']?[\d$]|-\d)|:["']?` + use)
		for _, file := range files {
			raw, err := readBounded(file)
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
	quiet := logrus.StandardLogger().Level
	logrus.SetLevel(logrus.ErrorLevel)
	defer logrus.SetLevel(quiet)
	details := types.ConfigDetails{WorkingDir: filepath.Dir(c.Compose.Files[0]), Environment: env}
	for _, file := range c.Compose.Files {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: file})
	}
	project, err := loader.LoadWithContext(ctx, details, loader.WithProfiles([]string{"*"}), func(o *loader.Options) {
		o.SetProjectName(c.Project, true)
		o.ResolvePaths, o.SkipResolveEnvironment = true, true
		o.Interpolate = &interpolation.Options{
			Substitute:      template.Substitute,
			TypeCastMapping: o.Interpolate.TypeCastMapping,
			LookupValue: func(name string) (string, bool) {
				if value, ok := env[name]; ok {
					return value, true
				}
				value := missing[name]
				return value, value != ""
			},
		}
	})
	if err != nil {
		return nil, composeError(c.Compose.Files, err)
	}
	if len(project.Services) == 0 {
		return nil, stack.Usage(c.Compose.Files[0], 0, "the file has no services", "")
	}
	return project, nil
}

// undefined are the variables without a value and without a default.
func undefined(files []string, env map[string]string) ([]Variable, error) {
	var out []Variable
	for _, file := range files {
		raw, err := readBounded(file)
		if err != nil {
			return nil, stack.Usage(file, 0, err.Error(), "name the compose files under compose.files")
		}
		var doc map[string]any
		if err := yaml.Unmarshal(raw, &doc); err != nil {
			line, text := errorLine(err)
			return nil, stack.Usage(file, line, text, "correct the YAML")
		}
		vars := template.ExtractVariables(doc, nil)
		for _, name := range sortedKeys(vars) {
			v := vars[name]
			_, set := env[name]
			known := slices.ContainsFunc(out, func(o Variable) bool { return o.Name == name })
			if !set && !known && v.DefaultValue == "" && v.PresenceValue == "" && !hasDefault(string(raw), name) {
				out = append(out, Variable{name, file, lineOfVariable(string(raw), name)})
			}
		}
	}
	return out, nil
}

func declaredName(files []string) string {
	for _, file := range slices.Backward(files) {
		if _, name := lookup(mapping(file), "name"); name != nil && !strings.Contains(name.Value, "$") {
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
			if value == nil || *value == "" || !SecretName(key) || slices.Contains([]string{"true", "false", "yes", "no", "0", "1"}, *value) {
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
func EnvFile(file string) (map[string]string, error) { return readEnvFile(file) }
