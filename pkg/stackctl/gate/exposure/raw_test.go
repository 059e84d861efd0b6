package exposure

import (
	"testing"

	"stackctl/pkg/stackctl/gate/gatetest"
)

func TestExposureCatchesRawRoutesAndPlugins(t *testing.T) {
	gatetest.StaticMutants(t, Declared(), []gatetest.Mutant{
		{Name: "the database through the edge", File: gatetest.RoutesFile, From: "http:\n", To: "tcp:\n  routers:\n    db: {rule: \"HostSNI(`*`)\", service: db, tls: {passthrough: true}}\n  services:\n    db: {loadBalancer: {servers: [{address: \"postgres:5432\"}]}}\nhttp:\n", Subject: "tcp router db", Problem: "unread"},
		{Name: "datagrams through the edge", File: gatetest.RoutesFile, From: "http:\n", To: "udp:\n  routers:\n    dns: {entryPoints: [web], service: dns}\nhttp:\n", Subject: "udp router dns", Problem: "unread"},
		{Name: "code from elsewhere", File: gatetest.StaticFile, From: "ping:\n", To: "experimental:\n  plugins:\n    geo: {moduleName: github.com/example/geo, version: v1.0.0}\nping:\n", Subject: "plugin geo", Problem: "not in its image"},
	})
}
