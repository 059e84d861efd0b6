package exposure

import (
	"testing"

	"stackctl/pkg/stackctl/gate/gatetest"
)

func TestExposureCatchesRawRoutesAndPlugins(t *testing.T) {
	gatetest.StaticMutants(t, Declared(), []gatetest.Mutant{
		{Name: "the database through the edge", File: gatetest.RoutesFile, From: "http:\n", To: "tcp:\n  routers:\n    db: {rule: \"HostSNI(`*`)\", service: db, tls: {passthrough: true}}\n  services:\n    db: {loadBalancer: {servers: [{address: \"postgres:5432\"}]}}\nhttp:\n", Subject: "tcp router db", Problem: "unread"},
		{Name: "datagrams through the edge", File: gatetest.RoutesFile, From: "http:\n", To: "udp:\n  routers:\n    dns: {entryPoints: [web], service: dns}\nhttp:\n", Subject: "udp router dns", Problem: "unread"},
		{Name: "the engine's socket by its switch", File: gatetest.ComposeFile, From: "    command: [\"web\"]\n", To: "    command: [\"web\"]\n    use_api_socket: true\n", Subject: "service web", Problem: "socket"},
		{Name: "code from elsewhere", File: gatetest.StaticFile, From: "ping:\n", To: "experimental:\n  plugins:\n    geo: {moduleName: github.com/example/geo, version: v1.0.0}\nping:\n", Subject: "plugin geo", Problem: "not in its image"},
	})
}
