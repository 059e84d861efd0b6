package compose

import (
	"cmp"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// judgeInventory compares the services of the compose files with those that
// Traefik, the docs and stackctl.yaml speak of.
func judgeInventory(s gate.Subject) []stack.Finding {
	out := inventoryTraefik(s)
	out = append(out, inventorySettings(s)...)
	return append(out, inventoryDocs(s)...)
}

// inventoryTraefik sees that every upstream is a service, and every router
// names a service that is defined.
func inventoryTraefik(s gate.Subject) []stack.Finding {
	m := traefik.Read(s.Release, s.Config.Traefik)
	var out []stack.Finding
	for _, src := range m.Dynamic {
		for _, all := range src.Root.Find("http", "services") {
			for _, n := range all.Kids {
				for _, u := range serverURLs(n) {
					out = append(out, upstreamFault(s, src, n, u)...)
				}
			}
		}
	}
	for _, r := range m.Routers {
		name := strings.TrimSuffix(r.Service, "@file")
		if r.TCP || strings.Contains(name, "@") {
			continue
		}
		if _, ok := m.Services[name]; !ok {
			out = append(out, stack.Finding{Subject: "router " + r.Name, Rule: routerTargetRule.ID, Problem: "the router's service is defined nowhere", Expected: "a service under http.services",
				Observed: cmp.Or(name, "none"), Fix: "define the service, or correct its name", File: r.File, Line: r.Line})
		}
		for _, name := range r.Middlewares {
			if _, ok := m.Middlewares[name]; !ok && !strings.Contains(name, "@") {
				out = append(out, stack.Finding{Subject: "router " + r.Name, Rule: routerTargetRule.ID, Problem: "the router's middleware " + name + " is defined nowhere", Expected: "a middleware under http.middlewares",
					Observed: name, Fix: "define it, or correct its name; Traefik switches the router off", File: r.File, Line: r.Line})
			}
		}
	}
	for _, r := range s.Release.Edge.Routes {
		if r.Service == "" {
			continue
		}
		if _, ok := s.Release.Service(r.Service); !ok {
			out = append(out, stack.Finding{Subject: "route " + r.Name, Rule: routerTargetRule.ID, Problem: "the route leads to a service that the compose files lack", Expected: "a service of the compose files",
				Observed: r.Service, Fix: "correct the upstream, or add the service", File: r.File})
		}
	}
	return out
}

// serverURLs are the upstream addresses of a Traefik service.
func serverURLs(n *traefik.Node) []*traefik.Node {
	var out []*traefik.Node
	n.Walk(func(at []string, k *traefik.Node) {
		if strings.EqualFold(k.Name, "url") && len(at) > 1 {
			out = append(out, k)
		}
	})
	return out
}

func upstreamFault(s gate.Subject, src traefik.Source, n, u *traefik.Node) []stack.Finding {
	f := stack.Finding{Subject: "upstream " + n.Name, File: src.Where, Line: u.Line, Observed: probe.Shown(u.Value), Fix: "correct the URL, or add the service"}
	address, err := url.Parse(u.Value)
	if err != nil || address.Hostname() == "" {
		f.Rule, f.Problem, f.Expected = routerTargetRule.ID, "the upstream is no URL", "http://SERVICE:PORT"
		return []stack.Finding{f}
	}
	if address.User != nil {
		f.Rule, f.Problem, f.Expected, f.Fix = routePasswordRule.ID, "a password stands in the routes' file", "http://SERVICE:PORT", "remove it, and replace the password"
		return []stack.Finding{f}
	}
	svc, ok := s.Release.Service(s.Release.ServiceAt(address.Hostname()))
	if !ok {
		f.Rule, f.Problem, f.Expected = routerTargetRule.ID, "the upstream is not a service of the compose files", "a service of the compose files"
		return []stack.Finding{f}
	}
	if edge, known := traefik.Service(s.Release, s.Config.Traefik); known && svc.NetworkMode == "" && len(edge.Networks) > 0 && !slices.ContainsFunc(svc.Networks, func(n string) bool { return slices.Contains(edge.Networks, n) }) {
		f.Rule, f.Problem, f.Expected, f.Fix = routerTargetRule.ID, "the edge and the upstream share no network", "a common network", "put "+svc.Name+" on a network of the edge"
		return []stack.Finding{f}
	}
	return nil
}

// inventorySettings sees that stackctl.yaml names services that exist.
func inventorySettings(s gate.Subject) []stack.Finding {
	var out []stack.Finding
	for key, name := range map[string]string{
		"traefik.service": s.Config.Traefik.Service, "contract.service": s.Config.Contract.Service,
		"gates.schema.service": s.Config.Gates.Schema.Service, "gates.jobs.service": s.Config.Gates.Jobs.Service,
		"gates.jobs.scheduler": s.Config.Gates.Jobs.Scheduler, "gates.jobs.dashboard": s.Config.Gates.Jobs.Dashboard,
	} {
		if name == "" || key == "traefik.service" && s.Config.Traefik.Own { // no routes, no edge
			continue
		}
		if _, ok := s.Release.Service(name); !ok {
			out = append(out, stack.Finding{Subject: "setting " + key, Rule: settingsRule.ID, Problem: "stackctl.yaml names a service that the compose files lack", Expected: "a service of the compose files",
				Observed: name, Fix: "correct " + key, File: s.Config.File, Line: settingLine(s.Config.File, name)})
		}
	}
	return out
}

func settingLine(file, word string) int {
	raw, err := given.Read(file, given.Most)
	if err != nil {
		return 0
	}
	return traefik.LineOf(string(raw), word)
}

var (
	docCode = regexp.MustCompile("`([^`]+)`")
	docName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)
)

// docService is one row of the docs' table of services.
type docService struct {
	line int
	port int // 0: not told
}

// inventoryDocs compares the table of services in the docs with the compose
// files: the same names, and the ports that the routes use.
func inventoryDocs(s gate.Subject) []stack.Finding {
	overviewDoc := s.Config.Gates.Compose.Docs
	if s.Config.Root == "" || overviewDoc == "" {
		return nil // a project without such a page
	}
	file := filepath.Join(s.Config.Root, filepath.FromSlash(overviewDoc))
	raw, err := given.Read(file, given.Most)
	if err != nil {
		return []stack.Finding{{Subject: overviewDoc, Rule: inventoryRule.ID, Problem: "the page of services is missing", Expected: "a table with every service", Observed: "no file", Fix: "write " + overviewDoc, File: file}}
	}
	table := docTable(string(raw))
	if len(table) == 0 {
		return []stack.Finding{{Subject: overviewDoc, Rule: inventoryRule.ID, Problem: "the page has no table of services", Expected: "a table with a column `service`", Observed: "none", Fix: "add it", File: file}}
	}
	var out []stack.Finding
	for _, svc := range s.Release.Services {
		row, ok := table[svc.Name]
		if !ok {
			out = append(out, stack.Finding{Subject: "service " + svc.Name, Rule: inventoryRule.ID, Problem: "the docs do not tell of the service", Expected: "a row in " + overviewDoc, Observed: "none",
				Fix: "add the row", File: file})
			continue
		}
		for _, r := range s.Release.Edge.Routes {
			if r.Service == svc.Name && r.Port != 0 && row.port != 0 && r.Port != row.port {
				out = append(out, stack.Finding{Subject: "service " + svc.Name, Rule: inventoryRule.ID, Problem: "docs and routes disagree on the port", Expected: strconv.Itoa(r.Port) + ", as in route " + r.Name,
					Observed: strconv.Itoa(row.port), Fix: "correct one of them", File: file, Line: row.line})
				break
			}
		}
	}
	for name, row := range table {
		if _, ok := s.Release.Service(name); !ok {
			out = append(out, stack.Finding{Subject: "service " + name, Rule: inventoryRule.ID, Problem: "the docs tell of a service that the compose files lack", Expected: "a service of the compose files",
				Observed: name, Fix: "remove the row", File: file, Line: row.line})
		}
	}
	return out
}

// docTable reads the first Markdown table with a column `service`. A row's
// name is the first code word, or the bare word, of that cell.
func docTable(text string) map[string]docService {
	out := map[string]docService{}
	column, portColumn, inside := -1, -1, false
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if inside {
				return out
			}
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if !inside {
			column = slices.IndexFunc(cells, func(c string) bool { return strings.EqualFold(strings.TrimSpace(c), "service") })
			portColumn = slices.IndexFunc(cells, func(c string) bool { return strings.Contains(strings.ToLower(c), "port") })
			inside = column >= 0
			continue
		}
		if column >= len(cells) || strings.Trim(cells[column], " -:") == "" {
			continue
		}
		name := strings.Trim(cells[column], " *")
		if m := docCode.FindStringSubmatch(cells[column]); m != nil {
			name = m[1]
		}
		if !docName.MatchString(name) {
			continue
		}
		row := docService{line: i + 1}
		if portColumn >= 0 && portColumn < len(cells) {
			row.port, _ = strconv.Atoi(strings.Trim(cells[portColumn], " `"))
		}
		out[name] = row
	}
	return out
}
