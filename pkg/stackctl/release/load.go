package release

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
)

// maxBytes bounds a compose file and an env file.
const maxBytes = 1 << 20

// readBounded reads a text in UTF-8.
func readBounded(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxBytes {
		return nil, fmt.Errorf("%d bytes are more than the %d that are read", info.Size(), maxBytes)
	}
	raw, err := given.Read(file, maxBytes)
	if bytes.HasPrefix(raw, []byte("\xFF\xFE")) || bytes.HasPrefix(raw, []byte("\xFE\xFF")) {
		return nil, errUTF16
	}
	return raw, err
}

// errUTF16 refuses what PowerShell's > writes.
var errUTF16 = errors.New("the file is UTF-16, as PowerShell writes it, and is read as UTF-8")

const utf8Fix = "save it as UTF-8; in PowerShell: Get-Content FILE | Set-Content -Encoding utf8 NEW"

// load resolves the compose files with every profile on: what a profile hides
// is judged as well. Relative paths stay relative to the first file's folder:
// they are the project's own, and absolute ones are the server's. Env files,
// label files and secrets are read later, with their places.
func load(ctx context.Context, c stack.Config, env map[string]string) (*types.Project, error) {
	details := types.ConfigDetails{WorkingDir: filepath.Dir(c.Compose.Files[0]), Environment: env}
	for _, file := range c.Compose.Files {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: file})
	}
	var project *types.Project
	err := quietly(func() (err error) {
		project, err = loader.LoadWithContext(ctx, details, loader.WithProfiles([]string{"*"}), func(o *loader.Options) {
			o.SetProjectName(c.Project, true)
			o.ResolvePaths = false
			o.SkipResolveEnvironment, o.SkipResolveLabels = true, true
			o.Interpolate.Substitute = func(text string, of template.Mapping) (string, error) {
				return template.SubstituteWithOptions(text, of, template.WithoutLogging)
			}
		})
		return err
	})
	if err == nil {
		inheritVolumes(project)
	}
	return project, err
}

// bridgeNote is what becomes of a service on Docker's default bridge.
const bridgeNote = "network_mode: bridge becomes the project's own network: on Docker's default bridge services have no names, and every project of the host is there"

// offBridge moves services from Docker's default bridge, which joins all
// projects of a host, to the project's default network, and returns their names.
func offBridge(p *types.Project) []string {
	var moved []string
	for _, name := range sortedKeys(p.Services) {
		s := p.Services[name]
		if s.NetworkMode != "bridge" && s.NetworkMode != "default" {
			continue
		}
		s.NetworkMode, s.Networks = "", map[string]*types.ServiceNetworkConfig{"default": nil}
		p.Services[name] = s
		moved = append(moved, name)
	}
	if _, there := p.Networks["default"]; len(moved) > 0 && !there {
		if p.Networks == nil {
			p.Networks = types.Networks{}
		}
		p.Networks["default"] = types.NetworkConfig{Name: p.Name + "_default"}
	}
	return moved
}

var (
	errorAtLine = regexp.MustCompile(`line (\d+)`)
	schemaPath  = regexp.MustCompile(`(?:services|networks|volumes|secrets|configs|include)[.\[][A-Za-z0-9_.\[\]-]+`)
	serviceName = regexp.MustCompile(`service "([^"]+)"`)
	wrongKind   = regexp.MustCompile(`error while interpolating (\S+): failed to cast to expected type`)
	definedKey  = regexp.MustCompile(`line (\d+): mapping key ("[^"]*") already defined at line (\d+)`)
	unknownKey  = regexp.MustCompile(`^(\S+) additional properties (.+) not allowed$`)
	noTarget    = regexp.MustCompile(`(services\.\S+) is missing a target port`)
	wrongPort   = regexp.MustCompile(`invalid (?:containerPort|hostPort|IP address|ranges specified|proto|port)|[Ii]nvalid (?:empty )?(?:port|hostPort)|no port specified`)
	wrongForm   = regexp.MustCompile(`^(services\.\S+) must be a string$`)
	duration    = regexp.MustCompile(`\.(?:interval|timeout|start_period|start_interval|stop_grace_period|delay|window|monitor)$`)
	wrongMerge  = regexp.MustCompile(`line (\d+).*map merge requires map`)
	unknownName = regexp.MustCompile(`^service "([^"]+)" .*undefined (service|network|volume|config|secret) (.*): invalid compose project$`)
)

// composeError finds the file and line that the loader's error speaks of.
func composeError(from []source, first string, err error) error {
	text := err.Error()
	for _, s := range from {
		text = strings.TrimPrefix(text, "validating "+s.file+": ")
	}
	if explained := explain(from, place{file: fileIn(from, first, text)}, text); explained != nil {
		return explained
	}
	if m := nothingToRun.FindStringSubmatch(text); m != nil {
		return refuse(from, place{file: first}, "service "+m[1]+" has neither an image nor a build section", "give it `image: NAME:VERSION`, or `build: .` where its Dockerfile is in this folder", "services", m[1])
	}
	if line, rest := errorLine(err); line > 0 {
		return stack.Usage(fileIn(from, first, text), line, rest, "correct the compose file")
	}
	for _, s := range from {
		if _, services := lookupNode(s.root, "services"); services == nil && strings.Contains(text, "additional properties") && firstFormat(s.root) {
			return stack.Usage(s.file, 1, "the file is of Compose's first format, which Compose refuses as well", "put its services below `services:`")
		}
	}
	keys := strings.FieldsFunc(schemaPath.FindString(text), func(r rune) bool { return r == '.' || r == '[' || r == ']' })
	if m := serviceName.FindStringSubmatch(text); len(keys) == 0 && m != nil {
		keys = []string{"services", m[1]}
	}
	return refuse(from, place{file: fileIn(from, first, text)}, text, "correct the compose file", keys...)
}

// explain says in plain words what the loader says of mistakes that many files
// have; nil where it knows none.
func explain(from []source, fallback place, text string) error {
	if m := definedKey.FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[1])
		return stack.Usage(fallback.file, line, "the key "+m[2]+" is there a second time, after line "+m[3], "keep one of them")
	}
	if m := wrongPort.FindStringSubmatch(text); m != nil {
		if refused := portRefused(from); refused != nil {
			return refused
		}
	}
	var faults []error
	for _, m := range wrongKind.FindAllStringSubmatch(text, -1) {
		faults = append(faults, refuse(from, fallback, "the value of "+m[1]+" is of the wrong kind: a variable in it is empty, or no number where one belongs, or neither true nor false",
			"set the variable in the env file, or give it a default", strings.Split(m[1], ".")...))
	}
	if len(faults) > 0 {
		return together("variables have no value", faults)
	}
	if m := noTarget.FindStringSubmatch(text); m != nil {
		return refuse(from, fallback, m[1]+" names no port of the container, or a variable that has no value", "set the variable in the env file, or give it a default", strings.Split(m[1], ".")...)
	}
	if m := unknownKey.FindStringSubmatch(text); m != nil && strings.HasPrefix(m[1], "services.") {
		keys := strings.Split(m[1], ".")
		if strings.Contains(m[2], "$") {
			return refuse(from, fallback, m[1]+" has the key "+m[2]+", and Compose puts no variable into a key", "write the name itself, or a list: [\""+strings.Trim(m[2], "'")+"\"]", append(keys, strings.Trim(m[2], "'"))...)
		}
		return refuse(from, fallback, m[1]+" has the key "+m[2]+", which Compose does not know", "correct the key, or remove it", append(keys, strings.Trim(m[2], "'"))...)
	}
	if m := wrongMerge.FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[1])
		return stack.Usage(fallback.file, line, "what begins here is merged elsewhere by `<<`, and has no keys", "write keys below it, or {}, or remove the `<<`")
	}
	if m := unknownName.FindStringSubmatch(text); m != nil {
		if refused := namelessUse(from, m[1], m[2]); refused != nil {
			return refused
		}
		return refuse(from, fallback, "service "+m[1]+" names the "+m[2]+" "+cmp.Or(strings.Trim(m[3], `"`), `""`)+", which is not defined", "correct the name, or define it under "+m[2]+"s:", "services", m[1], usesSection(m[2]))
	}
	if m := wrongForm.FindStringSubmatch(text); m != nil {
		fix := "write the value in quotes"
		if duration.MatchString(m[1]) {
			fix = `write it with its unit, such as "30s"`
		}
		return refuse(from, fallback, m[1]+" must be a string", fix, strings.Split(m[1], ".")...)
	}
	return mistake(from, fallback, text)
}

// namelessUse refuses the first name that a service uses and in which a variable
// has no value; nil: there is none. kind is a network, a volume, a service …
func namelessUse(from []source, service, kind string) error {
	for _, s := range from {
		_, uses := lookupNode(s.services()[service], usesSection(kind))
		if uses = resolved(uses); uses == nil || uses.Kind != yaml.SequenceNode {
			continue
		}
		for _, item := range uses.Content {
			item = resolved(item)
			for _, g := range gaps(item.Value, s.of) {
				return stack.Usage(s.file, item.Line, "service "+service+" names the "+kind+" "+strconv.Quote(item.Value)+", and the variable "+g.name+" has no value", "set it in the env file, or give it a default: ${"+g.name+":-value}")
			}
		}
	}
	return nil
}

// usesSection is where a service names what it uses of a kind.
func usesSection(kind string) string {
	if kind == "service" {
		return "depends_on"
	}
	return kind + "s"
}

// portRefused refuses the first published port that cannot be read; nil: there is
// none.
func portRefused(from []source) error {
	for _, s := range from {
		services := s.services()
		for _, name := range sortedKeys(services) {
			_, ports := lookupNode(services[name], "ports")
			if ports = resolved(ports); ports == nil {
				continue
			}
			for _, item := range ports.Content {
				text := strings.Join(scalars(resolved(item), s.of), "")
				if item = resolved(item); item.Kind != yaml.ScalarNode || text == "" {
					continue
				}
				_, err := types.ParsePortConfig(text)
				if err != nil && strings.Contains(item.Value, "$") {
					return stack.Usage(s.file, item.Line, "service "+name+" has the port "+strconv.Quote(item.Value)+", in which a variable has no value, or none that is a port", "set the variable in the env file, or give it a default")
				}
				if err != nil {
					return stack.Usage(s.file, item.Line, "service "+name+" has the port "+strconv.Quote(text)+", which cannot be read",
						`write "HOST:CONTAINER" such as "8080:80", "ADDRESS:HOST:CONTAINER" such as "127.0.0.1:8080:80", or two ranges of one length; ports are numbers from 1 to 65535`)
				}
			}
		}
	}
	return nil
}

// firstFormat reports whether a file names services at its top, as before 2016.
func firstFormat(root *yaml.Node) bool {
	root = resolved(root)
	if root == nil || root.Kind != yaml.MappingNode {
		return false
	}
	for i := 1; i < len(root.Content); i += 2 {
		for _, key := range []string{"image", "build"} {
			if _, value := lookupNode(root.Content[i], key); value != nil {
				return true
			}
		}
	}
	return false
}

func fileIn(from []source, first, text string) string {
	for _, s := range from {
		if strings.Contains(text, s.file) {
			return s.file
		}
	}
	return first
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
