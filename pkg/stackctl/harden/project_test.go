package harden

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// shop is a release of a small project: an edge, a store, a migration, two services
// and one that is not to be tried.
func shop() stack.Release {
	return stack.Release{
		ID: "0123456789ab", Project: "shop", Domain: "shop.example",
		Services: []stack.Service{
			{Name: "edge", Layer: stack.LayerEdge, Deployed: true},
			{Name: "db", Layer: stack.LayerData, Deployed: true},
			{Name: "migrate", Layer: stack.LayerApp, OneShot: true, Deployed: true, DependsOn: map[string]string{"db": "service_started"}},
			{Name: "books", Layer: stack.LayerApp, Deployed: true},
			{Name: "web", Layer: stack.LayerApp, Deployed: true, DependsOn: map[string]string{"books": "service_started", "edge": "service_started"}},
			{Name: "agent", Layer: stack.LayerApp, Deployed: true, Volumes: []stack.Mount{{Type: "bind", Source: "/var/run/docker.sock"}}},
			{Name: "panel", Layer: stack.LayerApp, Deployed: true, DependsOn: map[string]string{"agent": "service_started"}},
			{Name: "debug", Layer: stack.LayerApp},
		},
		Base: []byte(`
services:
  edge: {image: traefik}
  db:
    image: sha256:d
    labels: {dev.stackctl.project: shop, dev.stackctl.layer: data, dev.stackctl.definition: x}
    networks: {default: {aliases: [postgres], ipv4_address: 10.0.0.5}}
    volumes:
      - {type: volume, source: pg, target: /var/lib/postgresql/data}
networks: {default: {name: shop_default, internal: true}}
volumes: {pg: {name: shop_pg, driver_opts: {type: nfs}}}
`),
		App: []byte(`
services:
  migrate: {image: sha256:a, x-stackctl: {run: once}}
  books:
    image: sha256:a
    container_name: books
    restart: unless-stopped
    ports: [{published: "80"}]
    logging: {driver: syslog}
    deploy: {replicas: 3, resources: {limits: {cpus: "1"}}}
    volumes:
      - {type: bind, source: /srv/shop/rehearsal/data/uploads, target: /uploads}
      - {type: bind, source: /srv/shop/data/uploads, target: /old}
      - {type: bind, source: /etc/localtime, target: /etc/localtime}
      - {type: bind, source: /srv/app.conf, target: /app.conf}
      - {type: volume, source: entries, target: /entries}
  web:
    image: sha256:a
    external_links: ["books-live:books"]
    volumes: [{type: volume, source: entries, target: /entries, read_only: true}]
  agent: {image: sha256:a}
networks: {default: {name: shop_default, external: true}}
volumes: {entries: {name: shop_entries, external: true}}
secrets: {key: {file: /srv/shop/rehearsal/secrets/x}}
`),
	}
}

func TestServicesAreTriedAfterWhatTheyNeed(t *testing.T) {
	for _, c := range []struct {
		names  string
		levels string
		tried  string
	}{
		{"", "[[db] [migrate] [books] [web]]", "[books db migrate web]"},
		{"web", "[[db] [migrate] [books] [web]]", "[web]"},
		{"migrate", "[[db] [migrate]]", "[migrate]"},
	} {
		p, err := choose(shop(), strings.Fields(c.names))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(p.levels()); got != c.levels || fmt.Sprint(p.hardened()) != c.tried {
			t.Errorf("%q: %s of which %v are tried, want %s and %s", c.names, got, p.hardened(), c.levels, c.tried)
		}
	}
	if _, err := choose(shop(), []string{"debug"}); err == nil || !strings.Contains(err.Error(), "there are agent, books") {
		t.Errorf("a service that is not deployed: %v", err)
	}
}

func TestWhatCannotStandApartIsNotTried(t *testing.T) {
	p, err := choose(shop(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, why := range map[string]string{"edge": "it is the edge", "agent": "engine's socket", "panel": "it needs agent"} {
		if _, is := p.services[name]; is || !strings.Contains(p.skipped[name], why) {
			t.Errorf("%s is tried: %v, because %q; want %q", name, is, p.skipped[name], why)
		}
	}
}

func TestAServiceBeginsAnewWithWhatHangsOnIt(t *testing.T) {
	p, err := choose(shop(), nil)
	if err != nil {
		t.Fatal(err)
	}
	volumes := map[string][]string{"books": {"entries"}, "web": {"entries"}}
	for name, want := range map[string]string{"db": "[books db migrate web]", "web": "[books web]"} {
		if got := fmt.Sprint(p.anew([]string{name}, volumes)); got != want {
			t.Errorf("%s begins anew with %s, want %s", name, got, want)
		}
	}
}

func TestTheStageTouchesNothingThatIsDeployed(t *testing.T) {
	p, err := choose(shop(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newStage(shop(), p, "/srv/shop/rehearsal")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := s.file(p, map[string]Setting{"books": {ReadOnly: true, Tmpfs: []string{"/tmp"}, DropAll: true, CapAdd: []string{"CHOWN"}, Memory: 128 * mib, Tasks: 256}, "db": {Memory: 128 * mib}}, map[string]bool{"books": true})
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for _, gone := range []string{"ports", "container_name", "syslog", "replicas", "external", "shop_pg", "shop_entries", "shop_default", "nfs", "10.0.0.5", "source: /srv/shop/data", "dev.stackctl.project", "traefik", "unless-stopped"} {
		if strings.Contains(text, gone) {
			t.Errorf("it has %q:\n%s", gone, text)
		}
	}
	var doc struct {
		Services map[string]map[string]any
		Networks map[string]map[string]any
		Volumes  map[string]map[string]any
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	for kind, things := range map[string]map[string]map[string]any{"service": doc.Services, "network": doc.Networks, "volume": doc.Volumes} {
		for name, thing := range things {
			labels, _ := thing["labels"].(map[string]any)
			if labels[stack.LabelThrowaway] != "shop" || kind != "service" && !strings.HasPrefix(fmt.Sprint(thing["name"]), stack.RehearsalProject("shop")+"_") {
				t.Errorf("%s %s is no throwaway: %v", kind, name, thing)
			}
		}
	}
	books := fmt.Sprint(doc.Services["books"])
	for _, has := range []string{
		"/srv/shop/rehearsal/data/uploads target:/uploads", "source:books-1 target:/old type:volume", "read_only:true source:/etc/localtime", "read_only:true source:/srv/app.conf",
		"read_only:true", "tmpfs:[/tmp:mode=1777,size=64m]", "cap_drop:[ALL]", "cap_add:[CHOWN]", "restart:no", "limits:map[cpus:1 memory:134217728 pids:256]", "db:map[condition:service_healthy",
		"migrate:map[condition:service_completed_successfully",
	} {
		if !strings.Contains(books, has) {
			t.Errorf("books has no %q: %s", has, books)
		}
	}
	if web := fmt.Sprint(doc.Services["web"]["depends_on"]); !strings.Contains(web, "books:map[condition:service_started") {
		t.Errorf("web waits for %s", web)
	}
	if db := fmt.Sprint(doc.Services["db"]); !strings.Contains(db, "mem_limit:134217728") || !strings.Contains(db, "aliases:[postgres]") || doc.Networks["default"]["internal"] != true {
		t.Errorf("db is %s on %v", db, doc.Networks)
	}
	if !slices.Equal(s.volumes["books"], []string{"books-1", "entries"}) {
		t.Errorf("books has the volumes %v", s.volumes["books"])
	}
}
