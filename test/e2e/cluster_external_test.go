//go:build e2e

package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clientOf is what a project runs whose database is elsewhere: pages, and a client.
const clientOf = `services:
  pages:
    image: shop/app:1
    command: web
    ports: ["3000:8080"]
    healthcheck: {test: [CMD, /shop, alive, "8080"], interval: 5s, start_interval: 1s, start_period: 10s}
    deploy: {replicas: 2}
  db:
    image: postgres:16
    entrypoint: [sh, -c]
    command: ["umask 077; printf '*:*:*:*:%%s\n' \"$$(cat /run/secrets/db_password)\" >/tmp/pgpass; exec sleep infinity"]
    init: true
    environment: {POSTGRES_DB: shop, PGHOST: "%s", PGSSLMODE: verify-full, PGSSLROOTCERT: /run/secrets/database_ca, PGPASSFILE: /tmp/pgpass}
    secrets: [db_password, database_ca]
    tmpfs: [/tmp]
    healthcheck: {test: [CMD-SHELL, "psql -X -q -w -U postgres -d shop -c 'SELECT 1'"], interval: 5s, start_interval: 1s, start_period: 30s}
secrets:
  db_password: {file: secrets/db_password}
  database_ca: {file: secrets/database_ca}
`

// external starts a PostgreSQL outside of the nodes that speaks TLS, and returns its
// address. It trusts its own socket alone.
func (c *cluster) external(password string) string {
	c.t.Helper()
	four := c.Nodes[0].Address.As4()
	four[3] = 40
	address, name := netip.AddrFrom4(four).String(), c.Container+"-external"
	onHost(c.t, "docker", "load", "-q", "-i", filepath.Join(repo, "build/images/postgres.tar"))
	onHost(c.t, "docker", "create", "--name", name, "--network", c.Container, "--ip", address, "-e", "POSTGRES_DB=shop", "-e", "POSTGRES_PASSWORD="+password, "--entrypoint", "sh", "postgres:16",
		"-c", "install -o postgres -m 600 /server.key /server.crt /tmp/; exec docker-entrypoint.sh postgres -c ssl=on -c ssl_cert_file=/tmp/server.crt -c ssl_key_file=/tmp/server.key")
	c.t.Cleanup(func() { onHost(c.t, "docker", "rm", "-fv", name) })
	c.write("secrets/database_ca", c.certify(address))
	return address
}

// certify replaces the external database's certificate and key, and returns the certificate.
func (c *cluster) certify(address string) string {
	c.t.Helper()
	certificate, key := issued(c.t, address)
	for name, content := range map[string]string{"server.crt": certificate, "server.key": key} {
		c.write(name, content)
		onHost(c.t, "docker", "cp", filepath.Join(c.root, name), c.Container+"-external:/"+name)
		if err := os.Remove(filepath.Join(c.root, name)); err != nil {
			c.t.Fatal(err)
		}
	}
	onHost(c.t, "docker", "restart", "-t", "20", c.Container+"-external")
	return certificate
}

// TestAClustersDatabaseMayBeElsewhere deploys to nodes of which none is for data, backs the
// database up and restores it from whichever node the client is on, and trusts its
// certificate alone.
func TestAClustersDatabaseMayBeElsewhere(t *testing.T) {
	walksLong(t)
	c := shopCluster(t, 3)
	c.edit(targetOf, "[edge, data, app]", "[edge, app]")
	const password = "jolly-otter-4-and-a-half"
	address := c.external(password)
	c.write("secrets/db_password", password)
	c.write("compose.yaml", fmt.Sprintf(clientOf, address))
	c.must(0, "provision")
	said := c.must(0, "deploy").out
	if !strings.Contains(said, "db-1 runs on node1 or node2 or node3: it keeps nothing on a node") {
		t.Errorf("the client is bound to a node:\n%s", said)
	}
	c.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000)")
	c.says(0, "on node1 and node2 and in", time.Minute, "backup")
	c.says(0, "1 of 1 tables equal", time.Minute, "restore", "--drill", "latest")
	c.sql("DELETE FROM kept")
	c.must(0, "restore", "latest", "--yes")
	c.holds("after a restore")

	on := c.nodeOf("db")
	c.power(false, on)
	until(t, time.Minute, "the Swarm knows that the client's node is down", func() bool { return c.state(on) == "down" })
	c.holds("though the client's node is lost")
	c.must(0, "backup")
	c.power(true, on)
	c.ready()

	genuine := read(t, filepath.Join(c.root, "secrets/database_ca"))
	c.write("forged", c.certify(address))
	c.says(4, "certificate verify failed", time.Minute, "backup")
	c.write("secrets/database_ca", read(t, filepath.Join(c.root, "forged")))
	if read(t, filepath.Join(c.root, "secrets/database_ca")) == genuine {
		t.Fatal("the certificate is the one of before")
	}
	c.must(0, "deploy") // brings the new authority
	c.holds("with the certificate that is believed now")
	c.must(0, "backup")
}
