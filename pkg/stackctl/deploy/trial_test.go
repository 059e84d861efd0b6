package deploy

import (
	"context"
	"errors"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// A rollback has no files of its own: what it needs is on the host.
func TestTheThrowawayEdgeOfARollbackReadsTheTrialsStaticFile(t *testing.T) {
	s := operator("/srv/shop", "run", 0)
	s.d.Config.Traefik.Service = "edge"
	static := []byte("entryPoints: {}\n")
	x := &executor{story: s, want: Wanted{Release: stack.Release{ID: "5f2c", Edge: stack.EdgeConfig{Static: static}, Base: []byte(`
services:
  edge:
    volumes:
      - {type: bind, source: /srv/shop/files/12/traefik.yml, target: /etc/traefik/traefik.yml}
      - {type: bind, source: /srv/shop/files/34/ca.pem, target: /etc/ca.pem}
      - {type: bind, source: /srv/shop/edge/dynamic, target: /etc/traefik/dynamic}
      - {type: volume, source: acme, target: /acme}
`)}}}
	x.server = hashing{sums: map[string]string{"/srv/shop/files/12/traefik.yml": stack.Sum(static), "/srv/shop/files/34/ca.pem": "x"}}
	swap, err := x.edgeSwap(t.Context(), x.want.Release, "/srv/shop/try/traefik.yml", "/srv/shop/try/dynamic")
	if err != nil || len(swap) != 2 || swap["/srv/shop/files/12/traefik.yml"] != "/srv/shop/try/traefik.yml" || swap["/srv/shop/edge/dynamic"] != "/srv/shop/try/dynamic" {
		t.Errorf("%v, %v", swap, err)
	}
	x.server = hashing{}
	if _, err := x.edgeSwap(t.Context(), x.want.Release, "/srv/shop/try/traefik.yml", "/srv/shop/try/dynamic"); err == nil || !strings.Contains(err.Error(), "files/12/traefik.yml") {
		t.Errorf("a static file that is gone: %v", err)
	}
}

func TestTheThrowawayEdgeHasNoPortVolumeOrNetworkOfTheRealOne(t *testing.T) {
	got, err := trialCompose([]byte(`
name: shop
services:
  db: {image: db}
  edge:
    image: sha256:1
    labels: {dev.stackctl.layer: edge}
    networks: {edge: {}}
    ports: [{target: 80, published: "80"}]
    healthcheck: {test: [CMD, x]}
    secrets: [{source: htpasswd, target: /run/secrets/htpasswd}]
    volumes:
      - {type: bind, source: /srv/shop/edge/dynamic, target: /etc/traefik/dynamic, read_only: true}
      - {type: bind, source: /srv/shop/ca.pem, target: /etc/ca.pem, read_only: true}
      - {type: volume, source: acme, target: /acme}
secrets: {htpasswd: {file: /srv/shop/secrets/htpasswd}}
volumes: {acme: {}}
networks: {edge: {}}
`), "edge", "shop-trial", map[string]string{"/srv/shop/edge/dynamic": "/srv/shop/try"})
	if err != nil {
		t.Fatal(err)
	}
	text := string(got)
	for _, want := range []string{"name: shop-trial", "sha256:1", "source: /srv/shop/try", "/srv/shop/ca.pem", "/srv/shop/secrets/htpasswd", "network_mode: bridge"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	for _, not := range []string{"published", "acme", "networks", "db", "healthcheck", "labels", "source: /srv/shop/edge/dynamic"} {
		if strings.Contains(text, not) {
			t.Errorf("%q is in\n%s", not, text)
		}
	}
	if _, err := trialCompose([]byte("services: {}"), "edge", "shop-trial", nil); err == nil {
		t.Error("a file without the edge gives a trial")
	}
}

// hashing is a server whose files have the given sums.
type hashing struct {
	node.Server
	sums map[string]string
}

func (h hashing) Hashes(_ context.Context, root string, paths []string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range paths {
		if sum := h.sums[root+"/"+p]; sum != "" {
			out[p] = sum
		}
	}
	return out, nil
}

func TestAServerThatLetsNobodyWatchFilesIsToldApartFromBadFiles(t *testing.T) {
	for text, want := range map[string]string{"error creating file watcher: too many open files": "fs.inotify.max_user_instances", "yaml: line 3": "correct the files in traefik/dynamic"} {
		if got := trialFix(errors.New(text), "traefik/dynamic"); !strings.Contains(got, want) {
			t.Errorf("%s: %s", text, got)
		}
	}
}
