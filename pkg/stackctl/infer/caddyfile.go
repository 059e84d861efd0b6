package infer

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// caddyWithout are directives of a Caddyfile that the edge has itself, or that only
// change how an answer travels.
var caddyWithout = []string{"encode", "log", "tls", "header", "request_body", "redir", "request_header", "import"}

// without reports whether the route of a site is the same without a directive. One
// that asks visitors for a certificate, or listens at some addresses alone, keeps
// others out.
func (b block) without() bool {
	return len(b.words) > 0 && slices.Contains(caddyWithout, b.words[0]) && !(b.words[0] == "tls" && slices.ContainsFunc(b.inner, func(sub block) bool { return len(sub.words) > 0 && sub.words[0] == "client_auth" }))
}

// caddyGuards are those that ask who comes.
var caddyGuards = []string{"basic_auth", "basicauth", "forward_auth"}

// block is a directive of a Caddyfile with what is in its braces.
type block struct {
	words []string
	inner []block
	// braced reports that it has braces.
	braced bool
}

// caddyWord is one word of a Caddyfile, with quotes or without.
var caddyWord = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`|[^\\s]+")

// caddyBlocks parses a Caddyfile; ok reports that its braces are closed.
func caddyBlocks(text string) (out []block, ok bool) {
	stack := []*block{{}}
	for line := range strings.Lines(text) {
		words := caddyWord.FindAllString(line, 200)
		if i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "#") }); i >= 0 {
			words = words[:i]
		}
		if len(words) == 0 {
			continue
		}
		top := stack[len(stack)-1]
		switch last := words[len(words)-1]; {
		case words[0] == "}" && len(stack) == 1, len(stack) > 20:
			return nil, false
		case words[0] == "}":
			stack = stack[:len(stack)-1]
			parent := stack[len(stack)-1]
			parent.inner = append(parent.inner, *top)
		case last == "{":
			stack = append(stack, &block{words: words[:len(words)-1], braced: true})
		default:
			top.inner = append(top.inner, block{words: words})
		}
	}
	return stack[0].inner, len(stack) == 1
}

// caddyfileRoutes are the routes of a Caddy that does nothing but lead names, with
// certificates of its own, to services of the project; none where it does more, or
// answers plain HTTP, as it must behind the edge.
func caddyfileRoutes(s Service, services []Service) []labelled {
	blocks, ok := caddyBlocks(s.Caddyfile)
	if built := s.Build && s.Image == ""; !ok || !built && !names([]string{"caddy"}, Repository(s.Image)) {
		return nil
	}
	if len(blocks) > 0 && !blocks[0].braced { // one site needs no braces
		blocks = []block{{words: blocks[0].words, inner: blocks[1:], braced: true}}
	}
	var out []labelled
	for _, site := range blocks {
		if !site.braced {
			return nil
		}
		if len(site.words) == 0 || strings.HasPrefix(site.words[0], "(") { // options, and what import takes
			if len(site.words) > 0 && !caddyPlain(site.inner) {
				return nil
			}
			continue
		}
		routes, simple := caddySiteRoutes(site.inner, services, "")
		hosts, named := caddyHosts(s, site.words)
		if !simple || !named {
			return nil
		}
		for _, host := range hosts {
			for _, r := range routes {
				r.host = host
				out = append(out, r)
			}
		}
	}
	return out
}

// caddyPlain reports whether all of a snippet's directives are without meaning for
// the way of a request.
func caddyPlain(inner []block) bool {
	return !slices.ContainsFunc(inner, func(b block) bool { return !b.without() })
}

// caddyHosts are the names of a site; named reports that all of them are names
// for which Caddy gets certificates.
func caddyHosts(s Service, words []string) (hosts []string, named bool) {
	for _, one := range strings.FieldsFunc(strings.Join(words, " "), func(r rune) bool { return r == ',' || r == ' ' }) {
		if m := caddyVariable.FindStringSubmatch(one); m != nil {
			value := s.Environment[m[1]]
			if value == "" {
				value = m[2]
			}
			one = strings.Replace(one, m[0], value, 1)
		}
		plain := strings.HasPrefix(one, "http://") || strings.HasPrefix(one, ":")
		one = strings.TrimPrefix(one, "https://")
		one = strings.TrimSuffix(strings.TrimSuffix(one, ":443"), "/")
		if plain || strings.ContainsAny(one, "/:*{") {
			return nil, false
		}
		if one == "localhost" {
			one = ""
		}
		hosts = append(hosts, one)
	}
	return hosts, len(hosts) > 0
}

var caddyVariable = regexp.MustCompile(`\{(?:\$|env\.)(\w+)(?::([^}]*))?\}`)

// caddySiteRoutes are the routes of a site's directives, below a path; simple
// reports that there is nothing else.
func caddySiteRoutes(inner []block, services []Service, below string) (out []labelled, simple bool) {
	guarded := false
	for _, b := range inner {
		if len(b.words) == 0 {
			return nil, false
		}
		switch name := b.words[0]; {
		case slices.Contains(caddyGuards, name):
			guarded = true
		case b.without():
		case name == "reverse_proxy":
			r, ok := caddyProxy(b, services, below)
			if !ok {
				return nil, false
			}
			out = append(out, r)
		case (name == "handle" || name == "handle_path" || name == "route") && below == "" && len(b.words) <= 2:
			path := strings.TrimRight(strings.Join(b.words[1:], ""), "/*")
			routes, ok := caddySiteRoutes(b.inner, services, path)
			if !ok || path != "" && !strings.HasPrefix(path, "/") {
				return nil, false
			}
			for i := range routes {
				routes[i].strip = name == "handle_path" && path != ""
			}
			out = append(out, routes...)
		default:
			return nil, false
		}
	}
	for i := range out {
		out[i].guarded = out[i].guarded || guarded
	}
	return out, true
}

// caddyProxy is the route of one reverse_proxy.
func caddyProxy(b block, services []Service, below string) (labelled, bool) {
	r, words := labelled{path: below}, b.words[1:]
	if len(words) > 1 && (strings.HasPrefix(words[0], "/") || words[0] == "*") {
		r.path = below + strings.TrimRight(words[0], "/*")
		words = words[1:]
	}
	for _, sub := range b.inner {
		if len(sub.words) > 0 && sub.words[0] == "to" {
			words = sub.words[1:]
		}
		if len(sub.words) > 1 && sub.words[0] == "lb_policy" {
			r.sticky = caddySticky.MatchString(sub.words[1])
		}
	}
	if len(words) != 1 {
		return r, false
	}
	return r, r.leadTo(words[0], services)
}

// leadTo makes a route lead to an address, and reports whether a service of the
// project answers there.
func (l *labelled) leadTo(address string, services []Service) bool {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return false
	}
	i := slices.IndexFunc(services, func(s Service) bool { return s.Name == u.Hostname() || s.ContainerName == u.Hostname() })
	if i < 0 {
		return false
	}
	l.service, l.scheme = services[i].Name, secure(u.Scheme)
	if l.port, _ = strconv.Atoi(u.Port()); l.port == 0 {
		l.port = map[string]int{"https": 443}[l.scheme]
	}
	if l.port == 0 {
		l.port = 80
	}
	return true
}
