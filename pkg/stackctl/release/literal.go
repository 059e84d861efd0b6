package release

import (
	"bytes"

	"stackctl/pkg/stackctl/redact"
)

// literals are the secrets in the environment and the commands of services, and in
// the options of volumes and the text of configs, that the files write out.
func (d Draft) literals() []Literal {
	var out []Literal
	for _, name := range sortedKeys(d.project.Volumes) {
		if password := mountPassword(d.project.Volumes[name]); password != "" {
			if file, line := written(d.sources, "password", password); line > 0 {
				out = append(out, Literal{"volume " + name, "password", file, line})
			}
		}
	}
	for _, name := range sortedKeys(d.project.Configs) {
		for _, given := range redact.InText(d.project.Configs[name].Content) {
			if file, line := written(d.sources, given.Name, given.Value); line > 0 {
				out = append(out, Literal{"config " + name, given.Name, file, line})
			}
		}
	}
	for _, name := range sortedKeys(d.project.Services) {
		s := d.project.Services[name]
		for _, key := range sortedKeys(s.Environment) {
			value := s.Environment[key]
			if value == nil {
				continue
			}
			for _, given := range redact.InSettings(*value) {
				if file, line := written(d.sources, given.Name, given.Value); line > 0 {
					out = append(out, Literal{name, given.Name, file, line})
				}
			}
			if redact.SecretReason(key, *value) == "" {
				continue
			}
			if file, line := written(d.sources, key, *value); line > 0 {
				out = append(out, Literal{name, key, file, line})
			}
		}
		for _, given := range redact.InCommand(commands(s)) {
			if file, line := writtenFlag(d.sources, given); line > 0 {
				out = append(out, Literal{name, given.Name, file, line})
			}
		}
	}
	return out
}

// written finds the line that holds a name and its value.
func written(from []source, key, value string) (string, int) {
	for _, s := range from {
		raw, err := readBounded(s.file)
		if err != nil {
			continue
		}
		for i, line := range bytes.Split(raw, []byte("\n")) {
			if bytes.Contains(line, []byte(key)) && bytes.Contains(line, []byte(value)) && !bytes.Contains(line, []byte("$")) {
				return s.file, i + 1
			}
		}
	}
	return "", 0
}

// leastAlone is how long a value must be to be looked for without its name.
const leastAlone = 8

// writtenFlag finds the line of a secret of a command: that of its name and value,
// or of the value alone where each word of the command has a line.
func writtenFlag(from []source, given redact.Given) (string, int) {
	file, line := written(from, given.Name, given.Value)
	if line == 0 && len(given.Value) >= leastAlone {
		return written(from, given.Value, given.Value)
	}
	return file, line
}
