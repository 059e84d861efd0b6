package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// Maintenance is the state in which the edge answers visitors itself, with 503,
// and leads none of them to a service.
type Maintenance struct {
	Since time.Time `json:"since"`
	// By is user@machine.
	By string `json:"by"`
	// Allow are addresses and networks that reach the site all the same.
	Allow []string `json:"allow,omitempty"`
	// Doors are what is closed.
	Doors []Door `json:"doors"`
}

// Door is what is closed on some entry points, for as long as the TLS options are
// the same: Traefik takes the default ones where two routers of a host differ.
type Door struct {
	// Rules are of routes; what matches one of them is closed.
	Rules       []string `json:"rules"`
	EntryPoints []string `json:"entry_points"`
	Options     string   `json:"options,omitempty"`
}

const (
	// MaintenancePrefix begins the names of all that maintenance brings.
	MaintenancePrefix = "stackctl-maintenance"
	// RetryAfter is how many seconds later a visitor is told to come again (RFC
	// 9110, section 10.2.3).
	RetryAfter = "120"
	// nobody is an address that no request comes from (RFC 919).
	nobody = "255.255.255.255/32"
	// above is the priority of what goes before every route.
	above = 2_000_000_000
	// maintenanceHead begins the file; the state follows on the same line.
	maintenanceHead = "# stackctl: maintenance "
)

// Network reads an address or a network in CIDR notation, as Traefik takes it.
func Network(text string) (string, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return a.Unmap().String(), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return "", fmt.Errorf("%q is neither an address nor a network such as 203.0.113.0/24", text)
	}
	return p.Masked().String(), nil
}

// Rules are those of the routers that close the doors, by the routers' names.
func (m Maintenance) Rules() map[string]string {
	rules := map[string]string{}
	for i, d := range m.Doors {
		rules[routerOf(i)] = m.rule(d)
	}
	return rules
}

func routerOf(door int) string { return fmt.Sprintf("%s-%d", MaintenancePrefix, door) }

// Host returns a host that is closed; otherwise where rules name none.
func (m Maintenance) Host(otherwise string) string {
	for _, d := range m.Doors {
		for _, rule := range d.Rules {
			if named := hosts(rule); len(named) > 0 {
				return named[0]
			}
		}
	}
	return otherwise
}

// File is the dynamic file that closes the doors. It stands beside those of the
// release, which it leaves as they are.
func (m Maintenance) File() (stack.File, error) {
	state, err := json.Marshal(m)
	if err != nil {
		return stack.File{}, fmt.Errorf("write the state of maintenance: %w", err)
	}
	sayWhen, refuse := MaintenancePrefix+"-headers", MaintenancePrefix+"-refuse"
	routers := object{}
	for i, d := range m.Doors {
		tls := object{}
		if d.Options != "" {
			tls["options"] = d.Options
		}
		routers[routerOf(i)] = object{"rule": m.rule(d), "priority": above, "entryPoints": d.EntryPoints,
			"middlewares": []string{sayWhen, refuse}, "service": "noop@internal", "tls": tls}
	}
	all := object{"routers": routers, "middlewares": object{
		sayWhen: object{"headers": object{"stsSeconds": 31536000, "contentTypeNosniff": true,
			"customResponseHeaders": object{"Retry-After": RetryAfter, "Cache-Control": "no-store"}}},
		refuse: object{"ipAllowList": object{"sourceRange": []string{nobody}, "rejectStatusCode": 503}},
	}}
	var b bytes.Buffer
	b.WriteString(maintenanceHead)
	b.Write(state)
	b.WriteString("\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(object{"http": all}); err != nil {
		return stack.File{}, fmt.Errorf("write the routes of maintenance: %w", err)
	}
	return stack.File{Path: stack.MaintenanceFile, Mode: 0o644, Content: b.Bytes()}, e.Close()
}

// rule matches whatever a door closes, but for who is let in.
func (m Maintenance) rule(d Door) string {
	rule := "(" + strings.Join(d.Rules, ") || (") + ")"
	if len(m.Allow) == 0 {
		return rule
	}
	out := "(" + rule + ")"
	for _, a := range m.Allow {
		out += fmt.Sprintf(" && !ClientIP(`%s`)", a)
	}
	return out
}

// ReadMaintenance reads the state back from the file. It returns an error for a
// file that is not just what File would write.
func ReadMaintenance(raw []byte) (Maintenance, error) {
	var m Maintenance
	line, _, _ := bytes.Cut(raw, []byte("\n"))
	state, ours := bytes.CutPrefix(line, []byte(maintenanceHead))
	if !ours {
		return m, errors.New("it was not written by stackctl")
	}
	if err := json.Unmarshal(state, &m); err != nil {
		return m, fmt.Errorf("read its first line: %w", err)
	}
	f, err := m.File()
	if err == nil && !bytes.Equal(f.Content, raw) {
		err = errors.New("it was edited by hand")
	}
	return m, err
}
