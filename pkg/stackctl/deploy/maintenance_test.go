package deploy

import (
	"reflect"
	"testing"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/traefik"
)

func TestTheDoorsAreTheHostsThatAreServedByHTTPS(t *testing.T) {
	public, inside := traefik.EntryPoint{Name: "websecure", Public: true}, traefik.EntryPoint{Name: "internal"}
	at := func(points ...traefik.EntryPoint) []traefik.EntryPoint { return points }
	modern, err := traefik.ParseFile("routes.yml", []byte("http: {routers: {old: {tls: {options: legacy}}}}"))
	if err != nil {
		t.Fatal(err)
	}
	got := doors(traefik.Model{Dynamic: []traefik.Source{{Root: modern}}, Routers: []traefik.Router{
		{Name: "web", Rule: "Host(`example.org`)", Hosts: []string{"example.org"}, EntryPoints: at(public, inside), TLS: true},
		{Name: "web-reads", Rule: "Host(`example.org`) && Method(`GET`)", Hosts: []string{"example.org"}, EntryPoints: at(public), TLS: true},
		{Name: "books", Rule: "Host(`books.example.org`) && PathPrefix(`/x`)", Hosts: []string{"books.example.org"}, EntryPoints: at(public), TLS: true},
		{Name: "any", Rule: "PathPrefix(`/any`)", EntryPoints: at(public), TLS: true},
		{Name: "old", Rule: "Host(`old.example.org`)", Hosts: []string{"old.example.org"}, EntryPoints: at(public), TLS: true},
		{Name: "plain", Rule: "Host(`plain.example.org`)", Hosts: []string{"plain.example.org"}, EntryPoints: at(public)},
		{Name: "api", Rule: "PathPrefix(`/api/`)", EntryPoints: at(inside), TLS: true},
		{Name: "ssh", Rule: "HostSNI(`*`)", EntryPoints: at(public), TLS: true, TCP: true},
	}})
	want := []edge.Door{
		{Rules: []string{"Host(`example.org`)", "Host(`books.example.org`)", "PathPrefix(`/any`)"}, EntryPoints: []string{"websecure"}},
		{Rules: []string{"Host(`old.example.org`)"}, EntryPoints: []string{"websecure"}, Options: "legacy"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the doors are %+v", got)
	}
}
