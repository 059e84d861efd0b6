package deploy

import (
	"strings"
	"testing"
)

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
