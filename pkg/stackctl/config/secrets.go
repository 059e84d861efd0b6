package config

import (
	"fmt"
	"maps"
	"regexp"
	"sort"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// secretLimit is how long the command of a secret may take where it does not say.
const secretLimit = 30 * time.Second

var secretName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,127}$`)

// keepSecrets restores the case of the secrets' names: viper folds every key.
func (d document) keepSecrets(c *stack.Config) {
	at := d.find("secrets")
	if at == nil {
		return
	}
	kept := map[string]stack.SecretSource{}
	for i := 0; i+1 < len(at.Content); i += 2 {
		key := at.Content[i]
		var s stack.SecretSource
		one := document{name: d.name, node: at.Content[i+1], bytes: d.bytes}
		if yamlInto(one, &s) == nil { // two names may differ in their case alone
			s.Line = key.Line
			kept[key.Value] = s
			delete(c.Secrets, strings.ToLower(key.Value))
		}
	}
	maps.Copy(kept, c.Secrets) // those that a merge key brought
	c.Secrets = kept
}

func resolveSecrets(c *stack.Config) {
	for name, s := range c.Secrets {
		setDefault(&s.Timeout, secretLimit)
		for _, p := range []*string{&s.File, &s.Age, &s.SOPS} {
			*p = absolute(c.Root, *p)
		}
		c.Secrets[name] = s
	}
}

// checkSecrets refuses secrets without a source, or with several.
func checkSecrets(c stack.Config, d document) error {
	names := make([]string, 0, len(c.Secrets))
	for name := range c.Secrets {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		s := c.Secrets[name]
		if problem, fix := checkSecret(c, name, s); problem != "" {
			return stack.Usage(d.name, s.Line, "secret "+name+": "+problem, fix)
		}
	}
	return nil
}

func checkSecret(c stack.Config, name string, s stack.SecretSource) (problem, fix string) {
	sources := 0
	for _, has := range []bool{len(s.Command) > 0, s.File != "", s.Age != "", s.SOPS != ""} {
		if has {
			sources++
		}
	}
	_, there := c.Secrets[s.Previous]
	switch {
	case !secretName.MatchString(name):
		return "that is no name of a secret", "use the name that the compose file has under secrets, or a variable's"
	case sources != 1:
		return fmt.Sprintf("it has %d sources", sources), "give it one of command, file, age and sops"
	case len(s.Command) > 0 && s.Command[0] == "":
		return "its command is empty", "write it as a list: [op, read, \"op://vault/item/field\"]"
	case s.Timeout < time.Second || s.Timeout > 10*time.Minute:
		return fmt.Sprintf("timeout %s", s.Timeout), "give between 1s and 10m"
	case (s.SOPS == "") != (s.Key == ""):
		return "sops and key belong together", "name the file under sops and the place of the value in it under key, such as db.password"
	case s.Previous != "" && (!there || s.Previous == name):
		return fmt.Sprintf("previous names %q, which is no other secret of this file", s.Previous), "add it under secrets"
	}
	return "", ""
}
