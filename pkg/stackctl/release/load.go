package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
)

// maxBytes bounds a compose file and an env file.
const maxBytes = 1 << 20

func readBounded(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxBytes {
		return nil, fmt.Errorf("%d bytes are more than the %d that are read", info.Size(), maxBytes)
	}
	return given.Read(file, maxBytes)
}

// readEnvFile reads KEY=value lines; a file that does not exist has none.
func readEnvFile(file string) (map[string]string, error) {
	raw, err := readBounded(file)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, stack.Usage(file, 0, err.Error(), "")
	}
	for i, line := range bytes.Split(raw, []byte("\n")) {
		if !utf8.Valid(line) || bytes.ContainsRune(line, 0) {
			return nil, stack.Usage(file, i+1, "the line is not text in UTF-8", "save the file as UTF-8")
		}
	}
	env, err := dotenv.UnmarshalWithLookup(string(raw), nil)
	if err != nil {
		line, text := errorLine(err)
		return nil, stack.Usage(file, line, text, "write each line as NAME=value")
	}
	return env, nil
}

var variable = regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)`)

// defined refuses variables that have neither a value nor a default. Compose
// itself would put an empty text there and go on.
func defined(files []string, env map[string]string) error {
	for _, file := range files {
		raw, err := readBounded(file)
		if err != nil {
			return stack.Usage(file, 0, err.Error(), "name the compose files under compose.files")
		}
		var doc map[string]any
		if err := yaml.Unmarshal(raw, &doc); err != nil {
			line, text := errorLine(err)
			return stack.Usage(file, line, text, "correct the YAML")
		}
		vars := template.ExtractVariables(doc, nil)
		names := make([]string, 0, len(vars))
		for name := range vars {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			v := vars[name]
			if _, set := env[name]; !set && v.DefaultValue == "" && v.PresenceValue == "" && !hasDefault(string(raw), name) {
				return stack.Usage(file, lineOfVariable(string(raw), name), "the variable "+name+" is not defined",
					"set it in the env file, or give it a default: ${"+name+":-value}")
			}
		}
	}
	return nil
}

// hasDefault says whether a variable has a default, be it an empty one.
func hasDefault(text, name string) bool {
	return strings.Contains(text, "${"+name+":-") || strings.Contains(text, "${"+name+"-")
}

func lineOfVariable(text, name string) int {
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, m := range variable.FindAllStringSubmatch(line, -1) {
			if m[1] == name {
				return i + 1
			}
		}
	}
	return 0
}

// load resolves the compose files with every profile on: what a profile hides
// is judged as well.
func load(ctx context.Context, c stack.Config, env map[string]string) (*types.Project, error) {
	quiet := logrus.StandardLogger().Level
	logrus.SetLevel(logrus.ErrorLevel)
	defer logrus.SetLevel(quiet)
	details := types.ConfigDetails{WorkingDir: filepath.Dir(c.Compose.Files[0]), Environment: env}
	for _, file := range c.Compose.Files {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: file})
	}
	project, err := loader.LoadWithContext(ctx, details, loader.WithProfiles([]string{"*"}), func(o *loader.Options) {
		o.SetProjectName(c.Project, true)
		o.ResolvePaths = true
	})
	if err != nil {
		return nil, composeError(c.Compose.Files, err)
	}
	if len(project.Services) == 0 {
		return nil, stack.Usage(c.Compose.Files[0], 0, "the file has no services", "")
	}
	return project, nil
}

var (
	errorAtLine = regexp.MustCompile(`line (\d+)`)
	schemaPath  = regexp.MustCompile(`(?:services|networks|volumes|secrets)[.\[][A-Za-z0-9_.\[\]-]+`)
	serviceName = regexp.MustCompile(`service "([^"]+)"`)
)

// composeError finds the file and line that the loader's error speaks of.
func composeError(files []string, err error) error {
	text := err.Error()
	for _, f := range files {
		text = strings.TrimPrefix(text, "validating "+f+": ")
	}
	if line, rest := errorLine(err); line > 0 {
		return stack.Usage(fileIn(files, text), line, rest, "correct the compose file")
	}
	keys := strings.FieldsFunc(schemaPath.FindString(text), func(r rune) bool { return r == '.' || r == '[' || r == ']' })
	if m := serviceName.FindStringSubmatch(text); len(keys) == 0 && m != nil {
		keys = []string{"services", m[1]}
	}
	for _, file := range files {
		if line := lineOf(file, keys); line > 0 {
			return stack.Usage(file, line, text, "correct the compose file")
		}
	}
	return stack.Usage(fileIn(files, text), 0, text, "correct the compose file")
}

func fileIn(files []string, text string) string {
	for _, f := range files {
		if strings.Contains(text, f) {
			return f
		}
	}
	return files[0]
}

// errorLine takes the line out of a parser's message.
func errorLine(err error) (int, string) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	m := errorAtLine.FindStringSubmatch(text)
	if m == nil {
		return 0, text
	}
	n, _ := strconv.Atoi(m[1])
	return n, strings.TrimPrefix(text, m[0]+": ")
}
