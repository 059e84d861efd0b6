// Package config owns stackctl.yaml: it turns the file, STACKCTL_* variables
// and defaults into one stack.Config. It is the only importer of viper and
// must not know what any setting is used for.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
)

// maxBytes bounds every settings file that is read.
const maxBytes = 1 << 20

// SandboxTarget is the target that is used where stackctl.yaml names none, and
// by its name beside those that it does; its settings are in SandboxFile below
// the file's folder.
const (
	SandboxTarget = "sandbox"
	SandboxFile   = ".stackctl/sandbox/target.yaml"
)

// Load reads a stackctl.yaml. Unknown keys, wrong types and missing values are
// usage errors with file and line; nothing is half accepted.
func Load(file string) (stack.Config, error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return stack.Config{}, stack.Usage(file, 0, err.Error(), "")
	}
	doc, err := read(abs, file)
	if err != nil {
		return stack.Config{}, err
	}
	if err := doc.known(doc.node, reflect.TypeFor[stack.Config](), ""); err != nil {
		return stack.Config{}, err
	}
	var c stack.Config
	if err := decode(doc, defaults(), &c); err != nil {
		return stack.Config{}, err
	}
	c.File, c.Root = abs, filepath.Dir(abs)
	if err := addSandbox(&c); err != nil {
		return stack.Config{}, err
	}
	resolve(&c)
	if err := fillHosts(&c); err != nil {
		return stack.Config{}, err
	}
	for i := range c.Gates.Own {
		c.Gates.Own[i].Line = doc.line("gates", "own", fmt.Sprint(i))
	}
	for i := range c.Backup.Places {
		c.Backup.Places[i].Line = doc.line("backup", "places", fmt.Sprint(i))
	}
	for i := range c.Notices {
		c.Notices[i].Line = doc.line("notices", fmt.Sprint(i))
	}
	for i := range c.Hooks {
		c.Hooks[i].Line = doc.line("hooks", fmt.Sprint(i))
	}
	for i := range c.Exceptions {
		c.Exceptions[i].Line = doc.line("exceptions", fmt.Sprint(i))
	}
	for i := range c.Routes {
		c.Routes[i].Line = doc.line("routes", fmt.Sprint(i))
	}
	return c, check(c, doc)
}

// document is a settings file with the place of every key.
type document struct {
	name  string
	node  *yaml.Node
	bytes []byte
}

func read(path, shown string) (document, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return document{}, stack.Usage(shown, 0, "there is no such file", "run `stackctl init` to make one, or name it with --config")
	}
	if err != nil {
		return document{}, stack.Usage(shown, 0, err.Error(), "")
	}
	if info.Size() > maxBytes {
		return document{}, stack.Usage(shown, 0, fmt.Sprintf("%d bytes are too many for settings", info.Size()), "name a stackctl.yaml with --config")
	}
	raw, err := given.Read(path, maxBytes)
	if err != nil {
		return document{}, stack.Usage(shown, 0, err.Error(), "")
	}
	return parse(shown, raw)
}

func parse(shown string, raw []byte) (document, error) {
	var node yaml.Node
	if err := yaml.Unmarshal(raw, &node); err != nil {
		line, text := yamlError(err)
		return document{}, SyntaxFault(shown, raw, line, text)
	}
	if line := secondDocument(raw); line > 0 {
		return document{}, stack.Usage(shown, line, "a second document begins here", "keep one document: what follows --- would be passed over")
	}
	if len(node.Content) == 0 || node.Content[0].Kind != yaml.MappingNode || len(node.Content[0].Content) == 0 {
		return document{}, stack.Usage(shown, 0, "the file holds no settings", "run `stackctl init` to see what belongs in it")
	}
	return document{name: shown, node: node.Content[0], bytes: raw}, nil
}

// decode puts defaults, the document and the environment on top of each other,
// strictly: every key of the document must have a field in out.
func decode(doc document, base map[string]any, out any) error {
	v := viper.NewWithOptions(viper.KeyDelimiter("\x00"))
	v.SetConfigType("yaml")
	for key, value := range base {
		v.SetDefault(strings.ReplaceAll(key, ".", "\x00"), value)
	}
	if err := v.ReadConfig(strings.NewReader(string(doc.bytes))); err != nil {
		line, text := yamlError(err)
		return stack.Usage(doc.name, line, text, "correct the YAML")
	}
	v.SetEnvPrefix("STACKCTL")
	v.SetEnvKeyReplacer(strings.NewReplacer("\x00", "_"))
	for key := range base {
		if err := v.BindEnv(strings.ReplaceAll(key, ".", "\x00")); err != nil {
			return stack.Usage(doc.name, 0, err.Error(), "")
		}
	}
	hook := viper.DecodeHook(mapstructure.ComposeDecodeHookFunc(
		dateAsText, statusAsList, asDuration, wholeNumber, mapstructure.StringToSliceHookFunc(",")))
	err := v.UnmarshalExact(out, hook, func(c *mapstructure.DecoderConfig) { c.WeaklyTypedInput = weak(base) })
	if err != nil {
		return doc.explain(err)
	}
	return doc.keepCase(out)
}

// dateAsText undoes YAML's reading of an unquoted date.
func dateAsText(_, to reflect.Type, value any) (any, error) {
	if at, ok := value.(time.Time); ok && to.Kind() == reflect.String {
		return at.Format(time.DateOnly), nil
	}
	return value, nil
}

// statusAsList lets one number stand for a list of one.
func statusAsList(_, to reflect.Type, value any) (any, error) {
	if n, ok := value.(int); ok && to == reflect.TypeFor[[]int]() {
		return []int{n}, nil
	}
	return value, nil
}

// asDuration reads a duration. A number alone would be nanoseconds, which nobody means.
func asDuration(_, to reflect.Type, value any) (any, error) {
	if to != reflect.TypeFor[time.Duration]() {
		return value, nil
	}
	switch v := value.(type) {
	case string:
		if d, err := time.ParseDuration(v); err == nil {
			return d, nil
		}
	case int, int64, uint64, float64:
	default:
		return value, nil
	}
	return nil, fmt.Errorf("is %v, which is no duration: write 10s, 2m or 1h", value)
}

// wholeNumber refuses a fraction where none can be: it would be cut off.
func wholeNumber(_, to reflect.Type, value any) (any, error) {
	if v, ok := value.(float64); ok && to.Kind() == reflect.Int && v != math.Trunc(v) {
		return nil, fmt.Errorf("is %v; it must be a whole number", v)
	}
	return value, nil
}

// weak reports whether a value came as text from the environment.
func weak(base map[string]any) bool {
	for key := range base {
		if os.Getenv("STACKCTL_"+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))) != "" {
			return true
		}
	}
	return false
}

// keepCase restores the case of target variables: viper folds every key.
func (d document) keepCase(out any) error {
	c, ok := out.(*stack.Config)
	if !ok {
		return nil
	}
	for name, t := range c.Targets {
		if t.Env == nil {
			continue
		}
		env := map[string]string{}
		if at := d.find("targets", name, "env"); at != nil {
			for i := 0; i+1 < len(at.Content); i += 2 {
				env[at.Content[i].Value] = at.Content[i+1].Value
			}
		}
		t.Env = env
		c.Targets[name] = t
	}
	d.keepSecrets(c)
	return nil
}

// addSandbox makes the sandbox the target where the file names no other.
func addSandbox(c *stack.Config) error {
	if len(c.Targets) > 0 {
		return nil
	}
	t, there, err := sandbox(*c)
	if err != nil || !there {
		return err
	}
	c.Targets = map[string]stack.Target{SandboxTarget: t}
	if c.Target == "" {
		c.Target = SandboxTarget
	}
	return nil
}

// sandbox reads the target that `stackctl sandbox up` wrote, where one is there. It
// rehearses what the file names: its ports are shared where a target's are.
func sandbox(c stack.Config) (t stack.Target, there bool, err error) {
	path := filepath.Join(c.Root, SandboxFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return t, false, nil
	}
	doc, err := read(path, path)
	if err != nil {
		return t, false, err
	}
	if err := doc.known(doc.node, reflect.TypeFor[stack.Target](), ""); err != nil {
		return t, false, err
	}
	if err := yamlInto(doc, &t); err != nil {
		return t, true, err
	}
	resolveNodes(&t)
	if len(c.Targets) > 0 {
		t.Shared = slices.ContainsFunc(slices.Collect(maps.Values(c.Targets)), func(named stack.Target) bool { return named.Shared })
	}
	return t, true, nil
}

// IsSandbox reports whether a target is the droplet of `stackctl sandbox up`, whatever
// its name.
func IsSandbox(c stack.Config, t stack.Target) (bool, error) {
	s, there, err := sandbox(c)
	port := func(n int) int { return cmp.Or(n, 22) }
	return there && s.Host == t.Host && port(s.Port) == port(t.Port), err
}

// yamlInto decodes a part of a document, strictly.
func yamlInto(doc document, out any) error {
	var raw map[string]any
	if err := doc.node.Decode(&raw); err != nil {
		line, text := yamlError(err)
		return stack.Usage(doc.name, line, text, "")
	}
	dec, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{Result: out, ErrorUnused: true, DecodeHook: mapstructure.ComposeDecodeHookFunc(asDuration, wholeNumber)})
	if err != nil {
		return stack.Usage(doc.name, 0, err.Error(), "")
	}
	if err := dec.Decode(raw); err != nil {
		return doc.explain(err)
	}
	return nil
}

// Target picks a target by name; an empty name means the file's default, and
// "sandbox" the droplet of `stackctl sandbox up` where the file names no such
// target. What the file leaves open of the login comes from ssh's own settings.
func Target(c stack.Config, name string) (stack.Target, error) {
	t, err := Named(c, name)
	if err != nil {
		return t, err
	}
	if t.Host == "" {
		return t, stack.Usage(c.File, 0, "target "+t.Name+" has no server yet", "make one with `stackctl host create --target "+t.Name+"`, or write its address as host where it was made elsewhere")
	}
	return reached(t)
}

// Named picks a target as the file has it, also where there is no server for it yet.
func Named(c stack.Config, name string) (stack.Target, error) {
	if name == "" {
		name = c.Target
	}
	if _, named := c.Targets[name]; name == SandboxTarget && !named {
		t, there, err := sandbox(c)
		if err != nil {
			return t, err
		}
		if !there {
			return t, stack.Usage(c.File, 0, "no sandbox runs", "start one with `stackctl sandbox up`")
		}
		t.Name = SandboxTarget
		resolveTarget(&c, &t)
		if problem, fix, _ := checkTarget(t); problem != "" {
			return t, stack.Usage(SandboxFile, 0, problem, fix)
		}
		if problem, fix, _ := checkNodes(t); problem != "" {
			return t, stack.Usage(SandboxFile, 0, problem, fix)
		}
		return t, nil
	}
	names := make([]string, 0, len(c.Targets))
	for n := range c.Targets {
		names = append(names, n)
	}
	sort.Strings(names)
	switch {
	case len(names) == 0:
		return stack.Target{}, stack.Usage(c.File, 0, "no target is named and no sandbox runs",
			"start one with `stackctl sandbox up`, or add a server under `targets:`")
	case name == "" && len(names) == 1:
		name = names[0]
	case name == "":
		return stack.Target{}, stack.Usage(c.File, 0, "several targets and no default", "pick one with --target: "+strings.Join(names, ", "))
	}
	if !slices.Contains(names, name) {
		return stack.Target{}, stack.Usage(c.File, 0, fmt.Sprintf("there is no target %q", name), "known targets: "+strings.Join(names, ", "))
	}
	return c.Targets[name], nil
}
