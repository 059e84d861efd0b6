package edge

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"

	"stackctl/pkg/stackctl/stack"
)

// render runs the Go template that Traefik would run, with the edge service's
// environment. A variable that is not set there is an error, not an empty text.
func render(file string, raw []byte, env map[string]string) ([]byte, error) {
	funcs := sprig.TxtFuncMap()
	funcs["env"] = func(name string) (string, error) {
		if value, ok := env[name]; ok {
			return value, nil
		}
		return "", fmt.Errorf("the variable %s is not in the edge service's environment", name)
	}
	delete(funcs, "expandenv")
	delete(funcs, "getHostByName")
	t, err := template.New(file).Option("missingkey=error").Funcs(funcs).Parse(string(raw))
	if err != nil {
		line, text := errorLine(err)
		return nil, stack.Usage(file, line, text, "correct the template")
	}
	var b bytes.Buffer
	if err := t.Execute(&b, nil); err != nil {
		line, text := errorLine(err)
		return nil, stack.Usage(file, line, text, "add it to the service's environment, or correct the template")
	}
	return b.Bytes(), nil
}

var (
	yamlLine     = regexp.MustCompile(`line (\d+): `)
	templateLine = regexp.MustCompile(`^template: [^:]*:(\d+)(?::\d+)?: `)
	calling      = regexp.MustCompile(`.*error calling \w+: `)
)

// errorLine takes the line out of a YAML or template error.
func errorLine(err error) (int, string) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	for _, at := range []*regexp.Regexp{templateLine, yamlLine} {
		if m := at.FindStringSubmatch(text); m != nil {
			n, _ := strconv.Atoi(m[1])
			return n, calling.ReplaceAllString(strings.Replace(text, m[0], "", 1), "")
		}
	}
	return 0, text
}
