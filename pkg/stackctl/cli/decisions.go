package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"text/tabwriter"

	"stackctl/pkg/stackctl/infer"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// parseRoutes reads [HOST[/PATH]=]SERVICE:PORT. The first route without a host
// gets the domain, each other one its service's name.
func parseRoutes(texts []string, domain string, services []infer.Service) ([]stack.RouteSpec, error) {
	var out []stack.RouteSpec
	for _, text := range texts {
		where, what, named := strings.Cut(text, "=")
		if !named {
			where, what = "", text
		}
		service, port, _ := strings.Cut(what, ":")
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return nil, usageOf("stackctl init", fmt.Errorf("--route %s: write it as SERVICE:PORT or HOST=SERVICE:PORT", text))
		}
		if !slices.ContainsFunc(services, func(s infer.Service) bool { return s.Name == service }) {
			return nil, usageOf("stackctl init", fmt.Errorf("--route %s: the compose files have no service %q", text, service))
		}
		host, path, hasPath := strings.Cut(where, "/")
		spec := stack.RouteSpec{Service: service, Port: n, Host: strings.ToLower(host)}
		if hasPath {
			spec.Path = strings.TrimSuffix("/"+path, "/")
		}
		if spec.Host == domain || spec.Host == "@" {
			spec.Host = ""
		} else if front, ok := strings.CutSuffix(spec.Host, "."+domain); ok && domain != "" && !strings.Contains(front, ".") {
			spec.Host = front
		}
		out = append(out, spec)
	}
	return out, nil
}

// decision is what init decides about one service.
type decision struct {
	Service string `json:"service"`
	// Layer is empty for a service that is left out, Strategy for one that nothing
	// replaces: a store, or what is not deployed.
	Layer    string `json:"layer,omitempty"`
	Strategy string `json:"strategy,omitempty"`
	// Routes are the addresses that lead to it.
	Routes []string `json:"routes,omitempty"`
	Why    string   `json:"why"`
	// Built reports whether its image is built of its build section.
	Built bool `json:"built,omitempty"`
	// Notes are what becomes of its ports, and what hides its image.
	Notes []string `json:"notes,omitempty"`
}

// decisions are those about each service, in the order of the survey.
func decisions(survey release.Survey, layers map[string]infer.Decision, left map[string]string, routing infer.Routing, domain string) []decision {
	var out []decision
	certificates, nameless := infer.Certificates(survey.Services), infer.Nameless(survey.Services, layers)
	for _, s := range survey.Services {
		d := decision{Service: s.Name, Layer: string(layers[s.Name].Layer), Strategy: string(s.Strategy), Why: layers[s.Name].LayerCause}
		for _, r := range routing.Routes {
			if r.Service == s.Name {
				d.Routes = append(d.Routes, address(r, domain))
			}
		}
		switch {
		case left[s.Name] != "":
			d.Layer, d.Strategy, d.Why = "", "", "left out: "+left[s.Name]
		case !s.Deployed:
			d.Strategy, d.Why = "", "not deployed: name its profile "+strings.Join(s.Profiles, " or ")+" under compose.profiles"
		case layers[s.Name].OneShot:
			d.Strategy, d.Why = "once", layers[s.Name].OneShotCause
		case s.StrategyCause != "":
			d.Why += "; " + s.StrategyCause
		}
		if d.Built = s.Build && s.Deployed && d.Layer != ""; d.Built {
			d.Why += "; its image is built"
		}
		for _, cause := range routing.Causes[s.Name] {
			d.Notes = append(d.Notes, strings.ReplaceAll(cause, "DOMAIN", domain))
		}
		if d.Layer != "" {
			d.Notes = append(d.Notes, survey.Notes[s.Name]...)
		}
		if note := certificates[s.Name]; note != "" && d.Layer != "" {
			d.Notes = append(d.Notes, note)
		}
		if folders := nameless[s.Name]; len(folders) > 0 && d.Layer != "" {
			d.Notes = append(d.Notes, "what it writes to "+strings.Join(folders, ", ")+" is empty again with every release, for the volume has no name. If it must last, name it: NAME:"+folders[0])
		}
		if mount := survey.Hidden[s.Name]; mount != "" && d.Built {
			d.Notes = append(d.Notes, mount+" lies over what its image is built of: later releases would not change what runs. Remove it for a server, or keep it in compose.override.yaml")
		}
		out = append(out, d)
	}
	return out
}

// printDecisions prints one line per service, and below it what becomes of its ports and
// secrets.
func (o *initOptions) printDecisions(list []decision, survey release.Survey, routing infer.Routing) {
	w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SERVICE\tLAYER\tSTRATEGY\tROUTE\tWHY")
	var more []string
	for _, d := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", d.Service, or(d.Layer, "-"), or(d.Strategy, "-"), or(strings.Join(d.Routes, " "), "-"), d.Why)
		for _, note := range d.Notes {
			more = append(more, d.Service+": "+note)
		}
	}
	_ = w.Flush() // a reader that is gone reads nothing
	more = append(more, literals(survey.Literals)...)
	if len(more) > 0 {
		fmt.Fprintln(o.out)
	}
	for _, line := range more {
		fmt.Fprintln(o.out, line)
	}
	if len(routing.Routes) == 0 {
		why := "No service looks like HTTP"
		if slices.ContainsFunc(more, func(line string) bool { return strings.Contains(line, "guard: staff shows it") }) {
			why = "What looks like HTTP asks nobody to sign in"
		}
		if slices.ContainsFunc(survey.Services, func(s infer.Service) bool { return !s.Deployed && len(s.Ports) > 0 }) {
			why += ", or its profile is not named"
		}
		fmt.Fprintln(o.out, "\n"+why+": nothing is routed, and there is no edge. --route SERVICE:PORT adds a route.")
	}
}

// literals names the secrets that stand in the compose files, and the way out: a
// line for each service, and one for several that have the same from an anchor.
func literals(found []release.Literal) []string {
	var lists []string
	services := map[string][]string{}
	for i := 0; i < len(found); {
		service, list := found[i].Service, ""
		for ; i < len(found) && found[i].Service == service; i++ {
			if list != "" {
				list += ", "
			}
			list += fmt.Sprintf("%s (%s:%d)", found[i].Name, filepath.Base(found[i].File), found[i].Line)
		}
		if services[list] == nil {
			lists = append(lists, list)
		}
		services[list] = append(services[list], service)
	}
	for i, list := range lists {
		lists[i] = strings.Join(services[list], ", ") + ": secrets stand in the compose file; write ${NAME} there and the value in .env, or mount a secret: " + list
	}
	return lists
}

func address(r stack.RouteSpec, domain string) string {
	switch {
	case r.Host == "":
		return domain + r.Path
	case strings.Contains(r.Host, "."):
		return r.Host + r.Path
	}
	return r.Host + "." + domain + r.Path
}

// writeExample writes the names of the variables, never their values, and tells
// which ones must be set.
func (o *initOptions) writeExample(root string, env map[string]string, survey release.Survey) error {
	names := map[string]bool{}
	for name := range env {
		names[name] = true
	}
	maps.Copy(names, survey.Named)
	for _, v := range survey.Undefined {
		names[v.Name] = true
		what := "it is empty else"
		if v.Needed {
			what = "check refuses it without"
		}
		fmt.Fprintf(o.out, "set %s in .env: %s:%d uses it, it has no default, and %s\n", v.Name, filepath.Base(v.File), v.Line, what)
	}
	file := filepath.Join(root, ".env.example")
	if _, err := os.Lstat(file); err == nil || len(names) == 0 {
		return nil // what is there is the team's
	} else if !errors.Is(err, fs.ErrNotExist) {
		return stack.Usage(file, 0, err.Error(), "")
	}
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	sort.Strings(sorted)
	text := "# The variables of the compose file. Copy this to .env and fill it in.\n" + strings.Join(sorted, "=\n") + "=\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return stack.Usage(file, 0, err.Error(), "")
	}
	fmt.Fprintf(o.out, "wrote %s: the names of the variables, no values\n", filepath.Base(file))
	return nil
}
