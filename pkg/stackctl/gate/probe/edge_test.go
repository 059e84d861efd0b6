package probe

import (
	"context"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/stack"
)

func TestRunningEdgeIsTheReleases(t *testing.T) {
	const static, routes, kept = "/etc/traefik/traefik.yml", "/etc/traefik/dynamic/routes.yml", "/etc/traefik/dynamic/" + stack.MaintenanceFile
	maintenance := func(t *testing.T) string {
		f, err := edge.Maintenance{Doors: []edge.Door{{Rules: []string{"Host(`example.org`)"}, EntryPoints: []string{"websecure"}}}}.File()
		if err != nil {
			t.Fatal(err)
		}
		return string(f.Content)
	}
	change := func(file, from, to string) func(*testing.T, *gatetest.RunningServer) {
		return func(t *testing.T, r *gatetest.RunningServer) {
			if !strings.Contains(r.Tree[file], from) {
				t.Fatalf("%s does not hold %q", file, from)
			}
			r.Tree[file] = strings.Replace(r.Tree[file], from, to, 1)
		}
	}
	for _, c := range []struct {
		name   string
		change func(*testing.T, *gatetest.RunningServer)
		want   string // "": no finding
	}{
		{"as it was deployed", func(*testing.T, *gatetest.RunningServer) {}, ""},
		{"comments and order", func(t *testing.T, r *gatetest.RunningServer) {
			change(static, "global:", "# edited\nglobal:")(t, r)
			change(routes, "http:", "# edited\nhttp:")(t, r)
		}, ""},
		{"variables that Traefik does not read", func(_ *testing.T, r *gatetest.RunningServer) {
			r.Told["Env"] = append(r.Told["Env"].([]string), "TZ=UTC")
		}, ""},
		{"a resolver more", change(static, "certificatesResolvers:", "certificatesResolvers:\n  spare:\n    acme: {storage: /acme/o.json}"), "certificatesresolvers.spare.acme.storage was added"},
		{"another directory", change(static, "acme-staging-v02", "acme-v02"), "caserver is another"},
		{"forwarded headers are believed", change(static, "address: \":443\"", "address: \":443\"\n    forwardedHeaders: {insecure: true}"), "forwardedheaders.insecure was added"},
		{"a flag more", func(_ *testing.T, r *gatetest.RunningServer) {
			r.Told["Cmd"] = append(r.Told["Cmd"].([]string), "--api.insecure=true")
		}, "other flags"},
		{"a variable more", func(_ *testing.T, r *gatetest.RunningServer) {
			r.Told["Env"] = append(r.Told["Env"].([]string), "TRAEFIK_API_INSECURE=true")
		}, "other variables"},
		{"a file that cannot be read", func(_ *testing.T, r *gatetest.RunningServer) { r.Tree[static] = "a: [" }, "cannot be read"},
		{"no file", func(_ *testing.T, r *gatetest.RunningServer) { delete(r.Tree, static) }, "is gone"},
		{"a router more", change(routes, "  routers:", "  routers:\n    x: {rule: \"Path(`/x`)\", service: web}"), "http.routers.x.rule was added"},
		{"an upstream elsewhere", change(routes, "http://api-", "http://miner-"), "url is another"},
		{"a file of a stranger", func(_ *testing.T, r *gatetest.RunningServer) { r.Tree["/etc/traefik/dynamic/x.yml"] = "http: {}" }, "does not bring"},
		{"a file of a stranger, in a folder", func(_ *testing.T, r *gatetest.RunningServer) { r.Tree["/etc/traefik/dynamic/a/x.toml"] = "" }, "does not bring"},
		{"visitors are kept out", func(t *testing.T, r *gatetest.RunningServer) { r.Tree[kept] = maintenance(t) }, ""},
		{"visitors are kept out, edited by hand", func(t *testing.T, r *gatetest.RunningServer) {
			r.Tree[kept] = strings.Replace(maintenance(t), "rejectStatusCode: 503", "rejectStatusCode: 200", 1)
		}, "does not bring"},
		{"a stranger's file of that name", func(_ *testing.T, r *gatetest.RunningServer) { r.Tree[kept] = "http: {}" }, "does not bring"},
		{"a file that Traefik passes over", func(_ *testing.T, r *gatetest.RunningServer) { r.Tree["/etc/traefik/dynamic/README"] = "hello" }, ""},
		{"the routes are gone", func(_ *testing.T, r *gatetest.RunningServer) { delete(r.Tree, routes) }, "does not have a file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := gatetest.NewRepo(t).Subject(t)
			server := gatetest.EdgeServer(s, nil)
			c.change(t, server)
			s.Server = server
			found, err := StaticDrift(context.Background(), s, stack.Rule{ID: "x/static"})
			if err != nil {
				t.Fatal(err)
			}
			_, more, err := DynamicDrift(context.Background(), s, stack.Rule{ID: "x/routes"})
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, more...)
			text := ""
			for _, f := range found {
				text += f.Subject + ": " + f.Problem + ": " + f.Observed + "\n"
			}
			if (text == "") != (c.want == "") || !strings.Contains(text, c.want) {
				t.Errorf("found %q, want %q", text, c.want)
			}
		})
	}
}
