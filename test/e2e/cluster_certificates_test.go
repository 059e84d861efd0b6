//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/sandbox"
)

// briefEdge is a site behind a Traefik of its own whose certificates are renewed when
// less than twenty minutes are left, looked at once a minute.
const briefEdge = `services:
  traefik:
    image: traefik:v3.6.12
    command: ["--configFile=/etc/traefik/traefik.yml"]
    user: "0:0"
    ports: ["80:80", "443:443"]
    volumes: ["./traefik/traefik.yml:/etc/traefik/traefik.yml:ro", "./traefik/dynamic:/etc/traefik/dynamic:ro", "acme:/acme"]
    x-stackctl: {layer: edge}
    restart: unless-stopped
    secrets: [staff_htpasswd]
    healthcheck: {test: [CMD, traefik, healthcheck, "--configFile=/etc/traefik/traefik.yml"], interval: 5s, start_interval: 1s, start_period: 30s}
  pages:
    image: shop/app:1
    command: web
    restart: unless-stopped
    deploy: {replicas: 2}
    healthcheck: {test: [CMD, /shop, alive, "8080"], interval: 5s, start_interval: 1s, start_period: 10s}
volumes: {acme: {}}
secrets: {staff_htpasswd: {file: ./secrets/staff_htpasswd}, staff_password: {file: ./secrets/staff_password}}
`

const briefStatic = `global: {checkNewVersion: false, sendAnonymousUsage: false}
log: {level: INFO}
api: {dashboard: true, insecure: false}
ping: {entryPoint: internal}
entryPoints:
  web: {address: ":80"}
  websecure: {address: ":443"}
  internal: {address: ":8090"}
providers:
  providersThrottleDuration: 50ms
  file: {directory: /etc/traefik/dynamic, watch: true}
certificatesResolvers:
  le-staging:
    acme:
      caServer: https://acme-staging-v02.api.letsencrypt.org/directory
      email: ""
      storage: /acme/acme.json
      certificatesDuration: 1
      httpChallenge: {entryPoint: web}
`

const briefRoutes = `http:
  routers:
    pages: {rule: "Host(` + "`stack.localhost`" + `)", entryPoints: [websecure], service: pages, middlewares: [public], tls: {certResolver: le-staging}}
    plain: {rule: "Host(` + "`stack.localhost`" + `)", entryPoints: [web], service: noop@internal, middlewares: [secure]}
    inside: {rule: "PathPrefix(` + "`/api/`" + `)", entryPoints: [internal], service: api@internal, middlewares: [staff]}
  middlewares:
    public: {headers: {stsSeconds: 31536000, contentTypeNosniff: true, customFrameOptionsValue: SAMEORIGIN, referrerPolicy: same-origin, customResponseHeaders: {Server: "", X-Powered-By: ""}}}
    staff: {basicAuth: {usersFile: /run/secrets/staff_htpasswd, realm: staff, removeHeader: true}}
    secure: {redirectScheme: {scheme: https, permanent: true}}
  services:
    pages: {loadBalancer: {servers: [{url: "http://pages:8080"}]}}
`

// renewal is how long an edge may take to renew: it looks once a minute, the ACME server
// may ask a node that is dead, and then it is the next minute's turn.
const renewal = 6 * time.Minute

// serial is the serial number of the certificate that an edge serves for a name; empty: it serves none.
func serial(at netip.Addr, name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}} // which one it is, not whether it is good
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(at.String(), "443"))
	if err != nil {
		return ""
	}
	defer conn.Close()
	leaf := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
	if strings.Contains(leaf.Subject.CommonName, "TRAEFIK DEFAULT") {
		return ""
	}
	return leaf.SerialNumber.String()
}

// TestEveryEdgeRenewsItsCertificates lets certificates of 21 minutes be renewed on two
// edges, with one of them away in turn, and never deploys.
func TestEveryEdgeRenewsItsCertificates(t *testing.T) {
	walksLong(t)
	c := clusterWith(t, sandbox.Options{Nodes: 3, Lifetime: 21 * time.Minute})
	c.write("compose.yaml", briefEdge)
	c.write("traefik/traefik.yml", briefStatic)
	c.write("traefik/dynamic/routes.yml", briefRoutes)
	c.write("stackctl.yaml", "project: shop\npolicy: standard\ncompose: {files: [compose.yaml]}\nimages: {archives: images}\ntraefik: {service: traefik, static: traefik/traefik.yml, dynamic: traefik/dynamic, api_port: 8090, resolver: le-staging, staff: {user: staff, password_file: secrets/staff_password}}\n")
	c.images("traefik", "shop")
	c.must(0, "init", "--secrets")
	c.must(0, "provision")
	c.must(0, "deploy")
	edges := c.Nodes[:2]
	renewed := func(what string, at ...sandbox.Node) {
		t.Helper()
		began, before := time.Now(), map[string]string{}
		for _, n := range at {
			before[n.Name] = serial(n.Address, domain)
		}
		for _, n := range at {
			until(t, renewal, what+": "+n.Name+" serves a new certificate", func() bool {
				now := serial(n.Address, domain)
				return now != "" && now != before[n.Name]
			})
		}
		t.Logf("%s: after %s", what, time.Since(began).Round(time.Second))
	}
	if one, two := serial(edges[0].Address, domain), serial(edges[1].Address, domain); one == "" || two == "" || one == two {
		t.Fatalf("each edge has its own certificate: %q, %q", one, two)
	}
	renewed("both edges are there", edges...)
	for i, dead := range edges {
		container := c.Container
		if i > 0 {
			container = fmt.Sprintf("%s-%d", c.Container, i+1)
		}
		if out, err := exec.Command("docker", "kill", container).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		renewed(dead.Name+" is dead", edges[1-i])
		c.up()
		until(t, 2*time.Minute, dead.Name+" serves again", func() bool { return serial(dead.Address, domain) != "" })
		renewed(dead.Name+" is back", edges...)
	}
	for _, n := range edges {
		if status, body := fetch(c.at(n), http.MethodGet, quickPage); status != http.StatusOK {
			t.Errorf("%s answers %d %q", n.Name, status, body)
		}
	}
	c.must(0, "verify")
}
