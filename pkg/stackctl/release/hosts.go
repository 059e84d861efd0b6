package release

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/infer"
)

var (
	// serverBlock begins what nginx serves under some names, listens the ports of it.
	serverBlock = regexp.MustCompile(`(?m)(?:^|[\s;{}])server\s*\{`)
	listens     = regexp.MustCompile(`(?m)(?:^|[\s;{])listen\s+(?:\S*:)?(\d+)`)
	// namesOf are where nginx, Apache, a Caddyfile and HAProxy say which hosts they serve.
	namesOf = regexp.MustCompile(`(?im)(?:(?:^|[\s;{])server_name\s+([^;\n]+);|^\s*Server(?:Name|Alias)\s+([^\n]+)$|^((?:https?://)?[a-z0-9.-]+\.[a-z]{2,}[^\s{]*(?:[ \t]*,[ \t]*[^\s{]+)*)[ \t]*\{|hdr(?:_dom)?\(host\)\s+(?:-i\s+)?([^\n{}]+))`)
	aHost   = regexp.MustCompile(`^(?:[a-z0-9-]+\.)+[a-z]{2,}$`)
	inName  = regexp.MustCompile(`\$\{(\w+)\}`)
)

// hostAt is a host that a web server's settings serve.
type hostAt struct {
	name string
	at   place
}

// noteHosts adds to the notes of init the hosts that a web server of the project serves
// beside the first: one route leads to it, and visitors of the others meet nobody.
func (s Survey) noteHosts() {
	left := infer.LeftOut(s.draft.subjects())
	for _, name := range sortedKeys(s.draft.project.Services) {
		hosts := s.draft.hosts(name)
		if ports := s.draft.project.Services[name].Ports; left[name] != "" || len(hosts) < 2 || len(ports) == 0 {
			continue
		}
		var told, routes []string
		for i, h := range hosts {
			told = append(told, fmt.Sprintf("%s (%s:%d)", h.name, filepath.Base(h.at.file), h.at.line))
			if label, _, _ := strings.Cut(h.name, "."); i > 0 {
				routes = append(routes, fmt.Sprintf("--route %s=%s:%d", label, name, s.draft.project.Services[name].Ports[0].Target))
			}
		}
		s.Notes[name] = append(s.Notes[name], "its settings serve several hosts, "+strings.Join(told, ", ")+": a route of its own leads to each that visitors need, and its settings must know it by your domain: "+strings.Join(routes, " "))
	}
}

// hosts are those that a service's mounted settings serve at a port that it publishes,
// each once, without www beside the same name.
func (d Draft) hosts(service string) []hostAt {
	var out []hostAt
	for _, file := range d.mountedFiles(service) {
		raw, err := readBounded(file)
		if err != nil || !namesOf.Match(raw) {
			continue
		}
		for _, m := range namesOf.FindAllSubmatchIndex(raw, -1) {
			if !d.servedAt(service, raw, m[0]) {
				continue
			}
			at := place{file, 1 + bytes.Count(raw[:m[1]-1], []byte("\n"))}
			for _, name := range d.hostNames(service, raw, m) {
				out = append(out, hostAt{name, at})
			}
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(out, func(h hostAt) bool {
		bare, www := strings.CutPrefix(h.name, "www.")
		twice := seen[h.name] || www && slices.ContainsFunc(out, func(o hostAt) bool { return o.name == bare })
		seen[h.name] = true
		return twice
	})
}

// hostNames are the hosts of one match of namesOf, with the service's variables in them
// put in, as nginx's templates have them.
func (d Draft) hostNames(service string, raw []byte, m []int) []string {
	var out []string
	for group := 2; group < len(m); group += 2 {
		if m[group] < 0 {
			continue
		}
		text := inName.ReplaceAllStringFunc(string(raw[m[group]:m[group+1]]), func(use string) string {
			if value := d.project.Services[service].Environment[strings.Trim(use, "${}")]; value != nil {
				return *value
			}
			return use
		})
		for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
			_, rest, scheme := strings.Cut(word, "://")
			if scheme {
				word = rest
			}
			if word, _, _ = strings.Cut(word, ":"); aHost.MatchString(word) {
				out = append(out, word)
			}
		}
	}
	return out
}

// servedAt reports whether nginx's block around a place listens at a port that visitors
// reach; true where there is no such block.
func (d Draft) servedAt(service string, raw []byte, at int) bool {
	starts := serverBlock.FindAllIndex(raw[:at+1], -1)
	if len(starts) == 0 {
		return true
	}
	block := raw[starts[len(starts)-1][1]:]
	if next := serverBlock.FindIndex(block); next != nil {
		block = block[:next[0]]
	}
	ports := listens.FindAllSubmatch(block, -1)
	return len(ports) == 0 || slices.ContainsFunc(ports, func(m [][]byte) bool {
		for _, p := range d.project.Services[service].Ports {
			if strconv.Itoa(int(p.Target)) == string(m[1]) {
				return true
			}
		}
		return false
	})
}
