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

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/stack"
)

// maxSecret bounds a secret file: it holds a password or a key, not data.
const maxSecret = 64 << 10

type secret struct {
	stack.Secret
	content []byte
}

// readSecrets reads every secret that the stack names; a missing or an empty
// one is refused where it is declared.
func readSecrets(p *types.Project, files []string) ([]secret, error) {
	var out []secret
	for _, name := range sortedKeys(p.Secrets) {
		s := p.Secrets[name]
		refuse := func(problem, fix string) error {
			for _, f := range files {
				if line := lineOf(f, []string{"secrets", name}); line > 0 {
					return stack.Usage(f, line, problem, fix)
				}
			}
			return stack.Usage(files[0], 0, problem, fix)
		}
		if s.File == "" {
			return nil, refuse(fmt.Sprintf("secret %s has no file", name), "give it `file:`; other kinds of secrets cannot be shipped")
		}
		raw, err := readSecret(s.File)
		if err != nil {
			return nil, refuse(fmt.Sprintf("secret %s: %v", name, err),
				"run `stackctl init --secrets` to make the missing ones, or put the value in "+s.File)
		}
		out = append(out, secret{stack.Secret{Name: name, File: s.File}, raw})
	}
	return out, nil
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

// SecretFiles lists the secrets that the compose files name, whether they
// exist or not, as name → file.
func SecretFiles(c stack.Config) (map[string]string, error) {
	out := map[string]string{}
	maps.Copy(out, staffFiles(c))
	for _, file := range c.Compose.Files {
		root := mapping(file)
		if root == nil {
			return nil, stack.Usage(file, 0, "cannot be read as YAML", "name the compose files under compose.files")
		}
		_, secrets := lookup(root, "secrets")
		if secrets == nil {
			continue
		}
		for i := 0; i+1 < len(secrets.Content); i += 2 {
			if _, at := lookup(secrets.Content[i+1], "file"); at != nil {
				path := at.Value
				if !filepath.IsAbs(path) {
					path = filepath.Join(filepath.Dir(c.Compose.Files[0]), path)
				}
				out[secrets.Content[i].Value] = path
			}
		}
	}
	return out, nil
}

// ServiceNames lists the services that the compose files name, as they are
// written: without a variable being known, for shell completion.
func ServiceNames(c stack.Config) []string {
	names := map[string]bool{}
	for _, file := range c.Compose.Files {
		root := mapping(file)
		if root == nil {
			continue
		}
		if _, services := lookup(root, "services"); services != nil {
			for i := 0; i+1 < len(services.Content); i += 2 {
				names[services.Content[i].Value] = true
			}
		}
	}
	return sortedKeys(names)
}

func sortedKeys[M ~map[string]V, V any](m M) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
