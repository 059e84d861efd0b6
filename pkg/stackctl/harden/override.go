package harden

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// mark begins a file that this package wrote. Others are not overwritten.
const mark = "# Written by `stackctl harden`."

const head = mark + ` The next run writes it anew and tells what changed.
# Each line was tried: its service was started with it on fresh volumes, beside what it
# needs, got ready, and answered one request to each of its routes. What a service does
# later, such as taking uploads, was not tried: deploy to the sandbox, and use the site.
`

// Written reports whether a file is one that harden wrote.
func Written(file []byte) bool { return strings.HasPrefix(string(file), mark) }

// Override returns the compose override file of what services bear. Of before, a file
// that harden wrote earlier, those stay that were not tried now, as long as they are
// among the project's.
func Override(verdicts []Verdict, before []byte, project []string) []byte {
	blocks := blocksOf(before)
	for name := range blocks {
		if !slices.Contains(project, name) {
			delete(blocks, name)
		}
	}
	for _, v := range verdicts {
		switch {
		case !v.Tried():
		case v.Bears.Empty():
			delete(blocks, v.Service)
		default:
			blocks[v.Service] = block(v)
		}
	}
	var b strings.Builder
	b.WriteString(head)
	if len(blocks) == 0 {
		return []byte(b.String() + "services: {}\n")
	}
	b.WriteString("services:\n")
	for i, name := range slices.Sorted(maps.Keys(blocks)) {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(blocks[name])
	}
	return []byte(b.String())
}

// block is the text of one service.
func block(v Verdict) string {
	var b strings.Builder
	line := func(indent int, text, why string) {
		fmt.Fprintf(&b, "%s%s # %s\n", strings.Repeat("  ", indent), text, why)
	}
	fmt.Fprintf(&b, "  %s:\n", quoted(v.Service))
	s := v.Bears
	if s.ReadOnly {
		line(2, "read_only: true", "nobody who gets in changes the program")
		for i, dir := range s.Tmpfs {
			if i == 0 {
				b.WriteString("    tmpfs:\n")
			}
			line(3, "- "+tmpfs(dir), "held in memory: what is there goes with the container")
		}
	}
	if s.DropAll {
		line(2, "cap_drop: [ALL]", "root in the container is little more than a user")
		if len(s.CapAdd) > 0 {
			line(2, "cap_add: ["+strings.Join(s.CapAdd, ", ")+"]", "it does not get ready without")
		}
	}
	if s.NoNewPrivileges {
		line(2, `security_opt: ["`+noNewPrivileges+`"]`, "no program in it gains rights")
	}
	if s.User != "" {
		why := "not root, and no user of the image or the server"
		if s.ImageUser {
			why = "as its image says"
		}
		line(2, "user: "+strconv.Quote(strings.ReplaceAll(s.User, "$", "$$")), why)
	}
	limits(&b, line, v)
	for _, l := range v.Left {
		fmt.Fprintf(&b, "    # without %s: %s\n", l.Measure, l.Why)
	}
	return b.String()
}

// limits writes the limits of a service where Compose wants them.
func limits(b *strings.Builder, line func(indent int, text, why string), v Verdict) {
	const memory, tasks = "with room above what it used", "no fork bomb, and room above what it had"
	s := v.Bears
	if !v.UnderDeploy {
		if s.Memory > 0 {
			line(2, "mem_limit: "+size(s.Memory), memory)
		}
		if s.Tasks > 0 {
			line(2, "pids_limit: "+strconv.FormatInt(s.Tasks, 10), tasks)
		}
		return
	}
	if s.Memory == 0 && s.Tasks == 0 {
		return
	}
	b.WriteString("    deploy:\n      resources:\n        limits:\n")
	if s.Memory > 0 {
		line(5, "memory: "+size(s.Memory), memory)
	}
	if s.Tasks > 0 {
		line(5, "pids: "+strconv.FormatInt(s.Tasks, 10), tasks)
	}
}

// size is a number of bytes as Compose reads it.
func size(n int64) string {
	if n%mib == 0 {
		return strconv.FormatInt(n/mib, 10) + "m"
	}
	return strconv.FormatInt(n, 10)
}

// quoted is a text as a YAML scalar, and no variable of Compose.
func quoted(text string) string {
	raw, err := yaml.Marshal(strings.ReplaceAll(text, "$", "$$"))
	if err != nil { // a text always is one
		return strconv.Quote(text)
	}
	return strings.TrimSpace(string(raw))
}

// blocksOf are the texts of the services in a file that harden wrote.
func blocksOf(file []byte) map[string]string {
	out := map[string]string{}
	if !Written(file) {
		return out
	}
	_, body, _ := strings.Cut(string(file), "\nservices:\n")
	name := ""
	for line := range strings.Lines(body) {
		key, is := strings.CutSuffix(strings.TrimRight(line, "\n"), ":")
		if is && strings.HasPrefix(key, "  ") && !strings.HasPrefix(key, "   ") {
			if yaml.Unmarshal([]byte(key), &name) != nil {
				name = ""
			}
		}
		if name != "" && strings.TrimSpace(line) != "" {
			out[name] += line
		}
	}
	return out
}

// Settings are what a file that harden wrote says of each service.
func Settings(file []byte) map[string]Setting {
	out := map[string]Setting{}
	if !Written(file) {
		return out
	}
	var doc struct {
		Services map[string]struct {
			Tmpfs  []string `yaml:"tmpfs"`
			Memory string   `yaml:"mem_limit"`
			Tasks  int64    `yaml:"pids_limit"`
			Deploy struct {
				Resources struct {
					Limits struct {
						Memory string `yaml:"memory"`
						Pids   int64  `yaml:"pids"`
					} `yaml:"limits"`
				} `yaml:"resources"`
			} `yaml:"deploy"`
		} `yaml:"services"`
	}
	if yaml.Unmarshal(file, &doc) != nil {
		return out // somebody edited it: what it says is found again
	}
	for name, s := range doc.Services {
		under := s.Deploy.Resources.Limits
		one := Setting{Memory: max(bytesOf(s.Memory), bytesOf(under.Memory)), Tasks: max(s.Tasks, under.Pids)}
		for _, t := range s.Tmpfs {
			dir, _, _ := strings.Cut(t, ":")
			one.Tmpfs = append(one.Tmpfs, dir)
		}
		out[name] = one
	}
	return out
}

// bytesOf reads what size writes; anything else is 0.
func bytesOf(text string) int64 {
	number, mebi := strings.CutSuffix(text, "m")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return 0
	}
	if mebi {
		n *= mib
	}
	return n
}
