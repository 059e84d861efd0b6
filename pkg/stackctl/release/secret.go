package release

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// maxSecret bounds a secret file: it holds a password or a key, not data.
const maxSecret = 64 << 10

type secret struct {
	stack.Secret
	content []byte
}

// readSecrets reads every secret that the stack names; all that are missing or
// empty are refused at once, where they are declared.
func (d Draft) readSecrets() ([]secret, error) {
	var out []secret
	var faults []error
	for _, name := range sortedKeys(d.project.Secrets) {
		one, err := d.secretOf(name)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		out = append(out, one)
	}
	return out, together("secrets cannot be read", faults)
}

// secretOf reads one secret.
func (d Draft) secretOf(name string) (secret, error) {
	s := d.project.Secrets[name]
	refused := func(problem, fix string) (secret, error) {
		return secret{}, refuse(d.sources, place{file: d.config.Compose.Files[0]}, "secret "+name+problem, fix, "secrets", name)
	}
	source, named := d.config.Secrets[name]
	switch {
	case named && source.Value == nil:
		return secret{}, stack.Usage(d.config.File, source.Line, "secret "+name+" was not read from "+source.From(), "")
	case named:
		return secret{stack.Secret{Name: name, File: source.From()}, source.Value}, nil
	case bool(s.External):
		return refused(" is external: it exists in a swarm alone", "give it `file:` or `environment:`")
	case s.File == "" && s.Environment == "":
		return refused(" has no file", "give it `file:` or `environment:`; other kinds of secrets cannot be shipped")
	case s.File == "" && strings.TrimSpace(s.Content) == "":
		return refused(": the variable "+s.Environment+" is not set", "set it in the env file, in the environment or with --env "+s.Environment+"=…")
	case s.File == "":
		return secret{stack.Secret{Name: name, File: "environment:" + s.Environment}, []byte(s.Content)}, nil
	}
	file := d.path(s.File)
	raw, err := readSecret(file)
	if err != nil {
		return refused(": "+err.Error(), "run `stackctl init --secrets` to make the missing ones, or put the value in "+file)
	}
	return secret{stack.Secret{Name: name, File: file}, raw}, nil
}

func readSecret(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s does not exist", file)
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSecret {
		return nil, fmt.Errorf("%s is no regular file of at most %d bytes", file, maxSecret)
	}
	raw, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(string(raw)) == "" {
		return nil, fmt.Errorf("%s is empty", file)
	}
	return raw, nil
}

// SecretFiles lists the secrets that the compose files name, also those that
// they include, whether they exist or not, as name → file. Those that
// stackctl.yaml takes from elsewhere are not among them.
func SecretFiles(c stack.Config) (map[string]string, error) {
	if len(c.Compose.Files) == 0 {
		return nil, nil
	}
	v, err := environment(c, stack.Target{})
	if err != nil {
		return nil, err
	}
	from, err := sources(c.Compose.Files, v.lookup)
	if err != nil {
		return nil, err
	}
	d := Draft{config: c}
	out := map[string]string{}
	maps.Copy(out, StaffFiles(c))
	for _, s := range from {
		if s.only != "" {
			continue
		}
		_, secrets := lookupNode(s.root, "secrets")
		for name, value := range pairs(secrets) {
			_, file := lookupNode(value, "file")
			for _, written := range scalars(resolved(file), s.of) {
				if !strings.HasPrefix(written, "~") {
					written = below(s.dir, written)
				}
				if _, elsewhere := c.Secrets[name.Value]; !elsewhere {
					out[name.Value] = d.path(written)
				}
			}
		}
	}
	return out, nil
}

// ServiceNames lists the services that the compose files name, as they are
// written: without a variable being known, for shell completion.
func ServiceNames(c stack.Config) []string {
	if len(c.Compose.Files) == 0 {
		return nil
	}
	v, err := environment(c, stack.Target{})
	if err != nil {
		return nil
	}
	from, err := sources(c.Compose.Files, v.lookup)
	if err != nil {
		return nil
	}
	return sortedKeys(places(from))
}

func sortedKeys[M ~map[string]V, V any](m M) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
