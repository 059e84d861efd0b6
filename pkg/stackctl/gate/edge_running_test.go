package gate

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/stack"
)

// runningServer is a server whose edge can be looked into.
type runningServer struct {
	*fakeServer
	files map[string]string
	told  map[string]any
}

func (r *runningServer) Inspect(context.Context, string) ([]byte, error) {
	return json.Marshal(map[string]any{"Config": r.told})
}

func (r *runningServer) InspectImage(context.Context, string) ([]byte, error) {
	return []byte("{}"), nil
}

func (r *runningServer) Files(_ context.Context, _, at string) ([]stack.File, error) {
	var out []stack.File
	for path, text := range r.files {
		if path == at || strings.HasPrefix(path, strings.TrimSuffix(at, "/")+"/") {
			out = append(out, stack.File{Path: path, Content: []byte(text)})
		}
	}
	return out, nil
}

// edgeServer runs the edge of a release as a deploy leaves it, with more files.
func edgeServer(s Subject, more map[string]string) *runningServer {
	svc, _ := edgeService(s.Release, s.Config.Traefik)
	env := []string{"PATH=/bin"}
	for k, v := range svc.Environment {
		env = append(env, k+"="+v)
	}
	files := map[string]string{"/etc/traefik/traefik.yml": string(s.Release.Edge.Static)}
	pointed, _ := edge.Point(s.Release.Edge.Dynamic, s.Release.ID, s.Release.AppServices()) // they were read before
	for _, f := range pointed {
		files["/etc/traefik/dynamic/"+f.Path] = string(f.Content)
	}
	for path, text := range more {
		files[path] = text
	}
	return &runningServer{
		fakeServer: &fakeServer{
			run:        func([]string) (stack.Output, error) { return stack.Output{Exit: 1}, nil },
			containers: []stack.Container{{ID: "e", Name: "stack-traefik-1", Project: "stack", Service: "traefik", State: "running"}},
		},
		files: files,
		told:  map[string]any{"Entrypoint": []string{"/entrypoint.sh"}, "Cmd": svc.Command, "Env": env},
	}
}

func TestRunningEdgeIsTheReleases(t *testing.T) {
	const static, routes = "/etc/traefik/traefik.yml", "/etc/traefik/dynamic/routes.yml"
	change := func(file, from, to string) func(*testing.T, *runningServer) {
		return func(t *testing.T, r *runningServer) {
			if !strings.Contains(r.files[file], from) {
				t.Fatalf("%s does not hold %q", file, from)
			}
			r.files[file] = strings.Replace(r.files[file], from, to, 1)
		}
	}
	for _, c := range []struct {
		name   string
		change func(*testing.T, *runningServer)
		want   string // "": no finding
	}{
		{"as it was deployed", func(*testing.T, *runningServer) {}, ""},
		{"comments and order", func(t *testing.T, r *runningServer) {
			change(static, "global:", "# edited\nglobal:")(t, r)
			change(routes, "http:", "# edited\nhttp:")(t, r)
		}, ""},
		{"variables that Traefik does not read", func(_ *testing.T, r *runningServer) { r.told["Env"] = append(r.told["Env"].([]string), "TZ=UTC") }, ""},
		{"a resolver more", change(static, "certificatesResolvers:", "certificatesResolvers:\n  spare:\n    acme: {storage: /acme/o.json}"), "certificatesresolvers.spare.acme.storage was added"},
		{"another directory", change(static, "acme-staging-v02", "acme-v02"), "caserver is another"},
		{"forwarded headers are believed", change(static, "address: \":443\"", "address: \":443\"\n    forwardedHeaders: {insecure: true}"), "forwardedheaders.insecure was added"},
		{"a flag more", func(_ *testing.T, r *runningServer) {
			r.told["Cmd"] = append(r.told["Cmd"].([]string), "--api.insecure=true")
		}, "other flags"},
		{"a variable more", func(_ *testing.T, r *runningServer) {
			r.told["Env"] = append(r.told["Env"].([]string), "TRAEFIK_API_INSECURE=true")
		}, "other variables"},
		{"a file that cannot be read", func(_ *testing.T, r *runningServer) { r.files[static] = "a: [" }, "cannot be read"},
		{"no file", func(_ *testing.T, r *runningServer) { delete(r.files, static) }, "is gone"},
		{"a router more", change(routes, "  routers:", "  routers:\n    x: {rule: \"Path(`/x`)\", service: web}"), "http.routers.x.rule was added"},
		{"an upstream elsewhere", change(routes, "http://api-", "http://miner-"), "url is another"},
		{"a file of a stranger", func(_ *testing.T, r *runningServer) { r.files["/etc/traefik/dynamic/x.yml"] = "http: {}" }, "does not bring"},
		{"a file of a stranger, in a folder", func(_ *testing.T, r *runningServer) { r.files["/etc/traefik/dynamic/a/x.toml"] = "" }, "does not bring"},
		{"a file that Traefik passes over", func(_ *testing.T, r *runningServer) { r.files["/etc/traefik/dynamic/README"] = "hello" }, ""},
		{"the routes are gone", func(_ *testing.T, r *runningServer) { delete(r.files, routes) }, "does not have a file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newRepo(t).subject(t)
			server := edgeServer(s, nil)
			c.change(t, server)
			s.Server = server
			found, err := staticDrift(context.Background(), s)
			if err != nil {
				t.Fatal(err)
			}
			_, more, err := dynamicDrift(context.Background(), s)
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

func TestStoredCertificateThatNamesAPublicAuthority(t *testing.T) {
	for issuer, want := range map[string]int{"R10": 1, "E6": 1, "YR2": 1, "ZeroSSL ECC Domain Secure Site CA": 1, "(STAGING) Wannabe Watercress R11": 0, "Pebble Intermediate CA 3a4b5c": 0, "Refinery": 0} {
		leaf := newAuthority(t, "Some Root").leaf(t, leafOptions{names: []string{"example.org"}, issuer: issuer, self: true})
		doc, err := json.Marshal(map[string]any{"le-staging": map[string]any{"Certificates": []any{map[string]any{
			"domain": map[string]string{"main": "example.org"}, "certificate": base64.StdEncoding.EncodeToString(leaf.pem()),
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		roots, err := loadACMERoots("")
		if err != nil {
			t.Fatal(err)
		}
		if found := judgeACMEStore("acme.json", doc, acmeStagingURL, roots); len(found) != want {
			t.Errorf("issuer %s: %d findings, want %d", issuer, len(found), want)
		}
	}
}
