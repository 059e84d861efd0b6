// Package fake is DigitalOcean's API as its public description has it, for tests: it
// keeps what is made, has pages of two, knows who may do what, and fails when told to.
package fake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"stackctl/pkg/stackctl/digitalocean"
)

// Token is the one that is valid.
const Token = "dop_v1_0123456789abcdef"

// perPage is how many of a list are on one page, whatever is asked for.
const perPage = 2

// API is one account.
type API struct {
	*httptest.Server

	mu        sync.Mutex
	next      int
	Droplets  []digitalocean.Droplet
	Orders    []digitalocean.Order
	Firewalls []digitalocean.Firewall
	Tags      []string
	Keys      map[string]int // by their line
	Zones     map[string][]digitalocean.Record
	// Forbidden are paths that begin so, to which the token has no right.
	Forbidden []string
	// Failures are answered first, one for each call that begins with their words, such
	// as "POST /v2/droplets".
	Failures []Failure
	// Slow is how often a droplet is looked at before it is active.
	Slow int
	// Address is what droplets get; Made is told of each order.
	Address string
	Made    func(digitalocean.Order)
	// Calls are all that were answered: method and path.
	Calls []string
}

// Failure is an answer instead of the right one. After says that the call did its work.
type Failure struct {
	Call    string
	Status  int
	Message string
	Wait    string // Retry-After
	After   bool
}

// New starts an account without anything in it.
func New(t testing.TB) *API {
	t.Helper()
	a := &API{next: 100, Keys: map[string]int{}, Zones: map[string][]digitalocean.Record{}, Address: "203.0.113.7", Slow: 2}
	a.Server = httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(a.Close)
	return a
}

// Under runs a part while nobody asks.
func (a *API) Under(part func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	part()
}

func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	call := r.Method + " " + r.URL.Path
	a.Calls = append(a.Calls, call)
	if r.Header.Get("Authorization") != "Bearer "+Token {
		refuse(w, http.StatusUnauthorized, "Unable to authenticate you")
		return
	}
	if slices.ContainsFunc(a.Forbidden, func(p string) bool { return strings.HasPrefix(call, p) }) {
		refuse(w, http.StatusForbidden, "You are not authorized to perform this operation, "+Token)
		return
	}
	if i := slices.IndexFunc(a.Failures, func(f Failure) bool { return strings.HasPrefix(call, f.Call) }); i >= 0 {
		f := a.Failures[i]
		a.Failures = slices.Delete(a.Failures, i, i+1)
		if f.After {
			a.answer(httptest.NewRecorder(), r)
		}
		if f.Wait != "" {
			w.Header().Set("Retry-After", f.Wait)
		}
		refuse(w, f.Status, f.Message)
		return
	}
	a.answer(w, r)
}

func (a *API) answer(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) < 2 || parts[0] != "v2" {
		refuse(w, http.StatusNotFound, "not found")
		return
	}
	switch parts[1] {
	case "droplets":
		a.droplets(w, r, parts[2:])
	case "firewalls":
		a.firewalls(w, r, parts[2:])
	case "tags":
		a.tags(w, r, parts[2:])
	case "account":
		a.keys(w, r, parts[3:])
	case "domains":
		a.domains(w, r, parts[2:])
	default:
		refuse(w, http.StatusNotFound, "not found")
	}
}

func refuse(w http.ResponseWriter, status int, message string) {
	reply(w, status, map[string]string{"id": "refused", "message": message})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if v != nil {
		_ = json.NewEncoder(w).Encode(v) // the client sees what is missing
	}
}

// list answers one page.
func list[T any](w http.ResponseWriter, r *http.Request, name string, all []T) {
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	from := min(max(page-1, 0)*perPage, len(all))
	to := min(from+perPage, len(all))
	pages := map[string]string{}
	if to < len(all) {
		pages["next"] = fmt.Sprintf("https://%s%s?page=%d", r.Host, r.URL.Path, page+1)
	}
	reply(w, http.StatusOK, map[string]any{name: append([]T{}, all[from:to]...), "links": map[string]any{"pages": pages}, "meta": map[string]int{"total": len(all)}})
}

func (a *API) id() int { a.next++; return a.next }

func (a *API) droplets(w http.ResponseWriter, r *http.Request, rest []string) {
	if len(rest) == 0 && r.Method == http.MethodPost {
		a.order(w, r)
		return
	}
	if len(rest) == 0 {
		tag := r.URL.Query().Get("tag_name")
		list(w, r, "droplets", slices.DeleteFunc(slices.Clone(a.Droplets), func(d digitalocean.Droplet) bool { return tag != "" && !slices.Contains(d.Tags, tag) }))
		return
	}
	i := slices.IndexFunc(a.Droplets, func(d digitalocean.Droplet) bool { return strconv.Itoa(d.ID) == rest[0] })
	switch {
	case i < 0:
		refuse(w, http.StatusNotFound, "The resource you were accessing could not be found.")
	case r.Method == http.MethodDelete:
		a.Droplets = slices.Delete(a.Droplets, i, i+1)
		w.WriteHeader(http.StatusNoContent)
	default:
		if d := &a.Droplets[i]; d.Status == "new" {
			if a.Slow--; a.Slow <= 0 {
				d.Status = "active"
				d.Networks.V4 = []digitalocean.Address{{IP: "10.0.0.2", Type: "private"}, {IP: a.Address, Type: "public"}}
				d.Networks.V6 = []digitalocean.Address{{IP: "2001:db8::7", Type: "public"}}
			}
		}
		reply(w, http.StatusOK, map[string]any{"droplet": a.Droplets[i]})
	}
}

func (a *API) order(w http.ResponseWriter, r *http.Request) {
	var o digitalocean.Order
	if err := json.NewDecoder(r.Body).Decode(&o); err != nil || o.Name == "" || strings.Contains(o.Name, "_") {
		refuse(w, http.StatusUnprocessableEntity, "Only valid hostname characters are allowed.")
		return
	}
	if o.Region == "atlantis1" || len(o.Keys) == 0 {
		refuse(w, http.StatusUnprocessableEntity, "You specified an invalid region for Droplet creation.")
		return
	}
	d := digitalocean.Droplet{ID: a.id(), Name: o.Name, Status: "new", Size: o.Size, Tags: o.Tags, Made: "2026-11-30T12:00:00Z"}
	d.Region.Slug = o.Region
	a.Droplets, a.Orders = append(a.Droplets, d), append(a.Orders, o)
	for _, tag := range o.Tags {
		if !slices.Contains(a.Tags, tag) {
			a.Tags = append(a.Tags, tag)
		}
	}
	if a.Made != nil {
		a.Made(o)
	}
	reply(w, http.StatusAccepted, map[string]any{"droplet": d})
}

func (a *API) firewalls(w http.ResponseWriter, r *http.Request, rest []string) {
	if len(rest) == 0 && r.Method == http.MethodGet {
		list(w, r, "firewalls", a.Firewalls)
		return
	}
	i := -1
	if len(rest) > 0 {
		if i = slices.IndexFunc(a.Firewalls, func(f digitalocean.Firewall) bool { return f.ID == rest[0] }); i < 0 {
			refuse(w, http.StatusNotFound, "not found")
			return
		}
	}
	if r.Method == http.MethodDelete {
		a.Firewalls = slices.Delete(a.Firewalls, i, i+1)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	var f digitalocean.Firewall
	if err := json.NewDecoder(r.Body).Decode(&f); err != nil || slices.ContainsFunc(f.Tags, func(tag string) bool { return !slices.Contains(a.Tags, tag) }) {
		refuse(w, http.StatusUnprocessableEntity, "a tag does not exist")
		return
	}
	if i >= 0 {
		f.ID = a.Firewalls[i].ID
		a.Firewalls[i] = f
		reply(w, http.StatusOK, map[string]any{"firewall": f})
		return
	}
	f.ID = fmt.Sprintf("fw-%d", a.id())
	a.Firewalls = append(a.Firewalls, f)
	reply(w, http.StatusAccepted, map[string]any{"firewall": f})
}

func (a *API) tags(w http.ResponseWriter, r *http.Request, rest []string) {
	if r.Method == http.MethodPost {
		var tag struct{ Name string }
		_ = json.NewDecoder(r.Body).Decode(&tag) // an empty one is refused below
		if tag.Name == "" || slices.Contains(a.Tags, tag.Name) {
			refuse(w, http.StatusUnprocessableEntity, "tag name is not valid, or taken")
			return
		}
		a.Tags = append(a.Tags, tag.Name)
		reply(w, http.StatusCreated, map[string]any{"tag": tag})
		return
	}
	i := slices.Index(a.Tags, rest[0])
	switch {
	case i < 0:
		refuse(w, http.StatusNotFound, "not found")
	case r.Method == http.MethodDelete:
		a.Tags = slices.Delete(a.Tags, i, i+1)
		w.WriteHeader(http.StatusNoContent)
	default:
		reply(w, http.StatusOK, map[string]any{"tag": map[string]string{"name": rest[0]}})
	}
}

func (a *API) keys(w http.ResponseWriter, r *http.Request, rest []string) {
	if r.Method == http.MethodPost {
		var key struct {
			Name   string
			Public string `json:"public_key"`
		}
		_ = json.NewDecoder(r.Body).Decode(&key) // an empty one is refused below
		if key.Name == "" || key.Public == "" || a.Keys[key.Public] != 0 {
			refuse(w, http.StatusUnprocessableEntity, "SSH Key is already in use on your account")
			return
		}
		a.Keys[key.Public] = a.id()
		reply(w, http.StatusCreated, map[string]any{"ssh_key": map[string]int{"id": a.Keys[key.Public]}})
		return
	}
	for public, id := range a.Keys {
		if fingerprint(public) == rest[0] {
			reply(w, http.StatusOK, map[string]any{"ssh_key": map[string]int{"id": id}})
			return
		}
	}
	refuse(w, http.StatusNotFound, "not found")
}

func (a *API) domains(w http.ResponseWriter, r *http.Request, rest []string) {
	if len(rest) == 0 {
		var names []map[string]string
		for zone := range a.Zones {
			names = append(names, map[string]string{"name": zone})
		}
		slices.SortFunc(names, func(x, y map[string]string) int { return strings.Compare(x["name"], y["name"]) })
		list(w, r, "domains", names)
		return
	}
	zone := rest[0]
	records, there := a.Zones[zone]
	switch {
	case !there:
		refuse(w, http.StatusNotFound, "not found")
	case r.Method == http.MethodPost:
		var record digitalocean.Record
		_ = json.NewDecoder(r.Body).Decode(&record) // an empty one is refused below
		if record.Data == "" || record.Type == "" {
			refuse(w, http.StatusUnprocessableEntity, "Data needs to be set")
			return
		}
		record.ID = a.id()
		a.Zones[zone] = append(records, record)
		reply(w, http.StatusCreated, map[string]any{"domain_record": record})
	case r.Method == http.MethodDelete:
		a.Zones[zone] = slices.DeleteFunc(slices.Clone(records), func(d digitalocean.Record) bool { return strconv.Itoa(d.ID) == rest[2] })
		w.WriteHeader(http.StatusNoContent)
	default:
		name, kind := r.URL.Query().Get("name"), r.URL.Query().Get("type")
		list(w, r, "domain_records", slices.DeleteFunc(slices.Clone(records), func(d digitalocean.Record) bool {
			whole := d.Name + "." + zone
			if d.Name == "@" {
				whole = zone
			}
			return whole != name || d.Type != kind
		}))
	}
}
